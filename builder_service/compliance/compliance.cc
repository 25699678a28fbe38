// SPDX-License-Identifier: Apache-2.0
#include "builder_service/compliance/compliance.hh"

#include <map>
#include <set>
#include <utility>

#include "builder_service/database/timestamp.hh"
#include "common/decode/specification.hh"
#include "common/util/time.hh"

namespace unikernel
{

namespace
{

constexpr std::size_t rollouts_most = 1000;  ///< the newest, in which a server's last move is looked for

}  // namespace

Result<ComplianceFacts::Line> Compliance::line(const Line& line)
{
    const auto& head = line.head;
    auto selected = parts_.requirements.select(
        head.project, head.domain, head.spec, {},
        std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
    if (!selected && !is_verdict(selected.error()))
        return tl::unexpected(selected.error());
    ComplianceFacts::Line facts{.project = head.project,
                                .name = head.spec.value("name", ""),
                                .build = head.id,
                                .plan_digest = line.image.plan_digest,
                                .created = line.image.created,
                                .not_after = line.image.not_after,
                                .wanted_plan_digest = std::string(),
                                .unknown = {},
                                .validity = {},
                                .outdated = line.outdated,
                                .requirements = {}};
    if (line.wish) {
        facts.wanted_plan_digest = line.wish->plan_digest;
        facts.validity = line.wish->validity;
    } else {
        facts.unknown = facts.outdated =
            "it is not known now what is wanted of it: " + line.wish.error().message;
    }
    if (selected)
        for (auto& each : selected->selected)
            facts.requirements.push_back(std::move(each.requirement));
    return facts;
}

Result<ComplianceFacts::Tenant> Compliance::tenant(const Tenant& tenant, std::size_t line)
{
    const auto& image = tenant.image;
    const auto build = parts_.builds.find(image.build, Scope{"", true});
    if (!build)
        return tl::unexpected(build.error());
    ComplianceFacts::Tenant facts{.server = tenant.server,
                                  .line = line,
                                  .build = image.build,
                                  .image = image.image,
                                  .image_id = image.image_id,
                                  .plan_digest = image.plan_digest,
                                  .created = image.created,
                                  .not_after = image.not_after,
                                  .applied = std::nullopt};
    if (*build)
        facts.applied = (*build)->applied;
    return facts;
}

/// `image`: what is known of it; null: nothing. `domain`: the server's, or "".
Result<ComplianceFacts::Stranger> Compliance::stranger(Server server, const LineImage* image,
                                                       const std::string& domain)
{
    const auto known = parts_.requirements.list(Scope{server.project, false, domain});
    if (!known)
        return tl::unexpected(known.error());
    ComplianceFacts::Stranger facts;
    facts.image = image == nullptr ? server.image : image->image;
    facts.image_id = image == nullptr ? "" : image->image_id;
    facts.why = image == nullptr ? "its image, " + server.image + ", was not made by a build of this builder"
                                 : "all builds of its image, " + image->name + ", were removed";
    facts.server = std::move(server);
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    for (const auto& each : *known)
        if (const auto requirement = decode_requirement(each.document);
            !requirement || (requirement->applies_to.everything && !(requirement->valid_from > now)))
            facts.requirements.push_back(each);
    return facts;
}

Result<std::vector<ComplianceFacts::Move>> Compliance::moves(const Scope& scope)
{
    const auto rollouts = parts_.rollouts.list(scope, std::nullopt, "", rollouts_most);
    if (!rollouts)
        return tl::unexpected(rollouts.error());
    std::vector<ComplianceFacts::Move> moves;
    for (const auto& rollout : *rollouts)
        for (const auto& server : rollout.servers)
            moves.push_back(
                {.rollout = rollout.id, .server = server.id, .active = !has_ended(rollout.state)});
    return moves;
}

Result<void> Compliance::meet_strangers(ComplianceFacts& facts, const Population& all,
                                        const std::vector<Line>& lines, const Scope& scope)
{
    std::map<std::string, std::string> domains{{scope.project, scope.domain}};
    std::set<std::pair<std::string, std::string>> names;
    for (const auto& line : lines) {
        domains.emplace(line.head.project, line.head.domain);
        names.emplace(line.head.project, line.head.spec.value("name", ""));
    }
    const auto meet = [&](const Server& server, const LineImage* image) -> Result<void> {
        if (!scope.holds(server.project))
            return {};
        return stranger(server, image, domains[server.project]).map([&](ComplianceFacts::Stranger known) {
            facts.strangers.push_back(std::move(known));
        });
    };
    for (const auto& each : all.tenants)
        if (!names.contains({each.image.project, each.image.name}))
            if (auto met = meet(each.server, &each.image); !met)
                return met;
    for (const auto& each : all.strangers)
        if (auto met = meet(each, nullptr); !met)
            return met;
    return {};
}

/// `all`: it is about every server there is.
Result<nlohmann::json> Compliance::with_times(nlohmann::json report, const ComplianceFacts& facts, bool all)
{
    StandingRepository::Standings seen;
    for (const auto& server : report["servers"])
        seen[server["id"].get<std::string>()] = !server["known"].get<bool>() ? Standing::unknown
                                                : server["compliant"].get<bool>()
                                                    ? Standing::in_compliance
                                                    : Standing::out_of_compliance;
    for (const auto& tenant : facts.tenants)
        if (!facts.lines.at(tenant.line).unknown.empty())
            seen[tenant.server.id] = Standing::undecided;
    const auto times = parts_.standings.note(seen, all, facts.now);
    if (!times)
        return tl::unexpected(times.error());
    for (auto& server : report["servers"])
        if (const auto since = times->find(server["id"].get<std::string>()); since != times->end())
            server["since"] =
                to_rfc3339(std::chrono::floor<std::chrono::seconds>(*parse_timestamp(since->second)));
    return report;
}

Result<nlohmann::json> Compliance::report(const Scope& scope, std::stop_token stop)
{
    ComplianceFacts facts;
    facts.now = std::chrono::system_clock::now();
    const auto lines = parts_.lines.look(stop);
    if (!lines)
        return tl::unexpected(lines.error());
    std::map<std::pair<std::string, std::string>, std::size_t> places;
    for (const auto& each : *lines) {
        if (!scope.holds(each.head.project))
            continue;
        auto known = line(each);
        if (!known)
            return tl::unexpected(known.error());
        places.emplace(std::pair(known->project, known->name), facts.lines.size());
        facts.lines.push_back(std::move(*known));
    }
    auto running = population(parts_.fleet, parts_.lines, parts_.images, std::move(stop));
    if (!running)
        return tl::unexpected(running.error());
    for (const auto& each : running->tenants) {
        const auto place = places.find({each.image.project, each.image.name});
        if (place == places.end())
            continue;
        auto known = tenant(each, place->second);
        if (!known)
            return tl::unexpected(known.error());
        facts.tenants.push_back(std::move(*known));
    }
    if (auto met = meet_strangers(facts, *running, *lines, scope); !met)
        return tl::unexpected(met.error());
    auto moved = moves(scope);
    if (!moved)
        return tl::unexpected(moved.error());
    facts.moves = std::move(*moved);
    return with_times(compliance_report(facts), facts, scope.all_projects);
}

}  // namespace unikernel
