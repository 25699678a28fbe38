// SPDX-License-Identifier: Apache-2.0
#include "builder_service/instances/console_log.hh"

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/util/temporary_directory.hh"

namespace unikernel
{
namespace
{

class ConsoleLog : public testing::Test
{
protected:
    std::filesystem::path write(const std::string& name, const std::string& text) const
    {
        std::ofstream(folder_.path() / name, std::ios::binary) << text;
        return folder_.path() / name;
    }
    TemporaryDirectory folder_ = TemporaryDirectory::create("console-test").value();
};

TEST_F(ConsoleLog, HasALineOnlyAsAWhole)
{
    EXPECT_TRUE(console_has(write("a", "u0: boot\r\nu0: sealed\r\nmore"), "u0: sealed"));
    EXPECT_TRUE(console_has(write("b", "u0: sealed"), "u0: sealed"));
    EXPECT_FALSE(console_has(write("c", "it says u0: sealed\nu0: sealed not\n"), "u0: sealed"));
    EXPECT_FALSE(console_has(folder_.path() / "none", "u0: sealed"));
}

TEST_F(ConsoleLog, KeepsTheCurrentAndTheLastTwo)
{
    for (const auto* name : {"console-7.log", "console-8.log", "console-9.log", "console-10.log", "notes"})
        write(name, "x");
    forget_old_logs(folder_.path() / "console-10.log", 10);
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / "console-7.log"));
    for (const auto* name : {"console-8.log", "console-9.log", "console-10.log", "notes"})
        EXPECT_TRUE(std::filesystem::exists(folder_.path() / name)) << name;
}

TEST_F(ConsoleLog, GivesBackTheMiddleOfALongOne)
{
    const auto log = write("long", "begin" + std::string(console_bytes_most + (4 << 20), '.') + "end");
    const auto size = std::filesystem::file_size(log);
    trim_console(log);
    EXPECT_EQ(std::filesystem::file_size(log), size);
    struct stat facts {
    };
    ASSERT_EQ(::stat(log.c_str(), &facts), 0);
    EXPECT_LT(static_cast<std::uint64_t>(facts.st_blocks) * 512, 3 * console_bytes_kept);
    std::ifstream file(log, std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    EXPECT_TRUE(text.starts_with("begin") && text.ends_with("end"));
}

TEST_F(ConsoleLog, LeavesAShortOneAlone)
{
    const auto log = write("short", std::string(1 << 20, '.'));
    trim_console(log);
    std::ifstream file(log, std::ios::binary);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), std::string(1 << 20, '.'));
}

}  // namespace
}  // namespace unikernel
