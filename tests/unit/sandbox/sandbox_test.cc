// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include <sys/stat.h>

#include "builder_service/sandbox/sandbox.hh"
#include "common/util/file.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel
{
namespace
{

namespace fs = std::filesystem;

/// These run a real bubblewrap: without it nothing here would mean anything.
class Sandbox : public ::testing::Test
{
protected:
    void SetUp() override
    {
        const Result<Confinement> works = confinement();
        ASSERT_TRUE(works) << works.error().message;
        ASSERT_TRUE(works->processes_bounded) << works->text;
        limits_.user = works->user;
        fs::create_directory(in_);
        fs::create_directory(out_);
        ASSERT_TRUE(make_output(out_ / "object", limits_.user));
        ASSERT_TRUE(write_file(in_ / "file", "content"));
        limits_.time = std::chrono::seconds(20);
    }

    ProcessResult sh(const std::string& script)
    {
        SandboxedTool tool;
        tool.program = "/usr/bin/sh";
        tool.arguments = {"-c", script};
        tool.working_directory = "/build/src";
        tool.read_only[in_] = "/build/src";
        tool.writable[out_ / "object"] = "/build/out/object";
        const Result<ProcessResult> result = run(sandboxed(tool, limits_));
        EXPECT_TRUE(result);
        return *result;
    }

    TemporaryDirectory folder_ = *TemporaryDirectory::create();
    fs::path in_ = folder_.path() / "in";
    fs::path out_ = folder_.path() / "out";
    SandboxLimits limits_;
};

TEST_F(Sandbox, shows_the_source_and_takes_the_result)
{
    const ProcessResult result = sh("cat file; pwd; echo made > /build/out/object");
    EXPECT_EQ(result.out, "content/build/src\n");
    EXPECT_EQ(*read_file(out_ / "object", 100), "made\n");
}

TEST_F(Sandbox, shows_nothing_else_of_the_host)
{
    const fs::path secret = folder_.path() / "secret";
    ASSERT_TRUE(write_file(secret, "x"));
    EXPECT_FALSE(sh("cat " + secret.string()).ok());
    EXPECT_EQ(sh("ls / | sort | tr '\\n' ' '").out.find("home"), std::string::npos);
    EXPECT_EQ(sh("ls /etc | grep -v -e alternatives -e ld.so.cache; ls /tmp; ls /root 2>/dev/null").out, "");
}

TEST_F(Sandbox, writes_nowhere_but_in_its_output)
{
    for (const char* target : {"/usr/bin/x", "/build/src/file", "/x", "/etc/x", "/build/x", "/build/out/x",
                               "/dev/x", "/dev/shm/x"}) {
        EXPECT_FALSE(sh(std::string("echo x > ") + target).ok()) << target;
    }
    EXPECT_EQ(*read_file(in_ / "file", 100), "content");
    EXPECT_TRUE(sh("echo x > /dev/null && head -c 1 /dev/urandom > /tmp/x").ok());
}

TEST_F(Sandbox, makes_files_in_no_folder_but_tmp)
{
    EXPECT_EQ(sh("cut -d' ' -f2 /proc/mounts | while read mount; do find $mount -xdev -path /proc -prune -o "
                 "-type d -writable -print; done | sort -u | while read folder; do touch $folder/x && echo "
                 "$folder; done")
                  .out,
              "/tmp\n");
}

TEST_F(Sandbox, leaves_its_output_where_it_is)
{
    EXPECT_FALSE(sh("rm /build/out/object").ok());
    EXPECT_FALSE(sh("mv /build/out/object /tmp/object && ln -s /etc/passwd /build/out/object").ok());
    EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(out_ / "object")));
}

TEST_F(Sandbox, has_no_network)
{
    EXPECT_EQ(sh("grep -c : /proc/net/dev").out, "1\n");  // the loopback device alone
    EXPECT_FALSE(sh("exec 3<>/dev/tcp/127.0.0.1/22").ok());
}

TEST_F(Sandbox, sees_no_process_of_the_host_and_has_no_capability)
{
    EXPECT_LT(std::stoi(sh("ls /proc | grep -c '^[0-9]'").out), 6);
    EXPECT_EQ(sh("grep CapEff /proc/self/status").out, "CapEff:\t0000000000000000\n");
    EXPECT_EQ(sh("grep NoNewPrivs /proc/self/status").out, "NoNewPrivs:\t1\n");
    EXPECT_EQ(sh("id -u").out, "65534\n");
    EXPECT_FALSE(sh("unshare --user true").ok());
}

TEST_F(Sandbox, has_a_fixed_environment)
{
    setenv("UNIKERNEL_TEST_SECRET", "x", 1);
    EXPECT_EQ(sh("env | grep -v -e ^PWD= -e ^OLDPWD= -e ^SHLVL= -e ^_= | sort").out,
              "LC_ALL=C.UTF-8\nPATH=/usr/bin\nSOURCE_DATE_EPOCH=0\nTMPDIR=/tmp\n");
    unsetenv("UNIKERNEL_TEST_SECRET");
}

TEST_F(Sandbox, is_limited_in_time)
{
    limits_.time = std::chrono::milliseconds(800);
    EXPECT_EQ(sh("sleep 60").end, ProcessResult::End::timed_out);
}

TEST_F(Sandbox, is_limited_in_memory)
{
    limits_.memory = 200ULL << 20;
    EXPECT_FALSE(sh("head -c 1000000000 /dev/zero | tail -c 900000000 | wc -c").ok() &&
                 sh("x=$(head -c 900000000 /dev/zero | tr '\\0' a); echo ${#x}").ok());
}

