// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/router.hh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builder_service/api/limits.hh"

namespace unikernel::api
{
namespace
{

class RouterTest : public testing::Test
{
protected:
    int status(const std::string& method, const std::string& target, Headers headers = {},
               std::uint64_t bytes = 0)
    {
        request_ = Request{};
        request_.method = method;
        request_.headers = std::move(headers);
        request_.body_bytes = bytes;
        const auto match = router_.match(request_, target);
        if (const auto* refusal = std::get_if<Response>(&match)) {
            refusal_ = *refusal;
            return refusal->status;
        }
        found_ = std::get<const Route*>(match)->path;
        return 200;
    }

    Router router_{{{"GET", "/", "", Body::none, {}, {}},
                    {"GET", "/v1/builds", "", Body::none, {"limit"}, {}},
                    {"POST", "/v1/builds", "", Body::json, {}, {}},
                    {"POST", "/v1/bundles", "", Body::archive, {}, {}},
                    {"GET", "/v1/builds/{id}/events", "", Body::none, {"from"}, {}}}};
    Request request_;
    Response refusal_;
    std::string_view found_;
};

TEST_F(RouterTest, FindsRoutesAndDecodesParameters)
{
    EXPECT_EQ(status("GET", "/"), 200);
    EXPECT_EQ(status("GET", "/v1/builds/a%20b/events?from=7"), 200);
    EXPECT_EQ(found_, "/v1/builds/{id}/events");
    EXPECT_EQ(request_.parameters, std::vector<std::string>{"a b"});
    EXPECT_EQ(request_.query.at("from"), "7");
    EXPECT_EQ(status("HEAD", "/v1/builds"), 200);
}

TEST_F(RouterTest, RefusesOtherPathsAndMethods)
{
    EXPECT_EQ(status("GET", "/v1"), 404);
    EXPECT_EQ(status("GET", "/v1/builds/"), 404);
    EXPECT_EQ(status("GET", "/v1/builds//events"), 404);
    EXPECT_EQ(status("PUT", "/v1/builds"), 405);
    EXPECT_EQ(refusal_.headers["Allow"], "GET, HEAD, POST");
    EXPECT_EQ(status("get", "/"), 405);
}

TEST_F(RouterTest, ChecksBodiesByTheirHead)
{
    const Headers json = {{"Content-Type", "application/json; charset=utf-8"}};
    EXPECT_EQ(status("POST", "/v1/builds", json, limits::json_bytes), 200);
    EXPECT_EQ(status("POST", "/v1/builds", json, limits::json_bytes + 1), 413);
    EXPECT_EQ(status("POST", "/v1/builds", {}, 1), 415);
    EXPECT_EQ(status("POST", "/v1/bundles", {{"content-type", "Application/X-Tar"}}, limits::bundle_bytes),
              200);
    EXPECT_EQ(status("POST", "/v1/bundles", json, 1), 415);
    EXPECT_EQ(status("GET", "/", {}, 1), 413);
}

TEST_F(RouterTest, ChecksQueries)
{
    EXPECT_EQ(status("GET", "/v1/builds?limit=1"), 200);
    EXPECT_EQ(status("GET", "/v1/builds?"), 200);
    EXPECT_EQ(status("GET", "/v1/builds?limit=1&limit=1"), 400);
    EXPECT_EQ(status("GET", "/v1/builds?lim%69t=1"), 200);
    EXPECT_EQ(status("GET", "/v1/builds?limit=%"), 400);
    EXPECT_EQ(status("GET", "/?x"), 400);
}

TEST(PercentDecoding, RefusesWhatCouldChangeThePath)
{
    EXPECT_EQ(percent_decoded("a%41%7e").value(), "aA~");
    for (const char* text : {"%", "%4", "%zz", "%2f", "%2F", "%00", "a%"})
        EXPECT_FALSE(percent_decoded(text)) << text;
}

}  // namespace
}  // namespace unikernel::api
