// SPDX-License-Identifier: Apache-2.0
// Real guests in real QEMU under real libvirt; a private daemon where none runs.
#include <csignal>
#include <fstream>
#include <thread>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "builder_service/hypervisor/hypervisor.hh"
#include "common/util/file.hh"
#include "common/util/temporary_directory.hh"
#include "tests/unit/hypervisor/guests.hh"

namespace unikernel
{
namespace
{

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

class Boot : public testing::Test
{
protected:
    /// What libvirt learns of QEMU, and whether KVM works, is kept in the build folder: asking takes
    /// seconds, and ctest runs each test as a process of its own.
    static void SetUpTestSuite()
    {
        auto connected = Hypervisor::connect("", STATE);
        ASSERT_TRUE(connected) << connected.error().message;
        hypervisor_ = std::move(*connected);
    }
    static void TearDownTestSuite() { hypervisor_.reset(); }

    InstanceSpec guest(const std::string& name, const std::string& text, GuestEnd end) const
    {
        InstanceSpec spec;
        spec.name = name + "-" + std::to_string(getpid());
        spec.image = folder_.path() / name;
        spec.console = folder_.path() / (name + ".log");
        spec.description = {{"minimum_memory_mib", 8U}};
        build_guest(spec.image, text, end);
        return spec;
    }

    bool prints(const InstanceSpec& spec, const std::string& line) const
    {
        for (int i = 0; i < 500; ++i) {
            const auto lines = last_console_lines(spec.console, 100);
            if (std::find(lines.begin(), lines.end(), line) != lines.end()) {
                return true;
            }
            std::this_thread::sleep_for(20ms);
        }
        return false;
    }

