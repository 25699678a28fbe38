// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/util/file.hh"
#include "common/util/process.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel
{
namespace
{

using End = ProcessResult::End;

ProcessSpecification shell(const std::string& script)
{
    ProcessSpecification tool;
    tool.program = "/bin/sh";
    tool.arguments = {"-c", script};
    tool.time_limit = std::chrono::seconds(20);
    return tool;
}

/// Waits up to 5 s: what is killed takes a moment to be gone.
bool gone(pid_t pid)
{
    for (int i = 0; i < 500; ++i) {
        std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
        std::string id, name, state;
        if (!(stat >> id >> name >> state) || state == "Z") {
            return true;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
}

TEST(Process, gives_output_and_status)
{
    const auto result = run(shell("echo out; echo err >&2; exit 3"));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->end, End::exited);
    EXPECT_EQ(result->status, 3);
    EXPECT_EQ(result->out, "out\n");
    EXPECT_EQ(result->error, "err\n");
}

TEST(Process, gets_input_environment_and_folder_and_nothing_else)
{
    const auto folder = TemporaryDirectory::create();
    ProcessSpecification tool =
        shell("cat; env | grep -v ^PWD= | grep -v ^_= | grep -v ^SHLVL= | grep -v ^OLDPWD=; pwd");
    tool.input = "in\n";
    tool.environment = {{"A", "1"}};
    tool.working_directory = folder->path();
    const auto result = run(tool);
    EXPECT_EQ(result->out, "in\nA=1\n" + std::filesystem::canonical(folder->path()).string() + "\n");
}

TEST(Process, arguments_are_not_interpreted)
{
    ProcessSpecification tool;
    tool.program = "/usr/bin/printf";
    tool.arguments = {"%s", "$(id); `id` *"};
    EXPECT_EQ(run(tool)->out, "$(id); `id` *");
    EXPECT_EQ(tool.command_line(), "/usr/bin/printf %s '$(id); `id` *'");
}

TEST(Process, what_cannot_be_started_is_a_failure)
{
    ProcessSpecification tool;
    tool.program = "no-such-program-here";
    EXPECT_EQ(run(tool).error().message, "no-such-program-here: no such program");
    EXPECT_EQ(run(tool).error().kind, FailureKind::not_found);
    tool = shell("true");
    tool.working_directory = "/nonexistent";
    EXPECT_EQ(run(tool).error().message, "/bin/sh: cannot be started: No such file or directory");
}

TEST(Process, time_is_limited_and_the_whole_group_is_killed)
{
    ProcessSpecification tool = shell("sleep 60 & echo $!; wait");
    tool.time_limit = std::chrono::milliseconds(500);
    const auto result = run(tool);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->end, End::timed_out);
    EXPECT_TRUE(gone(std::stoi(result->out)));
}

TEST(Process, children_left_behind_do_not_outlive_it_nor_hold_it_up)
{
    const auto begin = std::chrono::steady_clock::now();
    const auto result = run(shell("sleep 60 & echo $!"));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(15));
    EXPECT_TRUE(result->ok());
    EXPECT_TRUE(gone(std::stoi(result->out)));
}

TEST(Process, output_is_limited)
{
    ProcessSpecification tool = shell("yes");
    tool.output_limit = 1000;
    const auto result = run(tool);
    EXPECT_EQ(result->end, End::output_limit);
    EXPECT_EQ(result->out.size() + result->error.size(), 1000U);
}

TEST(Process, can_be_stopped)
{
    std::stop_source stop;
    std::jthread later([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        stop.request_stop();
    });
    EXPECT_EQ(run(shell("sleep 60"), stop.get_token())->end, End::cancelled);
    EXPECT_EQ(run(shell("sleep 60"), stop.get_token())->end, End::cancelled);
}

TEST(Process, dies_by_signal_and_kernel_limits)
{
    auto result = run(shell("kill -SEGV $$"));
    EXPECT_EQ(result->end, End::signalled);
    EXPECT_EQ(result->status, SIGSEGV);
    ProcessSpecification tool = shell("head -c 100000 /dev/zero > file");
    const auto folder = TemporaryDirectory::create();
    tool.working_directory = folder->path();
    tool.limits.file_size = 4096;
    EXPECT_FALSE(run(tool)->ok());
    EXPECT_EQ(std::filesystem::file_size(folder->path() / "file"), 4096U);
}

TEST(Process, sees_no_descriptor_of_ours)
{
    const FileDescriptor leaked(dup(2));  // without O_CLOEXEC
    const auto result = run(shell("ls /proc/self/fd | wc -l"));
    EXPECT_LE(std::stoi(result->out), 4);  // 0, 1, 2 and the listed folder
}

/// All descriptors but the last `free` ones, and those as well once the last is in use.
class GreedyNeighbour
{
public:
    explicit GreedyNeighbour(std::size_t free)
    {
        for (int next = dup(2); next >= 0; next = dup(2)) {
            taken_.push_back(next);
        }
        const int last = taken_.back();
        for (; free > 0; --free) {
            close(taken_.back());
            taken_.pop_back();
        }
        thread_ = std::jthread([this, last](const std::stop_token& stop) {
            while (!stop.stop_requested() && fcntl(last, F_GETFD) < 0) {
            }
            while (!stop.stop_requested()) {
                if (const int next = dup(2); next >= 0) {
                    taken_.push_back(next);
                }
            }
        });
    }
    ~GreedyNeighbour()
    {
        thread_ = {};
        std::for_each(taken_.begin(), taken_.end(), close);
    }

private:
    std::vector<int> taken_;
    std::jthread thread_;
};

TEST(Process, is_not_waited_for_without_a_descriptor_that_tells_its_end)
{
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit few{64, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    for (int i = 0; i < 5; ++i) {
        ProcessSpecification tool = shell("exit 3");
        tool.time_limit = std::chrono::seconds(3);
        const GreedyNeighbour neighbour(9);  // four pipes and the event of stopping
        const auto result = run(tool);
        EXPECT_TRUE(!result || result->end == End::exited);
        if (!result) {
            EXPECT_TRUE(result.error().message.ends_with("cannot be watched: Too many open files"))
                << result.error().message;
        }
    }
    setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace
}  // namespace unikernel
