// SPDX-License-Identifier: Apache-2.0
#include "builder_service/identity/caller.hh"

#include <gtest/gtest.h>

#include "builder_service/identity/authenticator.hh"

namespace unikernel
{
namespace
{

TEST(Caller, HasRolesWithoutRegardToCase)
{
    Caller caller;
    caller.roles = {"Member", "reader"};
    EXPECT_TRUE(caller.has_role("member"));
    EXPECT_TRUE(caller.has_role("READER"));
    EXPECT_FALSE(caller.has_role("members"));
    EXPECT_FALSE(caller.has_role(""));
}

TEST(NoIdentity, LetsEverybodyDoEverythingInTheProjectWithoutName)
{
    bool asked = false;
    Credentials credentials;
    credentials.request_id = "req-1";
    NoIdentity().authenticate(credentials, [&](Verdict verdict) {
        asked = true;
        ASSERT_TRUE(verdict);
        EXPECT_EQ(verdict->project_id, "");
        EXPECT_TRUE(verdict->admin);
        EXPECT_TRUE(verdict->has_role("manager"));
        EXPECT_EQ(verdict->request_id, "req-1");
    });
    EXPECT_TRUE(asked);
}

}  // namespace
}  // namespace unikernel
