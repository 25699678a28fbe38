// SPDX-License-Identifier: Apache-2.0
#include "builder_service/identity/policy.hh"

#include <array>

#include <spdlog/spdlog.h>

#include "common/decode/document.hh"
#include "common/util/file.hh"
#include "common/util/nearest.hh"

namespace unikernel
{

namespace fs = std::filesystem;

namespace
{

constexpr std::uint64_t file_bytes = 256 << 10;
constexpr auto look_again = std::chrono::seconds(1);
constexpr std::string_view ours = "unikernel:";

struct Default {
    std::string_view name;
    std::string_view expression;
    std::string_view what;
};

// Roles are OpenStack's: an administrator also has "manager", a manager "member", a member "reader".
// A service (Nova, Glance) acts for all projects.
constexpr auto defaults = std::to_array<Default>({
    {"admin_required", "role:admin", "an administrator of the cloud, who sees all projects"},
    {"reader", "role:reader and project_id:%(project_id)s", "may look at what belongs to the project"},
    {"member", "role:member and project_id:%(project_id)s", "may build for the project"},
    {"manager", "role:manager and project_id:%(project_id)s", "may say what the project's images must have"},
    {"service", "role:service", "another service of the cloud"},
    {"read", "rule:reader or rule:member or rule:manager or rule:service or rule:admin_required",
     "what all may do who may look"},
    {"write", "rule:member or rule:manager or rule:service or rule:admin_required",
     "what all may do who may build"},
    {"secure", "rule:manager or rule:admin_required", "what all may do who answer for security"},
    {"unikernel:bundles:create", "rule:write", "POST /v1/bundles"},
    {"unikernel:builds:list", "rule:read", "GET /v1/builds"},
    {"unikernel:builds:create", "rule:write", "POST /v1/builds"},
    {"unikernel:builds:get", "rule:read", "GET /v1/builds/{id}, GET /v1/builds/{id}/events"},
    {"unikernel:builds:cancel", "rule:write", "DELETE /v1/builds/{id}"},
    {"unikernel:images:list", "rule:read", "GET /v1/images"},
    {"unikernel:images:create", "rule:write", "POST /v1/images"},
    {"unikernel:images:get", "rule:read", "GET /v1/images/{digest}"},
    {"unikernel:images:download", "rule:read", "GET /v1/images/{digest}/file"},
    {"unikernel:images:delete", "rule:write", "DELETE /v1/images/{digest}"},
    {"unikernel:requirements:list", "rule:read", "GET /v1/requirements"},
    {"unikernel:requirements:get", "rule:read", "GET /v1/requirements/{name}"},
    {"unikernel:requirements:create", "rule:secure", "POST /v1/requirements"},
    {"unikernel:requirements:update", "rule:secure", "PUT /v1/requirements/{name}"},
    {"unikernel:requirements:delete", "rule:secure", "DELETE /v1/requirements/{name}"},
    {"unikernel:requirements:audit", "rule:admin_required", "GET /v1/audit"},
    {"unikernel:instances:list", "rule:read", "GET /v1/instances"},
    {"unikernel:instances:get", "rule:read", "GET /v1/instances/{name}, GET /v1/instances/{name}/console"},
    {"unikernel:instances:create", "rule:write", "POST /v1/instances"},
    {"unikernel:instances:update", "rule:write", "PUT /v1/instances/{name}"},
    {"unikernel:instances:delete", "rule:write", "DELETE /v1/instances/{name}"},
    {"unikernel:rollouts:list", "rule:read", "GET /v1/rollouts"},
    {"unikernel:rollouts:get", "rule:read", "GET /v1/rollouts/{id}"},
    {"unikernel:rollouts:act", "rule:secure", "POST /v1/rollouts/{id}/action"},
    {"unikernel:compliance:get", "rule:read", "GET /v1/compliance"},
    {"unikernel:modules:list", "rule:read", "GET /v1/modules"},
    {"unikernel:modules:get", "rule:read", "GET /v1/modules/{name}"},
    {"unikernel:repositories:list", "rule:secure", "GET /v1/repositories"},
    {"unikernel:platforms:list", "rule:read", "GET /v1/platforms"},
});

/// Where a rule stands in its file; the decoder keeps no lines.
struct Place {
    std::size_t line = 0;
    std::string_view value;  ///< what follows the colon
};

Place place_of(std::string_view text, std::string_view name)
{
    for (std::size_t number = 1; !text.empty(); ++number) {
        auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        const auto skip = [&](std::string_view bytes) {
            line.remove_prefix(std::min(line.find_first_not_of(bytes), line.size()));
        };
        skip(" \"'");
        if (!line.starts_with(name))
            continue;
        line.remove_prefix(name.size());
        skip("\"' ");
        if (!line.starts_with(':'))
            continue;
        skip(": ");
        return {number, line};
    }
    return {};
}

bool only_comments(std::string_view text)
{
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        const auto first = line.find_first_not_of(" \t\r");
        if (first != std::string_view::npos && line[first] != '#')
            return false;
        text.remove_prefix(std::min(line.size() + 1, text.size()));
    }
    return true;
}

/// The name of a rule that leads back to itself, or nothing.
template <typename Rules>
std::optional<std::string> in_a_circle(const Rules& rules)
{
    for (const auto& [start, rule] : rules) {
        std::set<std::string> seen;
        std::vector<std::string> open(rule.references().begin(), rule.references().end());
        while (!open.empty()) {
            const auto name = open.back();
            open.pop_back();
            if (name == start)
                return start;
            if (const auto next = rules.find(name); seen.insert(name).second && next != rules.end())
                open.insert(open.end(), next->second.references().begin(), next->second.references().end());
        }
    }
    return std::nullopt;
}

}  // namespace

