// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "builder_service/platforms/tool.hh"
#include "builder_service/platforms/u0/link.hh"

namespace unikernel
{
namespace
{

TEST(FinalLink, is_a_sandboxed_linker_that_sees_single_objects)
{
    u0::Description core;
    core.link.flags = {"-static"};
    u0::Toolchain toolchain;
    const ProcessSpecification tool = u0::final_link(
        core, toolchain, {"/p/link.ld", "/c/libos.o", {{"src/a.cc", "/c/aa/1.o"}}, false}, "/w/out", {});
    EXPECT_EQ(tool.program, "bwrap");
    const std::string line = tool.command_line();
    EXPECT_NE(line.find("--ro-bind /c/aa/1.o /build/objects/0-src_a.cc.o"), std::string::npos) << line;
    EXPECT_NE(line.find("/usr/bin/ld -static -T /build/link.ld -o /build/out/image /build/libos.o "
                        "/build/objects/0-src_a.cc.o"),
              std::string::npos)
        << line;
    EXPECT_EQ(line.find("-lc"), std::string::npos);
}

TEST(LinkerMessage, is_freed_of_the_linkers_own_name_and_warnings)
{
    EXPECT_EQ(u0::linker_message(
                  "/usr/bin/ld: a.o: in function `main':\nserver.cc:(.text+0x5): undefined reference to "
                  "`f()'\n/usr/bin/ld: warning: something\n"),
              "a.o: in function `main':\nserver.cc:(.text+0x5): undefined reference to `f()'");
}

ProcessSpecification shell(const std::string& script)
{
    ProcessSpecification tool;
    tool.program = "/bin/sh";
    tool.arguments = {"-c", script};
    tool.environment = {{"PATH", "/usr/bin:/bin"}};
    return tool;
}

TEST(RunTool, tells_apart_the_ways_a_tool_ends)
{
    OutputBudget budget(1000);
    const auto failure = [&](ProcessSpecification tool) {
        return run_tool(std::move(tool), "compiling a.cc", budget, {}).error();
    };
    EXPECT_EQ(failure(shell("echo a.cc:1:1: error >&2; exit 1")).message, "a.cc:1:1: error\n");
    EXPECT_EQ(failure(shell("exit 1")).kind, FailureKind::invalid);
    EXPECT_EQ(failure(shell("echo 'as: No space left on device'; exit 1")).kind, FailureKind::no_space);
    EXPECT_EQ(failure(shell("kill -SEGV $$")).message, "compiling a.cc: sh was killed by signal 11");
    EXPECT_EQ(failure(shell("echo 'bwrap: No permissions' >&2; exit 1")).kind, FailureKind::unavailable);
    ProcessSpecification slow = shell("sleep 30");
    slow.time_limit = std::chrono::seconds(1);
    EXPECT_EQ(failure(slow).message, "compiling a.cc took more than 1 s");
    ProcessSpecification none;
    none.program = "no-such-compiler";
    EXPECT_EQ(failure(none).message, "compiling a.cc: no-such-compiler: no such program");
    EXPECT_EQ(failure(none).kind, FailureKind::unavailable);
}

TEST(RunTool, output_is_limited_over_all_tools_together)
{
    OutputBudget budget(1000);
    ASSERT_TRUE(run_tool(shell("head -c 700 /dev/zero"), "one", budget, {}));
    const auto second = run_tool(shell("yes | head -c 700"), "two", budget, {});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, FailureKind::too_large);
    EXPECT_TRUE(second.error().message.starts_with(
        "two: the tools printed more than 1000 bytes; it began with:\ny\n"));
}

}  // namespace
}  // namespace unikernel
