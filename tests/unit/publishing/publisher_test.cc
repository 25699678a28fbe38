// SPDX-License-Identifier: Apache-2.0
#include "builder_service/publishing/publisher.hh"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builder_service/publishing/find_import.hh"
#include "builder_service/publishing/glance_publishing.hh"
#include "builder_service/publishing/leftovers.hh"
#include "builder_service/publishing/sha512.hh"
#include "common/util/temporary_directory.hh"
#include "tests/unit/publishing/fake_glance.hh"

namespace unikernel
{
namespace
{

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;

class Silent final : public BuildObserver
{
public:
    void phase(Phase, std::string_view) override {}
    void log(std::string_view) override {}
    void warning(std::string_view text) override { warnings.emplace_back(text); }
    std::vector<std::string> warnings;
};

class PublisherTest : public testing::Test
{
protected:
    void SetUp() override
    {
        std::ofstream(image_.file) << "\177ELF the bytes";
        image_.bytes = std::filesystem::file_size(image_.file);
        image_.digest = to_string(*sha256_file(image_.file));
        image_.description = {{"platform", "u0"}, {"minimum_memory_mib", 8}};
    }
    static Account account(const std::string& url)
    {
        Account account;
        account.auth_url = url + "/v3";
        account.user.name = "unikernel";
        account.password = "secret";
        account.project.name = "service";
        account.user_domain.name = account.project_domain.name = "Default";
        return account;
    }
    BuildRecord add(const std::string& id)
    {
        BuildRecord build;
        build.id = id;
        build.project = "p1";
        build.image = image_.digest;
        build.publish = Publication{.name = "web", .visibility = "private", .image_id = "image-of-" + id};
        EXPECT_TRUE(repository_.add(build));
        return build;
    }
    Result<void> publish(BuildRecord& build, std::stop_token stop = {})
    {
        return publisher_.publish(build, image_, observer_, std::move(stop));
    }
    PublishState stored(const BuildRecord& build)
    {
        return (*repository_.find(build.id, Scope{"", true}))->publish->state;
    }

