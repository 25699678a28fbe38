// SPDX-License-Identifier: Apache-2.0
// Real guests in real QEMU under real libvirt; a private daemon where none runs.
#include "builder_service/instances/instance_service.hh"

#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "builder_service/fleet/health.hh"
#include "builder_service/fleet/instance_fleet.hh"
#include "common/util/temporary_directory.hh"
#include "tests/unit/hypervisor/guests.hh"

namespace unikernel
{
namespace
{

using namespace std::chrono_literals;
using testing::HasSubstr;

class InstanceServiceTest : public testing::Test
{
protected:
    static void SetUpTestSuite()
    {
        auto connected = Hypervisor::connect("", STATE);
        ASSERT_TRUE(connected) << connected.error().message;
        hypervisor_ = std::move(*connected);
    }
    static void TearDownTestSuite() { hypervisor_.reset(); }

    void SetUp() override
    {
        add_image("good", "u0: sealed\n", GuestEnd::spin);
        add_image("better", "u0: sealed\nbetter\n", GuestEnd::spin);
        add_image("mute", "nothing\n", GuestEnd::spin);
        add_image("job", "u0: sealed\nu0: panic it is done\n", GuestEnd::power_off);
        open_service();
    }
    void TearDown() override
    {
        const auto all = service_->list();
        ASSERT_TRUE(all) << all.error().message;
        for (const auto& each : *all)
            EXPECT_TRUE(service_->remove(each.instance.name, true));
    }
    void add_image(const std::string& name, const std::string& text, GuestEnd end)
    {
        StoredImage image;
        image.digest = name;
        image.file = folder_.path() / name;
        image.description = {{"minimum_memory_mib", 8U}, {"devices", {"virtio-net"}}};
        build_guest(image.file, text, end);
        images_[name] = image;
    }
    void open_service()
    {
        InstanceService::Settings settings;
        settings.folder = folder_.path() / "instances";
        settings.most = 2;
        settings.boot_limit = 20s;
        settings.open_limit = 0ms;
        settings.drain = 0ms;
        settings.grace = 0ms;
        service_ = std::make_unique<InstanceService>(
            settings,
            InstanceService::Needs{.connect = [this]() -> Result<std::shared_ptr<Hypervisor>> {
                                       if (away_)
                                           return fail(FailureKind::unavailable, "libvirt is away");
                                       return hypervisor_;
                                   },
                                   .image = [this](const std::string& digest) -> Result<StoredImage> {
                                       const auto found = images_.find(digest);
                                       if (found == images_.end())
                                           return fail(FailureKind::not_found, "there is no image " + digest);
                                       return found->second;
                                   },
                                   .is_open = is_open},
            repository_);
    }
    /// Names are those of libvirt's domains as well, which other tests share.
    static std::string named(const std::string& name) { return name + "-" + std::to_string(getpid()); }

    Instance wanted(const std::string& name = "web", const std::string& image = "good") const
    {
        Instance instance;
        instance.name = named(name);
        instance.image = image;
        instance.forwards = {{"127.0.0.1", 0, 80}};
        return instance;
    }
    Failure refusal(const Instance& instance)
    {
        const auto created = service_->create(instance);
        return created ? Failure{FailureKind::internal, "it was created"} : created.error();
    }
    bool becomes(const std::string& name, const std::string& status)
    {
        for (int i = 0; i < 1000; ++i) {
            const auto found = service_->find(name);
            if (found && found->status == status)
                return true;
            std::this_thread::sleep_for(20ms);
        }
        return false;
    }
    static bool listens(const PortForward& forward)
    {
        return probe_tcp({forward.host_address, forward.host_port}, {}).has_value();
    }

    void execute(const std::string& statement)
    {
        ASSERT_TRUE(database_->transact(false, [&](soci::session& sql) { sql << statement; }));
    }

