// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "builder_service/cli/service_client.hh"

namespace unikernel::cli
{
namespace
{

TEST(ServiceFailure, passes_on_the_services_own_words)
{
    const auto failure = service_failure(
        400,
        R"({"errors":[{"status":400,"title":"Bad","detail":"spec.name: is missing","request_id":"req-1"}]})");
    EXPECT_EQ(failure.kind, FailureKind::invalid);
    EXPECT_EQ(failure.message, "spec.name: is missing");
}

TEST(ServiceFailure, names_the_request_when_the_service_is_at_fault)
{
    const auto failure = service_failure(500, R"({"errors":[{"detail":"oops","request_id":"req-1"}]})");
    EXPECT_EQ(failure.kind, FailureKind::internal);
    EXPECT_EQ(failure.message, "oops (req-1)");
}

TEST(ServiceFailure, survives_what_is_no_answer_of_ours)
{
    for (const char* body :
         {"", "<html>", "[]", R"({"errors":[]})", R"({"errors":[1]})", R"({"errors":{}})"}) {
        EXPECT_EQ(service_failure(502, body).message, "the builder service answered 502") << body;
    }
    EXPECT_EQ(service_failure(502, "").kind, FailureKind::unavailable);
    EXPECT_EQ(service_failure(404, "").kind, FailureKind::not_found);
    EXPECT_EQ(service_failure(413, "").kind, FailureKind::too_large);
}

}  // namespace
}  // namespace unikernel::cli
