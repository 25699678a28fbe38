// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "builder_service/identity/caller.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// One expression of oslo.policy's language, of which this is the part that policies of OpenStack's
/// services use (oslo.policy, "Policy Rule Expressions"): `role:R`, `rule:R`, `project_id:P` and `user_id:U`
/// where P and U are an id, or %(project_id)s and %(user_id)s of what is acted on; `@` (always), `!` (never),
/// `not`, `and`, `or`, parentheses. The empty expression is always true.
class PolicyRule
{
public:
    /// What a rule is decided about.
    struct Question {
        const Caller& caller;
        std::string_view project_id;  ///< of what is acted on
        std::string_view user_id;
        std::function<bool(std::string_view name)> rule;  ///< another rule's answer
    };

    /// Errors: invalid (what is not understood, and what is possible).
    static Result<PolicyRule> parse(std::string_view expression);

    bool holds(const Question& question) const;
    /// Names of the rules it refers to.
    const std::set<std::string>& references() const { return references_; }

private:
    using Check = std::function<bool(const Question&)>;
    friend class PolicyParser;
    Check check_;
    std::set<std::string> references_;
};

}  // namespace unikernel