TEST_F(Sandbox, is_limited_in_what_it_writes_and_prints)
{
    limits_.file_size = 10'000;
    EXPECT_FALSE(sh("head -c 1000000 /dev/zero > /build/out/object").ok());
    EXPECT_LE(fs::file_size(out_ / "object"), 10'000U);
    limits_.output = 5'000;
    EXPECT_EQ(sh("yes").end, ProcessResult::End::output_limit);
}

TEST_F(Sandbox, passes_limits_on_processes_and_files)
{
    limits_.processes = 17;
    limits_.open_files = 33;
    EXPECT_EQ(sh("ulimit -n").out, "33\n");
    EXPECT_NE(sh("cat /proc/self/limits").out.find("Max processes             17                   17"),
              std::string::npos);
}

/// Command lines of all processes of the host.
std::string command_lines()
{
    std::string all;
    for (const auto& process : fs::directory_iterator("/proc")) {
        all += read_file(process.path() / "cmdline", 1 << 20).value_or("") + "\n";
    }
    return all;
}

TEST_F(Sandbox, bounds_processes_at_each_moment)
{
    limits_.processes = 17;
    const ProcessResult result = sh("for i in $(seq 40); do sleep 20.625 & echo $i; done; echo all");
    EXPECT_FALSE(result.ok());
    EXPECT_GT(std::count(result.out.begin(), result.out.end(), '\n'), 8);
    EXPECT_LT(std::count(result.out.begin(), result.out.end(), '\n'), 17);
    EXPECT_NE(result.error.find("Cannot fork"), std::string::npos) << result.error;
    EXPECT_EQ(command_lines().find("20.625"), std::string::npos) << "something survived";
    EXPECT_TRUE(sh("for i in $(seq 40); do /usr/bin/true; done").ok()) << "one after the other";
}

TEST_F(Sandbox, holds_against_processes_that_multiply)
{
    limits_.time = std::chrono::milliseconds(1500);
    limits_.processes = 30;
    const ProcessResult result = sh("b() { echo 30.875 >&2; b | b & }; while :; do b; sleep 0.05; done");
    EXPECT_FALSE(result.ok());
    EXPECT_EQ(command_lines().find("30.875"), std::string::npos) << "something survived";
}

TEST_F(Sandbox, has_its_number_of_processes_whatever_others_have)
{
    limits_.processes = 17;
    const std::string twelve = "for i in $(seq 12); do sleep 1 & done; wait; echo all";
    std::string other;
    {
        const std::jthread beside([&] { other = sh(twelve).out; });
        EXPECT_EQ(sh(twelve).out, "all\n");
    }
    EXPECT_EQ(other, "all\n");
}

TEST_F(Sandbox, is_of_no_user_that_owns_something)
{
    const ProcessResult result = sh("echo x > /build/out/object");  // of mode 0644
    ASSERT_TRUE(result.ok()) << result.error;
    struct stat made {
    };
    ASSERT_EQ(lstat((out_ / "object").c_str(), &made), 0);
    EXPECT_NE(made.st_uid, 0U) << "the host's root, in a sandbox";
}

TEST(SandboxSpecification, of_another_user_is_the_same_one_with_all_it_names_in_reach)
{
    SandboxedTool tool;
    tool.program = "/usr/bin/g++";
    tool.read_only["/root/a"] = "/build/src";
    tool.writable["/root/b"] = "/build/out";
    SandboxLimits limits;
    const std::string own = sandboxed(tool, limits).command_line();
    limits.user = 70'000;
    const std::string line = sandboxed(tool, limits).command_line();
    EXPECT_NE(
        line.find(" --ro-bind /root/a /tmp/read-only-0 --bind /root/b /tmp/writable-0 -- /usr/bin/setpriv "
                  "--reuid 70000 --regid 70000 --clear-groups --inh-caps=-all -- /usr/bin/bwrap "
                  "--unshare-all --unshare-user "),
        std::string::npos)
        << line;
    EXPECT_NE(line.find(" --ro-bind /tmp/read-only-0 /build/src --bind /tmp/writable-0 /build/out "),
              std::string::npos)
        << line;
    EXPECT_NE(own.find(" --ro-bind /root/a /build/src --bind /root/b /build/out "), std::string::npos) << own;
}

TEST(SandboxSpecification, unshares_everything_and_inherits_nothing)
{
    SandboxedTool tool;
    tool.program = "/usr/bin/g++";
    tool.arguments = {"-c", "a.cc"};
    const ProcessSpecification bwrap = sandboxed(tool, {});
    const auto has = [&](const char* word) {
        return std::find(bwrap.arguments.begin(), bwrap.arguments.end(), word) != bwrap.arguments.end();
    };
    EXPECT_EQ(bwrap.program, "bwrap");
    EXPECT_TRUE(has("--unshare-all"));
    EXPECT_TRUE(has("--die-with-parent"));
    EXPECT_TRUE(has("--clearenv"));
    EXPECT_TRUE(has("--new-session"));
    EXPECT_TRUE(bwrap.environment.empty());
    EXPECT_EQ(bwrap.limits.core_size, 0U);
    EXPECT_TRUE(bwrap.limits.address_space);
    EXPECT_EQ((std::vector<std::string>(bwrap.arguments.end() - 3, bwrap.arguments.end())),
              (std::vector<std::string>{"/usr/bin/g++", "-c", "a.cc"}));
}

}  // namespace
}  // namespace unikernel