    FakeGlance fake_;
    TemporaryDirectory folder_ = std::move(*TemporaryDirectory::create());
    std::unique_ptr<Database> database_ = std::move(*Database::open(folder_.path() / "builds.sqlite"));
    BuildRepository repository_{*database_};
    StoredImage image_{
        .digest = {}, .created = {}, .build = {}, .description = {}, .file = folder_.path() / "i"};
    std::unique_ptr<Session> session_ = std::move(*Session::create(account(fake_.url())));
    Glance glance_{*session_,
                   {.endpoint_override = fake_.url(), .region = {}, .interface = "public", .silence = 5s}};
    Publisher publisher_{glance_, repository_, {.attempts = 3, .first_pause = 1ms, .longest_pause = 5ms}};
    Silent observer_;
};

TEST_F(PublisherTest, creates_uploads_and_sees_it_active)
{
    auto build = add("a");
    const auto done = publish(build);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(build.publish->state, PublishState::active);
    const auto& image = fake_.images.at("image-of-a");
    EXPECT_EQ(image["data"], "\177ELF the bytes");
    EXPECT_EQ(image["owner"], "p1");
    EXPECT_EQ(image["min_ram"], 8);
    EXPECT_EQ(image["kernel_id"], "image-of-a");
    EXPECT_EQ(fake_.steps,
              (std::vector<std::string>{"list", "list", "get", "create", "get", "upload", "get", "list"}));
}

TEST_F(PublisherTest, stores_the_id_before_glance_hears_of_it)
{
    auto build = add("a");
    PublishState seen = PublishState::pending;
    fake_.hook = [&](const std::string& step) {
        if (step == "create")
            seen = stored(build);
        return 0;
    };
    ASSERT_TRUE(publish(build));
    EXPECT_EQ(seen, PublishState::publishing);
}

TEST_F(PublisherTest, a_project_gets_no_more_than_its_room)
{
    const auto other = json{{"name", "other"}, {"owner", "p2"}, {"size", 1'000'000}};
    const auto own = json{{"name", "other"}, {"owner", "p1"}, {"size", 1000}};
    fake_.add("others", other);
    fake_.add("own", own);
    fake_.add("own-hidden", own);
    fake_.images["own-hidden"]["os_hidden"] = true;
    auto build = add("a");
    Publisher narrow(glance_, repository_, {.attempts = 1, .project_bytes = 2000 + image_.bytes - 1});
    const auto refused = narrow.publish(build, image_, observer_, {}).error();
    EXPECT_EQ(refused.kind, FailureKind::invalid);
    EXPECT_THAT(refused.message, HasSubstr("has images of 2000 bytes"));
    EXPECT_FALSE(fake_.images.contains("image-of-a"));
    Publisher enough(glance_, repository_, {.attempts = 1, .project_bytes = 2000 + image_.bytes});
    EXPECT_TRUE(enough.publish(build, image_, observer_, {}));
}

TEST_F(PublisherTest, goes_on_after_one_failure_at_any_step)
{
    for (const int failure : {503, -1})
        for (const std::string broken : {"list", "get", "create", "upload"}) {
            bool failed = false;
            fake_.hook = [&](const std::string& step) {
                return step == broken && !std::exchange(failed, true) ? failure : 0;
            };
            auto build = add(broken + std::to_string(failure));
            const auto done = publish(build);
            ASSERT_TRUE(done) << broken << ": " << done.error().message;
            EXPECT_TRUE(failed);
            ASSERT_EQ(fake_.images.size(), 1U) << broken;
            EXPECT_EQ(fake_.images.begin()->first, build.publish->image_id);
            EXPECT_EQ(fake_.images.begin()->second["status"], "active");
            fake_.images.clear();
        }
}

TEST_F(PublisherTest, gives_up_with_a_message_for_people)
{
    fake_.hook = [](const std::string& step) { return step == "upload" ? 503 : 0; };
    auto build = add("a");
    const auto done = publish(build);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, FailureKind::unavailable);
    EXPECT_THAT(done.error().message, HasSubstr("Glance answers 503: the test wants it so (tried 3 times)"));
    EXPECT_THAT(done.error().message, HasSubstr(image_.digest));
    EXPECT_EQ(build.publish->state, PublishState::publishing) << "something is there";
}

TEST_F(PublisherTest, does_not_repeat_what_is_refused_for_good)
{
    fake_.hook = [](const std::string& step) { return step == "create" ? 403 : 0; };
    auto build = add("a");
    EXPECT_EQ(publish(build).error().kind, FailureKind::invalid);
    EXPECT_EQ(fake_.count("create"), 1);
}

TEST_F(PublisherTest, takes_what_the_project_has)
{
    auto first = add("a");
    ASSERT_TRUE(publish(first));
    auto second = add("b");
    ASSERT_TRUE(publish(second));
    EXPECT_EQ(second.publish->image_id, first.publish->image_id);
    EXPECT_EQ(fake_.count("upload"), 1);
    auto fourth = add("d");
    fourth.project = "p2";
    ASSERT_TRUE(publish(fourth));
    EXPECT_EQ(fourth.publish->image_id, "image-of-d");
}

TEST_F(PublisherTest, finds_what_was_imported_by_its_bytes)
{
    auto build = add("a");
    ASSERT_TRUE(publish(build));  // as an import leaves it
    auto& image = fake_.images.at("image-of-a");
    image["os_hash_algo"] = "sha512";
    image["os_hash_value"] = sha512_of_file(image_.file).value();
    const auto good = image;
    const auto found = [&] { return find_import(glance_, build, image_, {}).value(); };
    ASSERT_TRUE(found());
    EXPECT_EQ(found()->image_id, "image-of-a");
    EXPECT_EQ(found()->name, "web");
    EXPECT_EQ(found()->state, PublishState::active);
    image["os_hidden"] = true;
    EXPECT_TRUE(found());
    for (const auto& [name, value] :
         std::vector<std::pair<std::string, json>>{{"unikernel_build", "another"},
                                                   {"owner", "p2"},
                                                   {"status", "queued"},
                                                   {"os_hash_value", std::string(128, '0')},
                                                   {"os_hash_value", nullptr}}) {
        image = good;
        image[name] = value;
        EXPECT_FALSE(found()) << name;
    }
    fake_.hook = [](const std::string&) { return 503; };
    EXPECT_EQ(find_import(glance_, build, image_, {}).error().kind, FailureKind::unavailable);
}

TEST_F(PublisherTest, shows_an_image_again_that_was_superseded_and_is_wanted_again)
{
    auto first = add("first");
    ASSERT_TRUE(publish(first));
    const auto bytes = image_;
    image_.digest = to_string(sha256("other"));
    auto second = add("second");
    ASSERT_TRUE(publish(second));
    ASSERT_EQ(fake_.images["image-of-first"]["os_hidden"], true);
    image_ = bytes;
    auto third = add("third");
    ASSERT_TRUE(publish(third));
    EXPECT_EQ(third.publish->image_id, "image-of-first");
    EXPECT_EQ(fake_.images["image-of-first"]["os_hidden"], false);
    EXPECT_EQ(fake_.images["image-of-second"]["os_hidden"], true);
    EXPECT_EQ(fake_.images.size(), 2U) << "one image for each plan";
}

TEST_F(PublisherTest, replaces_what_broke)
{
    for (const char* status : {"saving", "killed", "pending_delete"}) {
        auto build = add(status);
        build.publish->state = PublishState::publishing;
        fake_.add(build.publish->image_id, {{"owner", "p1"}, {"unikernel_build", build.id}});
        fake_.images[build.publish->image_id]["status"] = status;
        ASSERT_TRUE(publish(build)) << status;
        EXPECT_FALSE(fake_.images.contains(std::string("image-of-") + status));
        EXPECT_EQ(fake_.images.at(build.publish->image_id)["kernel_id"], build.publish->image_id);
        fake_.images.clear();
    }
}

TEST_F(PublisherTest, replaces_an_image_of_other_bytes)
{
    auto build = add("a");
    build.publish->state = PublishState::publishing;
    fake_.add("image-of-a", {{"owner", "p1"},
                             {"unikernel_build", "a"},
                             {"unikernel_digest", image_.digest},
                             {"size", image_.bytes},
                             {"os_hash_algo", "sha512"},
                             {"os_hash_value", std::string(128, '0')}});
    ASSERT_TRUE(publish(build));
    EXPECT_NE(build.publish->image_id, "image-of-a");
    EXPECT_EQ(fake_.images.size(), 1U);
}

TEST_F(PublisherTest, never_touches_what_is_not_its_own)
{
    fake_.add("image-of-a", {{"owner", "p1"}, {"name", "web"}});
    fake_.add("image-of-b", {{"owner", "p2"}, {"unikernel_build", "b"}});
    auto build = add("a");
    ASSERT_TRUE(publish(build));
    EXPECT_NE(build.publish->image_id, "image-of-a");
    auto given = add("b");
    given.publish->id_given = true;
    EXPECT_THAT(publish(given).error().message, HasSubstr("is taken in Glance"));
    EXPECT_EQ(fake_.images.size(), 3U);
    EXPECT_EQ(fake_.images["image-of-a"]["os_hidden"], false) << "made by hand";
}

TEST_F(PublisherTest, hides_the_images_of_builds_before_it)
{
    auto older = add("older");
    auto newer = add("newer");
    ASSERT_TRUE(publish(newer));
    image_.digest = to_string(sha256("other"));  // the older build ends last
    ASSERT_TRUE(publish(older));
    EXPECT_EQ(fake_.images["image-of-newer"]["os_hidden"], false);
    EXPECT_EQ(fake_.images["image-of-older"]["os_hidden"], true);
}

TEST_F(PublisherTest, an_image_is_deactivated_and_activated_again)
{
    fake_.add("old", {{"name", "web"}});
    for (int time = 0; time < 2; ++time) {  // a second time changes nothing
        EXPECT_TRUE(glance_.deactivate("old", {}));
        EXPECT_EQ((*glance_.find("old", {}))->status, "deactivated");
    }
    EXPECT_TRUE(glance_.reactivate("old", {}));
    EXPECT_EQ((*glance_.find("old", {}))->status, "active");
    EXPECT_EQ(glance_.deactivate("none", {}).error().kind, FailureKind::invalid);
    fake_.images["old"]["status"] = "queued";
    const auto refused = glance_.deactivate("old", {});
    EXPECT_EQ(refused.error().kind, FailureKind::invalid);
    EXPECT_THAT(refused.error().message, HasSubstr("it has no data yet"));
    fake_.hook = [](const std::string&) { return 503; };
    EXPECT_EQ(glance_.deactivate("old", {}).error().kind, FailureKind::unavailable);
}

TEST_F(PublisherTest, an_image_whose_time_is_over_is_taken_out_of_use)
{
    GlancePublishing publishing(
        *session_, {.endpoint_override = fake_.url(), .region = {}, .interface = "public", .silence = 5s}, {},
        repository_);
    fake_.add("old", {{"name", "web"}});
    EXPECT_TRUE(publishing.retire("old", {}));
    EXPECT_EQ(fake_.images["old"]["status"], "deactivated");
    EXPECT_TRUE(publishing.retire("gone", {})) << "somebody deleted it";
    fake_.hook = [](const std::string&) { return 503; };
    EXPECT_EQ(publishing.retire("old", {}).error().kind, FailureKind::unavailable);
}

TEST_F(PublisherTest, stops_when_it_is_told_to)
{
    std::stop_source source;
    fake_.hook = [&](const std::string& step) {
        if (step == "upload")
            source.request_stop();
        return step == "upload" ? 503 : 0;
    };
    auto build = add("a");
    EXPECT_EQ(publish(build, source.get_token()).error().kind, FailureKind::cancelled);
    EXPECT_EQ(fake_.count("upload"), 1);
}

TEST_F(PublisherTest, leftovers_go_once_glance_answers)
{
    auto build = add("a");
    fake_.hook = [](const std::string& step) { return step == "upload" ? 403 : 0; };
    ASSERT_FALSE(publish(build));
    ASSERT_EQ(fake_.images.size(), 1U);
    build.publish->state = PublishState::removing;
    ASSERT_TRUE(repository_.set_image(build));
    std::atomic<int> refusals{0};
    fake_.hook = [&](const std::string&) { return ++refusals < 4 ? 503 : 0; };
    Leftovers leftovers(glance_, repository_, 1ms);
    leftovers.look();
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (stored(build) != PublishState::failed && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(1ms);
    EXPECT_EQ(stored(build), PublishState::failed);
    EXPECT_TRUE(fake_.images.empty());
    EXPECT_GE(refusals, 4);
}

}  // namespace
}  // namespace unikernel
