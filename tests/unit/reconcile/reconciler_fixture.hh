// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/unit/reconcile/town.hh"

namespace unikernel::test
{

class ReconcilerTest : public Town
{
protected:
    /// A line with servers on its image, and then a requirement that makes it outdated.
    void outdated_line(const std::vector<std::string>& servers)
    {
        old_ = built("web");
        for (const auto& id : servers)
            fleet.add(id, old_);
        one_ = process();
        settle(*one_);
        ASSERT_TRUE(all_rollouts().empty()) << "there is nothing to do yet";
        require("secure", 1);
    }
    /// Passes at which nobody can tell what is wanted.
    void trouble_comes_and_goes(FailureKind kind)
    {
        trouble = Failure{kind, "repository house cannot be used"};
        for (int n = 0; n < 3; ++n) {
            ASSERT_TRUE(one_->loop.pass(true, {}));
            hands.pass(10s);
        }
        trouble.reset();
    }
    std::string standing_of(const std::string& server)
    {
        std::string state;
        EXPECT_TRUE(database->transact(false, [&](soci::session& sql) {
            sql << "SELECT state FROM server_standings WHERE server = :id", soci::use(server),
                soci::into(state);
        }));
        return state;
    }
    std::string old_;
    std::unique_ptr<Process> one_;
};

}  // namespace unikernel::test