    TemporaryDirectory folder_ = TemporaryDirectory::create("hypervisor-test").value();
    static std::unique_ptr<Hypervisor> hypervisor_;
};

std::unique_ptr<Hypervisor> Boot::hypervisor_;

/// Kills the private daemon behind a URI: the process whose command line names the socket's folder.
void kill_daemon(const std::string& uri)
{
    const std::string socket = uri.substr(uri.find('=') + 1);
    const std::string folder = socket.substr(0, socket.find("/run/"));
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        std::ifstream file(entry.path() / "cmdline");
        const std::string words(std::istreambuf_iterator<char>(file), {});
        if (words.starts_with("libvirtd") && words.find(folder) != std::string::npos) {
            kill(std::stoi(entry.path().filename().string()), SIGKILL);
        }
    }
}

TEST_F(Boot, guest_prints_and_powers_off_and_its_console_stays)
{
    for (const std::string machine : {"pc", "q35"}) {
        InstanceSpec spec = guest("hello-" + machine, "hello\n", GuestEnd::power_off);
        spec.machine = machine;
        const auto started = hypervisor_->start(spec);
        ASSERT_TRUE(started) << started.error().message;
        EXPECT_EQ(started->accelerator, hypervisor_->kvm_works() ? "kvm" : "tcg");
        const auto ended = hypervisor_->wait(spec.name, 30s, {});
        ASSERT_TRUE(ended) << ended.error().message;
        EXPECT_EQ(*ended, InstanceState::shut_off);
        EXPECT_THAT(last_console_lines(spec.console, 5), ElementsAre("hello"));
    }
}

TEST_F(Boot, bios_can_be_had_instead_of_the_quickest_firmware)
{
    const auto own = Hypervisor::connect("", STATE, Firmware::bios).value();
    for (const std::string machine : {"pc", "q35"}) {
        InstanceSpec spec = guest("bios-" + machine, "hello\n", GuestEnd::power_off);
        spec.machine = machine;
        const auto started = own->start(spec);
        ASSERT_TRUE(started) << started.error().message;
        EXPECT_EQ(*own->wait(spec.name, 30s, {}), InstanceState::shut_off);
        EXPECT_THAT(last_console_lines(spec.console, 5), ElementsAre("hello"));
    }
}

TEST_F(Boot, path_with_spaces_and_quotes_boots)
{
    InstanceSpec spec = guest("a 'b' & c, d", "hello\n", GuestEnd::power_off);
    spec.name = "spaces-" + std::to_string(getpid());
    const auto started = hypervisor_->start(spec);
    ASSERT_TRUE(started) << started.error().message;
    EXPECT_EQ(*hypervisor_->wait(spec.name, 30s, {}), InstanceState::shut_off);
    EXPECT_THAT(last_console_lines(spec.console, 5), ElementsAre("hello"));
}

TEST_F(Boot, forwarded_port_is_open_on_loopback_and_reported_back)
{
    for (const std::string machine : {"pc", "q35"}) {
        InstanceSpec spec = guest("port-" + machine, "up\n", GuestEnd::spin);
        spec.machine = machine;
        spec.description["devices"] = {"virtio-net", "virtio-rng"};
        spec.forwards = {{"127.0.0.1", 0, 80}, {"127.0.0.1", 0, 443}};
        const auto started = hypervisor_->start(spec);
        ASSERT_TRUE(started) << started.error().message;
        ASSERT_EQ(started->forwards.size(), 2U);
        EXPECT_NE(started->forwards[0].host_port, started->forwards[1].host_port);
        const FileDescriptor connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(started->forwards[0].host_port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(connect(connection.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0)
            << "QEMU listens for the guest";
        const auto listed = hypervisor_->list();
        ASSERT_TRUE(listed);
        const auto me = std::find_if(listed->begin(), listed->end(),
                                     [&](const InstanceInfo& info) { return info.name == spec.name; });
        ASSERT_NE(me, listed->end());
        ASSERT_EQ(me->forwards.size(), 2U);
        EXPECT_EQ(me->forwards[0].host_port, started->forwards[0].host_port);
        EXPECT_TRUE(hypervisor_->destroy(spec.name));
    }
}

TEST_F(Boot, port_in_use_is_a_conflict_with_a_way_out)
{
    const FileDescriptor taken(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    socklen_t size = sizeof address;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(bind(taken.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(listen(taken.get(), 1), 0);
    ASSERT_EQ(getsockname(taken.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    InstanceSpec spec = guest("conflict", "up\n", GuestEnd::spin);
    spec.description["devices"] = {"virtio-net"};
    spec.forwards = {{"127.0.0.1", ntohs(address.sin_port), 80}};
    const auto started = hypervisor_->start(spec);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().kind, FailureKind::conflict);
    EXPECT_THAT(started.error().message, HasSubstr("the host port is in use or may not be opened"));
    EXPECT_EQ(hypervisor_->find(spec.name).error().kind, FailureKind::not_found);
}

TEST_F(Boot, image_that_is_not_there_is_said_so)
{
    InstanceSpec spec = guest("absent", "", GuestEnd::spin);
    std::filesystem::remove(spec.image);
    const auto started = hypervisor_->start(spec);
    ASSERT_FALSE(started);
    EXPECT_THAT(started.error().message, HasSubstr("No such file or directory"));
}

TEST_F(Boot, lost_daemon_is_noticed_and_takes_its_guests_with_it)
{
    if (!hypervisor_->uri().starts_with("qemu+unix:")) {
        GTEST_SKIP() << "the daemon is not ours to kill: " << hypervisor_->uri();
    }
    auto own = Hypervisor::connect("", STATE).value();
    InstanceSpec spec = guest("lost", "up\n", GuestEnd::spin);
    ASSERT_TRUE(own->start(spec));
    ASSERT_TRUE(prints(spec, "up"));
    kill_daemon(own->uri());
    EXPECT_EQ(*own->wait(spec.name, 30s, {}), InstanceState::gone);
    EXPECT_FALSE(own->alive());
    EXPECT_TRUE(hypervisor_->alive());
}

TEST_F(Boot, stop_pulls_the_plug_of_a_guest_that_ignores_the_power_button)
{
    const InstanceSpec spec = guest("deaf", "up\n", GuestEnd::spin);
    ASSERT_TRUE(hypervisor_->start(spec));
    ASSERT_TRUE(prints(spec, "up"));
    ASSERT_TRUE(hypervisor_->stop(spec.name, 300ms));
    EXPECT_EQ(hypervisor_->find(spec.name)->state, InstanceState::shut_off);
}

TEST_F(Boot, boot_check_accepts_a_sealed_guest)
{
    const InstanceSpec spec = guest("sealed", "u0: x 8 MiB\r\nu0: sealed\r\n", GuestEnd::spin);
    const auto verdict = boot_check(*hypervisor_, spec.image, spec.description, 20s, {});
    EXPECT_TRUE(verdict) << verdict.error().message;
    const auto listed = hypervisor_->list();
    ASSERT_TRUE(listed);
    for (const auto& info : *listed) {
        EXPECT_FALSE(info.name.starts_with("boot-check-")) << info.name << " is left over";
    }
}

TEST_F(Boot, boot_check_shows_the_last_lines_of_a_guest_that_ends_early)
{
    const InstanceSpec spec = guest("early", "u0: x 8 MiB\r\nu0: panic: no memory\r\n", GuestEnd::power_off);
    const auto verdict = boot_check(*hypervisor_, spec.image, spec.description, 20s, {});
    ASSERT_FALSE(verdict);
    EXPECT_EQ(verdict.error().message,
              "boot check: the guest ended before it was sealed; the console's last lines:\n"
              "  u0: x 8 MiB\n  u0: panic: no memory");
}

TEST_F(Boot, boot_check_refuses_an_application_that_fails_at_once)
{
    const InstanceSpec spec =
        guest("exits", "u0: sealed\r\ncannot bind\r\nu0: exit 1\r\n", GuestEnd::power_off);
    const auto verdict = boot_check(*hypervisor_, spec.image, spec.description, 20s, {});
    ASSERT_FALSE(verdict);
    EXPECT_THAT(verdict.error().message, HasSubstr("the application ended at once with a failure"));
    EXPECT_THAT(verdict.error().message, HasSubstr("\n  cannot bind\n  u0: exit 1"));
}

TEST_F(Boot, boot_check_accepts_a_program_whose_work_is_done)
{
    const InstanceSpec spec = guest("done", "u0: sealed\r\nu0: exit 0\r\n", GuestEnd::power_off);
    EXPECT_TRUE(boot_check(*hypervisor_, spec.image, spec.description, 20s, {}));
}

TEST_F(Boot, boot_check_ends_a_guest_that_resets_for_ever)
{
    const InstanceSpec spec = guest("resets", "again\r\n", GuestEnd::triple_fault);
    const auto verdict = boot_check(*hypervisor_, spec.image, spec.description, 1500ms, {});
    ASSERT_FALSE(verdict);
    EXPECT_EQ(verdict.error().kind, FailureKind::timed_out);
    EXPECT_THAT(verdict.error().message, HasSubstr("the guest was not sealed within 1500 ms"));
}

TEST_F(Boot, boot_check_can_be_cancelled)
{
    const InstanceSpec spec = guest("cancelled", "", GuestEnd::spin);
    std::stop_source stop;
    std::jthread canceller([&] {
        std::this_thread::sleep_for(200ms);
        stop.request_stop();
    });
    EXPECT_EQ(boot_check(*hypervisor_, spec.image, spec.description, 60s, stop.get_token()).error().kind,
              FailureKind::cancelled);
}

}  // namespace
}  // namespace unikernel