    static std::shared_ptr<Hypervisor> hypervisor_;
    TemporaryDirectory folder_ = TemporaryDirectory::create("instances-test").value();
    std::map<std::string, StoredImage> images_;
    std::atomic<bool> away_ = false;
    std::unique_ptr<Database> database_ = std::move(*Database::open(folder_.path() / "test.sqlite"));
    InstanceRepository repository_{*database_};
    std::unique_ptr<InstanceService> service_;
};

std::shared_ptr<Hypervisor> InstanceServiceTest::hypervisor_;

TEST_F(InstanceServiceTest, CreatesListsAndRemoves)
{
    const auto created = service_->create(wanted());
    ASSERT_TRUE(created) << created.error().message;
    EXPECT_EQ(created->status, "running");
    EXPECT_TRUE(created->settled && created->running);
    const auto port = created->instance.forwards.at(0);
    EXPECT_NE(port.host_port, 0);
    EXPECT_TRUE(listens(port));
    ASSERT_EQ(service_->list()->size(), 1U);
    EXPECT_EQ(service_->find_by_id(created->instance.id)->value().instance.name, named("web"));
    EXPECT_TRUE(*service_->uses("good"));
    EXPECT_FALSE(*service_->uses("better"));

    ASSERT_TRUE(service_->remove(named("web"), false));
    EXPECT_TRUE(service_->list()->empty());
    EXPECT_FALSE(listens(port));
    EXPECT_FALSE(std::filesystem::exists(created->console.parent_path()));
    EXPECT_EQ(service_->remove(named("web"), false).error().kind, FailureKind::not_found);
}

TEST_F(InstanceServiceTest, RefusesWhatCannotBe)
{
    auto instance = wanted();
    instance.image = "none";
    EXPECT_EQ(refusal(instance).kind, FailureKind::not_found);
    instance = wanted();
    instance.memory_mib = 4;
    EXPECT_THAT(refusal(instance).message, HasSubstr("needs at least 8 MiB"));
    instance = wanted();
    instance.name = "no/name";
    EXPECT_EQ(refusal(instance).kind, FailureKind::invalid);
    instance = wanted();
    instance.arguments = {"two words"};
    EXPECT_EQ(refusal(instance).kind, FailureKind::invalid);
    EXPECT_TRUE(service_->list()->empty());

    const auto first = service_->create(wanted());
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_THAT(refusal(wanted()).message, HasSubstr("exists already"));
    instance = wanted("other");
    instance.forwards = first->instance.forwards;
    const auto taken = refusal(instance);
    EXPECT_EQ(taken.kind, FailureKind::conflict);
    EXPECT_THAT(taken.message, HasSubstr("the host port is in use"));
    EXPECT_EQ(service_->find(named("other")).error().kind, FailureKind::not_found);

    ASSERT_TRUE(service_->create(wanted("second")));
    EXPECT_THAT(refusal(wanted("third")).message, HasSubstr("more than 2"));
}

TEST_F(InstanceServiceTest, ReplacesTheImageUnderTheSameNameAndPorts)
{
    const auto before = service_->create(wanted());
    ASSERT_TRUE(before) << before.error().message;
    const auto after = service_->replace(named("web"), "better", {});
    ASSERT_TRUE(after) << after.error().message;
    EXPECT_EQ(after->instance.image, "better");
    EXPECT_EQ(after->instance.id, before->instance.id);
    EXPECT_EQ(after->instance.forwards, before->instance.forwards);
    EXPECT_TRUE(after->running);
    EXPECT_TRUE(listens(after->instance.forwards.at(0)));
    EXPECT_NE(after->console, before->console);
    EXPECT_EQ(hypervisor_->find(named("web") + ".1")->state, InstanceState::shut_off);
    EXPECT_EQ(hypervisor_->find(named("web") + ".2")->state, InstanceState::running);
    EXPECT_EQ(repository_.find(named("web"))->value().image, "better");
}

TEST_F(InstanceServiceTest, AnImageThatDoesNotBootLeavesTheOldGuestAlone)
{
    const auto before = service_->create(wanted());
    ASSERT_TRUE(before) << before.error().message;
    add_image("broken", "u0: panic early\n", GuestEnd::power_off);
    const auto refused = service_->replace(named("web"), "broken", {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, FailureKind::invalid);
    EXPECT_THAT(refused.error().message, HasSubstr("ended before it was sealed"));
    EXPECT_THAT(refused.error().message, HasSubstr("u0: panic early"));
    const auto now = service_->find(named("web"));
    EXPECT_EQ(now->instance.image, "good");
    EXPECT_EQ(now->console, before->console) << "it is the old guest's";
    EXPECT_TRUE(now->running);
    EXPECT_TRUE(listens(now->instance.forwards.at(0)));
    EXPECT_THAT(now->fault, HasSubstr("u0: panic early"));
    EXPECT_EQ(hypervisor_->find(named("web") + ".1")->state, InstanceState::running);
}

TEST_F(InstanceServiceTest, AReplacementCanBeCancelledAndOneAtATimeIsMade)
{
    ASSERT_TRUE(service_->create(wanted()));
    std::stop_source source;
    Result<InstanceView> ended = fail(FailureKind::internal, "not yet");
    {
        const std::jthread replacing(
            [&] { ended = service_->replace(named("web"), "mute", source.get_token()); });
        ASSERT_TRUE(becomes(named("web"), "replacing"));
        EXPECT_EQ(service_->remove(named("web"), true).error().kind, FailureKind::conflict);
        EXPECT_EQ(service_->replace(named("web"), "better", {}).error().kind, FailureKind::conflict);
        source.request_stop();
    }
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().kind, FailureKind::cancelled);
    EXPECT_TRUE(service_->find(named("web"))->running);
}

TEST_F(InstanceServiceTest, AGuestWhoseBootCannotBeStoredIsEnded)
{
    const std::string refuse = "CREATE TRIGGER refuse BEFORE UPDATE ON instances BEGIN "
                               "SELECT RAISE(ABORT, 'the database is away'); END";
    execute(refuse);
    EXPECT_THAT(refusal(wanted()).message, HasSubstr("the database is away"));
    execute("DROP TRIGGER refuse");
    const auto created = service_->create(wanted());
    ASSERT_TRUE(created) << "its name was in use: " << created.error().message;
    execute(refuse);
    const auto refused = service_->replace(named("web"), "better", {});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("the database is away"));
    execute("DROP TRIGGER refuse");
    const auto replaced = service_->replace(named("web"), "better", {});
    EXPECT_TRUE(replaced) << "its name was in use: " << replaced.error().message;
}

TEST_F(InstanceServiceTest, APinnedInstanceKeepsItsImage)
{
    ASSERT_TRUE(service_->create(wanted()));
    EXPECT_TRUE(service_->pin(named("web"), true)->instance.pinned);
    const auto refused = service_->replace(named("web"), "better", {});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("is pinned"));
    ASSERT_TRUE(service_->pin(named("web"), false));
    EXPECT_TRUE(service_->replace(named("web"), "better", {}));
    EXPECT_EQ(service_->pin(named("nobody"), true).error().kind, FailureKind::not_found);
}

