// SPDX-License-Identifier: Apache-2.0
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builder_service/cli/console_follower.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel::cli
{
namespace
{

using testing::ElementsAre;

class Follower : public testing::Test
{
protected:
    void add(const std::string& text) { std::ofstream(file_, std::ios::app | std::ios::binary) << text; }

    TemporaryDirectory folder_ = TemporaryDirectory::create().value();
    std::filesystem::path file_ = folder_.path() / "console";
    std::vector<std::string> lines_;
    ConsoleFollower follower_{file_, [this](std::string_view line) { lines_.emplace_back(line); }};
};

TEST_F(Follower, waits_for_the_file_and_for_whole_lines)
{
    follower_.poll();
    add("one\r\ntw");
    follower_.poll();
    EXPECT_THAT(lines_, ElementsAre("one"));
    add("o\n\nthree");
    follower_.poll();
    EXPECT_THAT(lines_, ElementsAre("one", "two", ""));
    follower_.finish();
    EXPECT_THAT(lines_, ElementsAre("one", "two", "", "three"));
}

TEST_F(Follower, cuts_a_line_without_end)
{
    add(std::string(100'000, 'x'));
    follower_.finish();
    std::size_t all = 0;
    for (const auto& line : lines_) {
        all += line.size();
    }
    EXPECT_EQ(all, 100'000U);
    EXPECT_GT(lines_.size(), 1U);
}

TEST(Verdict, takes_the_last_word)
{
    VerdictReader reader;
    reader.read("u0: sealed");
    EXPECT_EQ(reader.verdict().end, ConsoleVerdict::End::silent);
    reader.read("u0: exit 3");
    EXPECT_EQ(reader.verdict().end, ConsoleVerdict::End::exited);
    EXPECT_EQ(reader.verdict().status, 3);
    reader.read("u0: panic: stack overflow");
    EXPECT_EQ(reader.verdict().end, ConsoleVerdict::End::panicked);
    EXPECT_EQ(reader.verdict().reason, "stack overflow");
}

TEST(Verdict, is_not_taken_from_the_middle_of_a_line)
{
    VerdictReader reader;
    reader.read("app: u0: exit 0");
    reader.read("u0: exit zero");
    EXPECT_EQ(reader.verdict().end, ConsoleVerdict::End::silent);
}

}  // namespace
}  // namespace unikernel::cli
