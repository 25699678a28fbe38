// SPDX-License-Identifier: Apache-2.0
#include "builder_service/identity/policy_rule.hh"

#include <vector>

namespace unikernel
{

namespace
{

constexpr std::size_t deepest = 32;  ///< parentheses and nots in each other

/// Parentheses stand for themselves at the begin and the end of a word only: %(project_id)s holds some.
std::vector<std::string> words_of(std::string_view text)
{
    static constexpr std::string_view blank = " \t\n\r";
    std::vector<std::string> words;
    for (auto at = text.find_first_not_of(blank); at != std::string_view::npos;
         at = text.find_first_not_of(blank, at)) {
        const auto end = std::min(text.find_first_of(blank, at), text.size());
        auto word = text.substr(at, end - at);
        while (word.starts_with('(')) {
            words.emplace_back("(");
            word.remove_prefix(1);
        }
        std::size_t closing = 0;
        while (word.ends_with(')')) {
            word.remove_suffix(1);
            ++closing;
        }
        if (!word.empty())
            words.emplace_back(word);
        words.insert(words.end(), closing, ")");
        at = end;
    }
    return words;
}

struct Wrong {
    std::string text;
};

}  // namespace

/// Recursive descent: or, and, not, what stands alone.
class PolicyParser
{
public:
    using Check = PolicyRule::Check;

    explicit PolicyParser(std::vector<std::string> words) : words_(std::move(words)) {}

    PolicyRule parse()
    {
        if (words_.empty())
            rule_.check_ = [](const auto&) { return true; };
        else
            rule_.check_ = any();
        if (at_ != words_.size())
            throw Wrong{"'" + words_[at_] + "' stands where 'and' or 'or' is expected"};
        return std::move(rule_);
    }

private:
    bool take(std::string_view word)
    {
        if (at_ == words_.size() || words_[at_] != word)
            return false;
        ++at_;
        return true;
    }
    Check any()
    {
        auto left = all();
        while (take("or"))
            left = [left, right = all()](const auto& question) { return left(question) || right(question); };
        return left;
    }
    Check all()
    {
        auto left = one();
        while (take("and"))
            left = [left, right = one()](const auto& question) { return left(question) && right(question); };
        return left;
    }
    Check one()
    {
        if (++depth_ > deepest)
            throw Wrong{"it is nested deeper than " + std::to_string(deepest) + " levels"};
        auto check = alone();
        --depth_;
        return check;
    }
    Check alone()
    {
        if (at_ == words_.size())
            throw Wrong{"it ends where a check is expected"};
        if (take("not"))
            return [inner = one()](const auto& question) { return !inner(question); };
        if (take("(")) {
            auto inner = any();
            if (!take(")"))
                throw Wrong{"a ')' is missing"};
            return inner;
        }
        return named(words_[at_++]);
    }
    Check named(const std::string& word)
    {
        if (word == "@")
            return [](const auto&) { return true; };
        if (word == "!")
            return [](const auto&) { return false; };
        const auto colon = word.find(':');
        const auto kind = word.substr(0, colon);
        const auto value = colon == std::string::npos ? std::string() : word.substr(colon + 1);
        if (!value.empty() && kind == "rule") {
            rule_.references_.insert(value);
            return [value](const auto& question) { return question.rule(value); };
        }
        if (!value.empty() && value.find('%') == std::string::npos && kind == "role")
            return [value](const auto& question) { return question.caller.has_role(value); };
        if (kind == "project_id" && value == "%(project_id)s")
            return [](const auto& question) { return question.caller.project_id == question.project_id; };
        if (kind == "user_id" && value == "%(user_id)s")
            return [](const auto& question) { return question.caller.user_id == question.user_id; };
        const bool literal = !value.empty() && value.find('%') == std::string::npos;
        if (literal && kind == "project_id")
            return [value](const auto& question) { return question.caller.project_id == value; };
        if (literal && kind == "user_id")
            return [value](const auto& question) { return question.caller.user_id == value; };
        throw Wrong{"'" + word +
                    "' is not understood; possible: role:NAME, rule:NAME, project_id:%(project_id)s, "
                    "project_id:ID, user_id:%(user_id)s, user_id:ID, @, !, not, and, or, ( )"};
    }

    std::vector<std::string> words_;
    std::size_t at_ = 0;
    std::size_t depth_ = 0;
    PolicyRule rule_;
};

Result<PolicyRule> PolicyRule::parse(std::string_view expression)
{
    try {
        return PolicyParser(words_of(expression)).parse();
    } catch (const Wrong& wrong) {
        return fail(FailureKind::invalid, wrong.text);
    }
}

bool PolicyRule::holds(const Question& question) const
{
    return check_(question);
}

}  // namespace unikernel
