// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "builder_service/cli/output.hh"

namespace unikernel::cli
{
namespace
{

TEST(Output, sizes_and_times_are_for_people)
{
    EXPECT_EQ(human_bytes(823), "823 bytes");
    EXPECT_EQ(human_bytes(1024), "1.0 KiB");
    EXPECT_EQ(human_bytes(1'481'856), "1.4 MiB");
    EXPECT_EQ(human_time(std::chrono::milliseconds(350)), "0.35 s");
    EXPECT_EQ(human_time(std::chrono::milliseconds(123'400)), "2 min 3 s");
}

TEST(Output, hostile_text_cannot_steer_the_terminal)
{
    EXPECT_EQ(printable("a\x1b[31mb\rc\td\x7f"), "a?[31mb?c\td?");
    EXPECT_EQ(printable("Grüße"), "Grüße");
}

TEST(Output, results_and_notes_do_not_mix)
{
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const Output plain(false, false);
    plain.table({{"a", "1"}, {"long", "2"}});
    plain.note("on the way");
    plain.document({{"x", 1}});
    EXPECT_EQ(testing::internal::GetCapturedStdout(), "a     1\nlong  2\n");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "on the way\n");
}

TEST(Output, json_has_one_document_also_for_errors)
{
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const Output json(true, false);
    json.line("not shown");
    EXPECT_EQ(json.error({FailureKind::invalid, "bad"}), rejected);
    const auto document = nlohmann::json::parse(testing::internal::GetCapturedStdout());
    EXPECT_EQ(document["error"], "bad");
    EXPECT_EQ(document["exit_code"], 3);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "unikernel: bad\n");
}

TEST(Output, quiet_says_only_what_went_wrong)
{
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const Output quiet(false, true);
    quiet.line("x");
    quiet.note("y");
    quiet.next("z");
    quiet.error(failed, "broken");
    EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "unikernel: broken\n");
}

}  // namespace
}  // namespace unikernel::cli
