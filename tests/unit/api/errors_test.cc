// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/errors.hh"

#include <gtest/gtest.h>

namespace unikernel::api
{
namespace
{

nlohmann::json first_error(const Response& response)
{
    return nlohmann::json::parse(std::get<std::string>(response.body)).at("errors").at(0);
}

TEST(Errors, MapFailuresToStatuses)
{
    const std::pair<FailureKind, int> expected[] = {
        {FailureKind::invalid, 400},      {FailureKind::not_found, 404}, {FailureKind::conflict, 409},
        {FailureKind::unresolvable, 409}, {FailureKind::too_large, 413}, {FailureKind::no_space, 507},
        {FailureKind::timed_out, 504},    {FailureKind::cancelled, 409}, {FailureKind::unavailable, 503},
        {FailureKind::internal, 500}};
    for (const auto& [kind, status] : expected) {
        const auto response = error(Failure{kind, "why"}, "spec");
        EXPECT_EQ(response.status, status);
        EXPECT_EQ(first_error(response)["status"], status);
        EXPECT_EQ(first_error(response)["detail"], "why");
    }
}

TEST(Errors, CarryTheRequestId)
{
    auto response = error(404, "build.not-found", "no");
    stamp(response, "req-1");
    EXPECT_EQ(response.headers["X-Openstack-Request-Id"], "req-1");
    EXPECT_EQ(first_error(response)["request_id"], "req-1");
}

TEST(Errors, AreAlwaysUtf8)
{
    const auto response = error(400, "x", std::string("bad \xff byte"));
    EXPECT_EQ(first_error(response)["detail"], "bad \xef\xbf\xbd byte");
}

TEST(RequestIds, Differ)
{
    EXPECT_NE(new_request_id(), new_request_id());
    EXPECT_EQ(new_request_id().size(), 40U);
    EXPECT_EQ(new_request_id()[18], '4');  // version of the UUID
}

}  // namespace
}  // namespace unikernel::api