TEST_F(InstanceServiceTest, WhatEndedByItselfStaysSoAndSaysHow)
{
    ASSERT_TRUE(service_->create(wanted("job", "job")));
    ASSERT_TRUE(becomes(named("job"), "shut off"));
    const auto ended = service_->find(named("job"));
    EXPECT_TRUE(ended->settled && !ended->running);
    EXPECT_THAT(ended->fault, HasSubstr("u0: panic it is done"));
    const auto again = service_->replace(named("job"), "good", {});
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_TRUE(again->running);
    EXPECT_EQ(again->fault, "");
}

TEST_F(InstanceServiceTest, StartsWhatIsStoredAndTriesAgainWhileThatFails)
{
    const auto created = service_->create(wanted());
    ASSERT_TRUE(created) << created.error().message;
    const auto ports = created->instance.forwards;
    ASSERT_TRUE(hypervisor_->destroy(named("web") + ".1"));  // as it ends with the service's process
    away_ = true;
    open_service();
    EXPECT_EQ(service_->find(named("web"))->status, "starting");
    service_->start();
    ASSERT_TRUE(becomes(named("web"), "failed"));
    EXPECT_EQ(service_->find(named("web"))->fault, "libvirt is away");
    away_ = false;
    ASSERT_TRUE(becomes(named("web"), "running"));
    const auto now = service_->find(named("web"));
    EXPECT_EQ(now->instance.forwards, ports);
    EXPECT_TRUE(listens(ports.at(0)));
    EXPECT_EQ(now->fault, "");
}

TEST_F(InstanceServiceTest, IsAFleet)
{
    const auto created = service_->create(wanted());
    ASSERT_TRUE(created) << created.error().message;
    InstanceFleet fleet(*service_);
    const auto id = created->instance.id;
    auto server = fleet.find(id, {})->value();
    EXPECT_EQ(server.name, named("web"));
    EXPECT_EQ(server.image, "good");
    EXPECT_TRUE(server.settled && server.running && !server.pinned);
    EXPECT_EQ(fleet.list({})->size(), 1U);

    HealthCheck better;
    better.marker = "better";
    EXPECT_EQ(fleet.check(server, better, {}).error().kind, FailureKind::unavailable);
    ASSERT_TRUE(fleet.replace(id, "better", {}));
    EXPECT_EQ(fleet.find(id, {})->value().image, "better");
    Result<void> healthy = fleet.check(server, better, {});
    for (int i = 0; i < 200 && !healthy; ++i) {
        std::this_thread::sleep_for(20ms);
        healthy = fleet.check(server, better, {});
    }
    EXPECT_TRUE(healthy) << healthy.error().message;

    HealthCheck http;
    http.kind = HealthCheck::Kind::http;
    http.port = 8080;
    EXPECT_THAT(fleet.check(server, http, {}).error().message, HasSubstr("no host port leads to port 8080"));
    EXPECT_FALSE(fleet.find("nobody", {})->has_value());
    EXPECT_EQ(fleet.replace("nobody", "better", {}).error().kind, FailureKind::not_found);
}

}  // namespace
}  // namespace unikernel
