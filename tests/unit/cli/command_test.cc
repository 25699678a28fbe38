// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builder_service/cli/command.hh"

namespace unikernel::cli
{
namespace
{

using testing::HasSubstr;

struct Run {
    int code;
    std::string out, error;
};

Run run(const std::vector<std::string>& words)
{
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = run_command_line(words);
    return {code, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
}

TEST(CommandLine, nothing_at_all_is_wrong_usage_and_shows_what_there_is)
{
    const auto result = run({});
    EXPECT_EQ(result.code, usage);
    EXPECT_THAT(result.error, HasSubstr("Commands:"));
    EXPECT_EQ(result.out, "");
}

TEST(CommandLine, help_lists_every_command_and_exit_code)
{
    const auto result = run({"--help"});
    EXPECT_EQ(result.code, success);
    for (const Command& command : commands()) {
        EXPECT_THAT(result.out, HasSubstr("  " + std::string(command.name) + " "));
    }
    for (const char* code : {"  0  ", "  1  ", "  2  ", "  3  ", "  4  ", "  130  "}) {
        EXPECT_THAT(result.out, HasSubstr(code));
    }
}

TEST(CommandLine, every_command_teaches_with_an_example)
{
    for (const Command& command : commands()) {
        std::vector<std::string> words;
        std::istringstream names{std::string(command.name)};
        for (std::string word; names >> word;) {
            words.push_back(word);
        }
        words.emplace_back("--help");
        const auto result = run(words);
        EXPECT_EQ(result.code, success) << command.name;
        EXPECT_THAT(result.out, HasSubstr("Usage: unikernel " + std::string(command.name)));
        if (command.name != "version") {
            EXPECT_THAT(result.out, HasSubstr("Example")) << command.name;
            EXPECT_THAT(result.out, HasSubstr("\n  unikernel " + std::string(command.name))) << command.name;
        }
    }
}

TEST(CommandLine, misspelt_words_get_the_nearest)
{
    EXPECT_EQ(run({"biuld"}).error, "unikernel: unknown command \"biuld\"; did you mean \"build\"?\n");
    EXPECT_EQ(run({"frobnicate"}).error,
              "unikernel: unknown command \"frobnicate\"; unikernel --help lists them\n");
    EXPECT_EQ(run({"build", "x", "--requiremnt", "y"}).error,
              "unikernel: unknown option --requiremnt; did you mean --requirement?\n");
    EXPECT_EQ(run({"module", "lsit"}).error,
              "unikernel: unikernel module wants list or show or lint, not \"lsit\"\n");
    EXPECT_EQ(run({"biuld"}).code, usage);
}

TEST(CommandLine, abbreviated_options_are_not_guessed)
{
    EXPECT_THAT(run({"build", "x", "--outp", "y"}).error, HasSubstr("unknown option --outp"));
}

TEST(CommandLine, missing_and_surplus_operands_show_the_usage)
{
    EXPECT_EQ(run({"inspect"}).error,
              "unikernel: IMAGE is missing; usage: unikernel inspect IMAGE [OPTIONS]\n");
    EXPECT_EQ(run({"inspect", "a", "b"}).error,
              "unikernel: too many arguments; usage: unikernel inspect IMAGE [OPTIONS]\n");
    EXPECT_THAT(run({"build", "x", "--output"}).error, HasSubstr("--output"));
}

TEST(CommandLine, only_run_takes_arguments_of_the_application)
{
    EXPECT_EQ(run({"inspect", "a", "--", "b"}).error,
              "unikernel: \"--\" and what follows it belong to the command run only\n");
}

TEST(CommandLine, version_has_a_json_form)
{
    EXPECT_THAT(run({"version"}).out, testing::StartsWith("unikernel "));
    EXPECT_TRUE(nlohmann::json::parse(run({"version", "--json"}).out).contains("version"));
}

TEST(CommandLine, local_and_service_exclude_each_other)
{
    const auto result = run({"module", "list", "--local", "--service", "http://127.0.0.1:1"});
    EXPECT_EQ(result.code, usage);
    EXPECT_EQ(result.error, "unikernel: --local and --service exclude each other\n");
}

TEST(CommandLine, service_that_does_not_answer_names_both_ways_out)
{
    const auto result = run({"module", "list", "--service", "http://127.0.0.1:1"});
    EXPECT_EQ(result.code, unreachable);
    EXPECT_THAT(result.error, HasSubstr("no builder service answers at http://127.0.0.1:1"));
    EXPECT_THAT(result.error, HasSubstr("start one with: unikernel-builder"));
    EXPECT_THAT(result.error, HasSubstr("add --local"));
}

TEST(CommandLine, service_that_is_no_url_is_refused)
{
    const auto result = run({"module", "list", "--service", "127.0.0.1:8770"});
    EXPECT_EQ(result.code, rejected);
    EXPECT_THAT(result.error, HasSubstr("must begin with http:// or https://"));
}

TEST(ShellWord, quotes_what_a_shell_would_change)
{
    EXPECT_EQ(shell_word("a/b-c.img"), "a/b-c.img");
    EXPECT_EQ(shell_word("my app"), "'my app'");
    EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
    EXPECT_EQ(shell_word(""), "''");
}

}  // namespace
}  // namespace unikernel::cli