bool Policy::knows(std::string_view rule)
{
    return std::any_of(defaults.begin(), defaults.end(),
                       [&](const Default& each) { return each.name == rule; });
}

std::string Policy::sample()
{
    std::string text =
        "# SPDX-License-Identifier: Apache-2.0\n"
        "# The rules of unikernel-builder as they are compiled in. A line without its '#' takes\n"
        "# the place of that rule. Rules of your own may be added and referred to.\n";
    for (const auto& [name, expression, what] : defaults)
        text.append("\n# ")
            .append(what)
            .append("\n#\"")
            .append(name)
            .append("\": \"")
            .append(expression)
            .append("\"\n");
    return text;
}

Result<Policy::Rules> Policy::read(const fs::path& file)
{
    Rules rules;
    std::vector<std::string> names;
    for (const auto& [name, expression, what] : defaults) {
        rules.emplace(name, *PolicyRule::parse(expression));
        names.emplace_back(name);
    }
    if (file.empty())
        return rules;
    const auto text = read_file(file, file_bytes);
    if (!text)
        return tl::unexpected(text.error());
    if (only_comments(*text))
        return rules;
    const auto document = decode_yaml(*text, file.string());
    if (!document)
        return tl::unexpected(document.error());
    if (!document->is_object())
        return fail(FailureKind::invalid, file.string() + ": must be a mapping of rule names to expressions");
    const auto refuse_rule = [&](const std::string& name, const std::string& why) {
        return fail(FailureKind::invalid, file.string() + ", line " +
                                              std::to_string(place_of(*text, name).line) + ": rule '" + name +
                                              "': " + why);
    };
    for (const auto& [name, expression] : document->items()) {
        const auto refuse = [&, name = name](const std::string& why) { return refuse_rule(name, why); };
        if (name.starts_with(ours) && !knows(name))
            return refuse("there is no such rule" + did_you_mean(name, names));
        if (!expression.is_string())
            return refuse("its expression must be a text in quotes");
        const auto& words = expression.get_ref<const std::string&>();
        // In YAML a bare ! is an empty text, and the empty expression is always true.
        if (words.empty() && place_of(*text, name).value.starts_with('!'))
            return refuse("'!' must stand in quotes");
        auto rule = PolicyRule::parse(words);
        if (!rule)
            return refuse(rule.error().message);
        rules.insert_or_assign(name, std::move(*rule));
    }
    for (const auto& [name, rule] : rules)
        for (const auto& other : rule.references())
            if (!rules.contains(other))
                return refuse_rule(name, "refers to rule '" + other + "', which does not exist");
    if (const auto name = in_a_circle(rules))
        return refuse_rule(*name, "refers to itself");
    return rules;
}

Policy::Stamp Policy::stamp() const
{
    std::error_code code;
    Stamp stamp;
    stamp.time = fs::last_write_time(file_, code);
    stamp.bytes = fs::file_size(file_, code);
    return stamp;
}

Result<std::unique_ptr<Policy>> Policy::open(const fs::path& file)
{
    std::unique_ptr<Policy> policy(new Policy(file));
    policy->stamp_ = policy->stamp();
    auto rules = read(file);
    if (!rules)
        return tl::unexpected(rules.error());
    policy->rules_ = std::make_shared<const Rules>(std::move(*rules));
    return policy;
}

std::shared_ptr<const Policy::Rules> Policy::current()
{
    const std::scoped_lock lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (file_.empty() || now - looked_ < look_again)
        return rules_;
    looked_ = now;
    if (const auto seen = stamp(); seen != stamp_) {
        stamp_ = seen;
        if (auto rules = read(file_)) {
            rules_ = std::make_shared<const Rules>(std::move(*rules));
            spdlog::info("{} was read again", file_.string());
        } else {
            spdlog::error("{}; the rules stay as they were", rules.error().message);
        }
    }
    return rules_;
}

bool Policy::allows(std::string_view name, const Caller& caller)
{
    const auto rules = current();
    PolicyRule::Question question{caller, caller.project_id, caller.user_id, {}};
    question.rule = [&](std::string_view wanted) {
        const auto found = rules->find(wanted);
        return found != rules->end() && found->second.holds(question);
    };
    return question.rule(name);
}

}  // namespace unikernel
