// SPDX-License-Identifier: Apache-2.0
#include "policy.hh"
#include "sealed_policy.hh"

#include <gtest/gtest.h>

#include <array>
#include <string>

using namespace u0::http_guard;

namespace
{

constexpr CredentialSet staff = 1, admin = 2, robot = 4;
constexpr std::array<std::string_view, 2> writing{"POST", "PUT"};
constexpr std::array<std::string_view, 1> reading{"GET"};
const std::array<Credential, 3> credentials{};

const std::array<Resource, 6> resources{{
    {"/private", {}, staff | admin},
    {"/private/vault", {}, admin},
    {"/docs", writing, staff},
    {"/reports", reading, robot},
    {"/closed", {}, 0},
    {"/Case", {}, robot},
}};
const Policy open_policy{true, credentials, resources};
const Policy closed_policy{false, credentials, resources};

/// -1 open, -2 undecidable, else the accepted set.
long access(const Policy& policy, std::string_view method, std::string_view path)
{
    const Access access = decide(policy, method, path);
    if (access.undecidable)
        return -2;
    return access.open ? -1 : static_cast<long>(access.accepted);
}

long get(std::string_view path)
{
    return access(open_policy, "GET", path);
}

TEST(Policy, longest_path_on_a_segment_boundary_decides)
{
    EXPECT_EQ(get("/"), -1);
    EXPECT_EQ(get("/private"), staff | admin);
    EXPECT_EQ(get("/private/"), staff | admin);
    EXPECT_EQ(get("/private/x/y"), staff | admin);
    EXPECT_EQ(get("/privateer"), -1);
    EXPECT_EQ(get("/private-not"), -1);
    EXPECT_EQ(get("/privat"), -1);
    EXPECT_EQ(get("/x/private"), -1);
    EXPECT_EQ(get("/private/vault"), admin);
    EXPECT_EQ(get("/private/vaults"), staff | admin);
    EXPECT_EQ(get("/closed/x"), 0);
}

TEST(Policy, what_nothing_names_is_open_or_for_known_credentials)
{
    EXPECT_EQ(access(open_policy, "GET", "/other"), -1);
    EXPECT_EQ(access(closed_policy, "GET", "/other"), staff | admin | robot);
    EXPECT_EQ(access(closed_policy, "GET", "/private"), staff | admin);
    EXPECT_EQ(access(Policy{false, {}, {}}, "GET", "/"), 0);
}

TEST(Policy, methods_count_in_any_case_and_get_includes_head)
{
    EXPECT_EQ(access(open_policy, "GET", "/docs"), -1);
    EXPECT_EQ(access(open_policy, "POST", "/docs"), staff);
    EXPECT_EQ(access(open_policy, "post", "/docs"), staff);
    EXPECT_EQ(access(open_policy, "HEAD", "/docs"), -1);
    EXPECT_EQ(access(open_policy, "GET", "/reports"), robot);
    EXPECT_EQ(access(open_policy, "HEAD", "/reports"), robot);
    EXPECT_EQ(access(open_policy, "DELETE", "/reports"), -1);
}

TEST(Policy, root_covers_everything)
{
    const std::array<Resource, 1> all{{{"", {}, staff}}};
    for (const char* path : {"/", "/x", "/x/y/", "/%2e"})
        EXPECT_EQ(access(Policy{true, credentials, all}, "GET", path), staff) << path;
}

TEST(Policy, other_readings_of_a_path_count_too)
{
    for (const char* path : {"/PRIVATE", "/Private/x", "/%2570rivate", "/private;x=1", "/private%3Bx",
                             "/;/private", "/x/..;/private", "/x%3Bfoo/..%3B/private", "/private%20",
                             "/private%3F", "/x/%252e%252e/private", "/%252570rivate/%25252e%25252e/open"})
        EXPECT_EQ(get(path), staff | admin) << path;
    EXPECT_EQ(get("/private/%252e%252e/open"), staff | admin);
    EXPECT_EQ(get("/private/VAULT"), admin);
    EXPECT_EQ(get("/private/vault/%252e%252e/x"), admin);
    EXPECT_EQ(get("/%2525252525252570rivate"), -2);
    EXPECT_EQ(get("/case"), robot);
    EXPECT_EQ(get("/a%20b;c"), -1);
}

TEST(Policy, readings_have_to_agree)
{
    const std::array<Resource, 2> two{{{"", {}, staff}, {"/SECRET", {}, admin}}};
    EXPECT_EQ(access(Policy{true, credentials, two}, "GET", "/secret"), 0);
    EXPECT_EQ(access(Policy{true, credentials, two}, "GET", "/SECRET"), admin);
    EXPECT_EQ(access(Policy{true, credentials, two}, "GET", "/open"), staff);
}

TEST(Policy, paths_that_differ_in_case_can_be_told_apart)
{
    const std::array<Resource, 2> two{{{"/a", {}, staff}, {"/A", {}, admin}}};
    EXPECT_EQ(access(Policy{true, credentials, two}, "GET", "/a/x"), staff);
    EXPECT_EQ(access(Policy{true, credentials, two}, "GET", "/A/x"), admin);
}

TEST(Policy, equal_paths_have_to_agree)
{
    const std::array<Resource, 2> two{{{"/a", {}, staff | robot}, {"/a", reading, admin | robot}}};
    EXPECT_EQ(access(Policy{true, credentials, two}, "GET", "/a"), robot);
    EXPECT_EQ(access(Policy{true, credentials, two}, "POST", "/a"), staff | robot);
}

// The shapes of generated constants.
namespace generated
{
enum class T_credentials_kind { basic, bearer };
struct T_credentials {
    T_credentials_kind kind;
    std::string_view name;
    u0::Secret secret;
    std::string_view user;
};
constexpr std::array<T_credentials, 2> credentials{{
    {T_credentials_kind::basic, "staff", {{}, {}, 1000}, "s"},
    {T_credentials_kind::bearer, "robot", {{}, {}, 2000}, ""},
}};
struct T_resources {
    std::span<const std::string_view> accept;
    std::span<const std::string_view> methods;
    std::string_view path;
};
constexpr std::array<std::string_view, 2> both{"robot", "staff"};
constexpr std::array<std::string_view, 1> one{"robot"};
constexpr std::array<T_resources, 3> resources{
    {{both, {}, "/private/"}, {one, reading, "/a/b"}, {one, {}, "/"}}};
}  // namespace generated

TEST(SealedPolicy, takes_over_the_generated_constants)
{
    static constexpr auto sealed = seal_credentials(generated::credentials);
    EXPECT_EQ(sealed[0].scheme, Scheme::basic);
    EXPECT_EQ(sealed[0].user, "s");
    EXPECT_EQ(sealed[1].scheme, Scheme::bearer);
    EXPECT_EQ(sealed[1].secret.iterations, 2000U);
    static constexpr auto rules = seal_resources(generated::resources, generated::credentials);
    EXPECT_EQ(rules[0].path, "/private");
    EXPECT_EQ(rules[0].accepted, 3U);
    EXPECT_EQ(rules[1].accepted, 2U);
    EXPECT_EQ(rules[1].methods.size(), 1U);
    EXPECT_EQ(rules[2].path, "");
}

}  // namespace
