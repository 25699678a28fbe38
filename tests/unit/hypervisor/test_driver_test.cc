// SPDX-License-Identifier: Apache-2.0
// libvirt's own test driver: everything about the facade that needs no guest.
#include <atomic>

#include <gtest/gtest.h>

#include "builder_service/hypervisor/hypervisor.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel
{
namespace
{

using namespace std::chrono_literals;

class TestDriver : public testing::Test
{
protected:
    InstanceSpec spec(const std::string& name)
    {
        InstanceSpec spec;
        spec.name = name;
        spec.image = "/image";
        spec.console = "/console.log";
        spec.description = {{"minimum_memory_mib", 8U}, {"devices", {"virtio-net"}}};
        spec.forwards = {{"127.0.0.1", 8080, 80}};
        return spec;
    }

    TemporaryDirectory state_ = TemporaryDirectory::create().value();
    std::unique_ptr<Hypervisor> hypervisor_ = Hypervisor::connect("test:///default", state_.path()).value();
};

TEST_F(TestDriver, starts_lists_and_destroys)
{
    const auto started = hypervisor_->start(spec("a"));
    ASSERT_TRUE(started) << started.error().message;
    EXPECT_EQ(started->state, InstanceState::running);
    EXPECT_EQ(started->id.size(), 36U);
    const auto listed = hypervisor_->list();
    ASSERT_TRUE(listed);
    ASSERT_EQ(listed->size(), 1U) << "the driver's own domain \"test\" is not ours";
    EXPECT_EQ(listed->front().name, "a");
    ASSERT_EQ(listed->front().forwards.size(), 1U);
    EXPECT_EQ(listed->front().forwards[0].host_port, 8080);
    ASSERT_TRUE(hypervisor_->destroy("a"));
    EXPECT_TRUE(hypervisor_->list()->empty());
    EXPECT_EQ(hypervisor_->find("a")->state, InstanceState::shut_off) << "it is remembered after its end";
    EXPECT_TRUE(hypervisor_->destroy("a")) << "destroying twice is no error";
}

TEST_F(TestDriver, refuses_a_name_twice)
{
    ASSERT_TRUE(hypervisor_->start(spec("a")));
    const auto second = hypervisor_->start(spec("a"));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, FailureKind::conflict);
    EXPECT_EQ(second.error().message, "instance a is running already; choose another name");
    const auto foreign = hypervisor_->start(spec("test"));
    ASSERT_FALSE(foreign) << "libvirt's own knowledge counts, too";
    EXPECT_EQ(foreign.error().kind, FailureKind::conflict);
}

TEST_F(TestDriver, a_bad_spec_never_reaches_libvirt)
{
    InstanceSpec bad = spec("a");
    bad.memory_mib = 1;
    EXPECT_EQ(hypervisor_->start(bad).error().kind, FailureKind::invalid);
    EXPECT_TRUE(hypervisor_->list()->empty());
}

TEST_F(TestDriver, stop_pushes_the_power_button_and_tells_listeners)
{
    std::atomic<int> ended = 0;
    hypervisor_->on_event([&](const std::string& name, InstanceState state) {
        ended += name == "a" && state == InstanceState::shut_off ? 1 : 0;
    });
    ASSERT_TRUE(hypervisor_->start(spec("a")));
    ASSERT_TRUE(hypervisor_->stop("a", 10s));
    EXPECT_EQ(*hypervisor_->wait("a", 10s, {}), InstanceState::shut_off);
    EXPECT_EQ(ended, 1);
}

TEST_F(TestDriver, unknown_instances_are_not_found)
{
    for (const FailureKind kind :
         {hypervisor_->find("x").error().kind, hypervisor_->stop("x", 1s).error().kind,
          hypervisor_->destroy("x").error().kind, hypervisor_->wait("x", 1s, {}).error().kind}) {
        EXPECT_EQ(kind, FailureKind::not_found);
    }
    EXPECT_EQ(hypervisor_->find("test").error().message,
              "instance test: the libvirt domain of that name is not a unikernel");
}

TEST_F(TestDriver, waiting_ends_in_time_and_on_request)
{
    ASSERT_TRUE(hypervisor_->start(spec("a")));
    EXPECT_EQ(hypervisor_->wait("a", 5ms, {}).error().message, "instance a still runs after 5 ms");
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ(hypervisor_->wait("a", 1h, stop.get_token()).error().kind, FailureKind::cancelled);
}

TEST(Connect, says_which_address_does_not_answer)
{
    const auto state = TemporaryDirectory::create().value();
    const auto result = Hypervisor::connect("qemu+unix:///session?socket=/nonexistent/sock", state.path());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, FailureKind::unavailable);
    EXPECT_NE(result.error().message.find("/nonexistent/sock does not answer"), std::string::npos);
}

}  // namespace
}  // namespace unikernel
