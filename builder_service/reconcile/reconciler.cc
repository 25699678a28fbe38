// SPDX-License-Identifier: Apache-2.0
#include "builder_service/reconcile/reconciler.hh"

#include <algorithm>
#include <set>

#include <spdlog/spdlog.h>

#include "builder_service/builds/new_id.hh"
#include "builder_service/database/timestamp.hh"

namespace unikernel
{

namespace
{

using Next = RolloutDriver::Next;

/// Whether an image that was made under `applied` (BuildRecord) has this revision of a requirement.
bool is_among(const nlohmann::json& requirement, const nlohmann::json& applied)
{
    return std::any_of(applied.begin(), applied.end(), [&](const auto& each) {
        return each.value("name", nlohmann::json()) == requirement["requirement"] &&
               each.value("revision", nlohmann::json()) == requirement["revision"] &&
               each.value("project", nlohmann::json()) == requirement["project"] &&
               each.value("domain", nlohmann::json()) == requirement["domain"];
    });
}

World::Key key_of(const Line& line)
{
    return {line.head.project, line.image.name};
}

}  // namespace

void Reconciler::start(ChangeSignal& wake)
{
    thread_ = std::jthread([this, &wake](const std::stop_token& stop) { run(wake, stop); });
}

void Reconciler::run(ChangeSignal& wake, const std::stop_token& stop)
{
    using Time = std::chrono::steady_clock;
    std::uint64_t seen = 0;
    auto look_at = Time::now();
    std::string last_problem;
    while (!stop.stop_requested()) {
        const bool whole = Time::now() >= look_at;
        auto next = pass(whole, stop);
        if (whole)
            look_at = Time::now() + parts_.settings.interval;
        const auto problem = next ? "" : next.error().message;
        if (!problem.empty() && problem != last_problem)
            spdlog::error("reconcile: {}", problem);
        last_problem = problem;
        if (next && *next == Next::look && !whole)
            look_at = Time::now();
        if (next && (*next == Next::now || (*next == Next::look && !whole)))
            continue;
        const auto rest = std::chrono::ceil<std::chrono::milliseconds>(look_at - Time::now());
        const bool soon = next && *next != Next::idle;
        const auto now = wake.wait(
            seen, std::max(std::chrono::milliseconds(0), soon ? std::min(rest, parts_.settings.poll) : rest),
            stop);
        if (now != seen)
            look_at = Time::now();
        seen = now;
    }
    parts_.lease.give_back();
}

Result<Next> Reconciler::pass(bool whole, const std::stop_token& stop)
{
    const auto leads = parts_.lease.keep();
    if (!leads)
        return tl::unexpected(leads.error());
    if (!*leads) {
        looked_ = false;
        return Next::idle;
    }
    if (auto remembered = parts_.lines.remember_images(); !remembered)
        return tl::unexpected(remembered.error());
    world_.fresh = whole || !looked_;
    if (world_.fresh)
        if (auto looked = look(stop); !looked)
            return tl::unexpected(looked.error());
    auto active = parts_.rollouts.active();
    if (!active)
        return tl::unexpected(active.error());
    if (auto counted = count_places(*active); !counted)
        return tl::unexpected(counted.error());
    auto next = advance_all(*active, stop);
    if (!next || !world_.fresh)
        return next;
    auto begun = begin_all(*active);
    if (!begun)
        return tl::unexpected(begun.error());
    auto further = advance_all(*begun, stop);
    if (!further)
        return further;
    retire(stop);
    if (auto pruned = parts_.rollouts.prune(parts_.settings.keep); !pruned)
        return tl::unexpected(pruned.error());
    return std::max(*next, *further);
}

Result<void> Reconciler::look(const std::stop_token& stop)
{
    auto lines = parts_.lines.look(stop);
    if (!lines)
        return tl::unexpected(lines.error());
    world_.lines.clear();
    for (auto& line : *lines) {
        if (!line.wish)
            spdlog::warn("line {}: {}", line.image.name, line.wish.error().message);
        world_.lines.insert_or_assign(key_of(line), std::move(line));
    }
    world_.tenants.clear();
    const auto servers = parts_.fleet.list(stop);
    auto no_list = servers ? "" : "the servers cannot be listed: " + servers.error().message;
    if (!no_list.empty() && no_list != world_.no_list)
        spdlog::warn("reconcile: {}", no_list);
    world_.no_list = std::move(no_list);
    StandingRepository::Standings standings;
    for (const auto& server : servers.value_or(std::vector<Server>{})) {
        const auto image = parts_.images.of_reference(server.project, server.image);
        if (!image)
            return tl::unexpected(image.error());
        if (*image)
            world_.tenants[{(*image)->project, (*image)->name}].push_back({server, **image});
        if (*image || server.unikernel)
            standings[server.id] = *image ? standing_of(**image) : Standing::unknown;
    }
    if (servers)
        if (auto noted = parts_.standings.note(standings, true, parts_.clock.wall()); !noted)
            return tl::unexpected(noted.error());
    looked_ = true;
    return {};
}

Standing Reconciler::standing_of(const LineImage& image) const
{
    const auto* line = world_.line({image.project, image.name});
    if (line == nullptr)
        return Standing::unknown;
    if (!line->wish)
        return Standing::undecided;
    return standing(image, line->wish->plan_digest.value_or(""), line->wish->validity, parts_.clock.wall());
}

/// How many builds the loop may begin beside its own that wait or run.
Result<void> Reconciler::count_places(const std::vector<Rollout>& active)
{
    unsigned taken = 0;
    for (const auto& rollout : active) {
        if (!rollout.image.empty())
            continue;
        const auto build = parts_.builds.find(rollout.build, {"", true});
        if (!build)
            return tl::unexpected(build.error());
        if (*build && !has_ended((*build)->state))
            ++taken;
    }
    world_.places = parts_.settings.builds - std::min(parts_.settings.builds, taken);
    return {};
}

Result<Next> Reconciler::advance_all(std::vector<Rollout>& active, const std::stop_token& stop)
{
    auto all = Next::idle;
    for (auto& rollout : active) {
        if (stop.stop_requested())
            break;
        auto next = driver_.advance(rollout, world_, stop);
        if (!next)
            return next;
        all = std::max(all, *next);
    }
    return all;
}

/// A rollout for each line that needs one and has none.
Result<std::vector<Rollout>> Reconciler::begin_all(const std::vector<Rollout>& active)
{
    std::set<World::Key> taken;
    for (const auto& rollout : active)
        if (!has_ended(rollout.state))
            taken.emplace(rollout.project, rollout.name);
    std::vector<Rollout> begun;
    for (const auto& [key, line] : world_.lines) {
        if (taken.contains(key))
            continue;
        auto rollout = begin(line);
        if (!rollout)
            return tl::unexpected(rollout.error());
        if (*rollout)
            begun.push_back(std::move(**rollout));
    }
    return begun;
}

/// Why the line needs a rollout, for people; "" if it needs none.
std::string Reconciler::cause(const Line& line) const
{
    const auto tenants = world_.tenants.find(key_of(line));
    const bool inhabited = tenants != world_.tenants.end();
    if (!line.wish || (!line.stored && !inhabited))
        return "";
    if (!line.outdated.empty() || !inhabited)
        return line.outdated;
    for (const auto& [server, image] : tenants->second)
        // What runs the newest image is judged with it: its time may have come in between.
        if (!server.pinned && image.build != line.image.build &&
            !complies(image, *line.wish->plan_digest, line.wish->validity, parts_.clock.wall()))
            return "server " + server.name + " does not run what is wanted";
    return "";
}

/// Of each image of the line that is to be replaced, the stored requirements that it was made under.
Result<std::vector<nlohmann::json>> Reconciler::left_behind(const Line& line) const
{
    std::vector<nlohmann::json> all;
    if (!line.outdated.empty())
        all.push_back(line.head.applied);
    const auto tenants = world_.tenants.find(key_of(line));
    for (const auto& [server, image] :
         tenants == world_.tenants.end() ? std::vector<World::Tenant>{} : tenants->second) {
        if (line.wish->plan_digest &&
            complies(image, *line.wish->plan_digest, line.wish->validity, parts_.clock.wall()))
            continue;
        const auto build = parts_.builds.find(image.build, {"", true});
        if (!build)
            return tl::unexpected(build.error());
        all.push_back(*build ? (*build)->applied : nlohmann::json::array());  // else nobody remembers
    }
    return all;
}

Result<std::optional<Rollout>> Reconciler::begin(const Line& line)
{
    auto why = cause(line);
    if (why.empty())
        return std::nullopt;
    const auto last = parts_.rollouts.find_back_off(line.head.project, line.image.name);
    if (!last)
        return tl::unexpected(last.error());
    if (*last && holds(**last, line.wish->request, parts_.clock.wall_ms()))
        return std::nullopt;
    Rollout rollout;
    rollout.project = line.head.project;
    rollout.name = line.image.name;
    rollout.cause = std::move(why);
    const auto old = left_behind(line);
    if (!old)
        return tl::unexpected(old.error());
    rollout.requirements = line.wish->requirements;
    for (auto& each : rollout.requirements)
        each["new"] = std::any_of(old->begin(), old->end(),
                                  [&](const auto& applied) { return !is_among(each, applied); });
    rollout.from_build = line.head.id;
    rollout.request = line.wish->request;
    rollout.plan_digest = line.wish->plan_digest.value_or("");
    if (!line.outdated.empty()) {
        rollout.build = new_id();
    } else {
        rollout.build = line.head.id;
        rollout.image = line.image.image;
        rollout.image_id = line.image.image_id;
        rollout.state = RolloutState::replacing;
    }
    if (auto added = parts_.rollouts.add(parts_.lease, rollout); !added)
        return tl::unexpected(added.error());
    spdlog::info("rollout {} of {}: {}", rollout.id, rollout.name, rollout.cause);
    return rollout;
}

void Reconciler::retire(const std::stop_token& stop)
{
    if (!parts_.ports.retire)
        return;
    const auto expired = parts_.images.expired(timestamp(parts_.clock.wall()));
    if (!expired)
        return;
    for (const auto& image : *expired) {
        auto done = parts_.ports.retire(image, stop);
        if (done)
            done = parts_.images.set_retired(image);
        if (!done)
            spdlog::warn("image {} expired and is still in use in Glance: {}", image.image_id,
                         done.error().message);
    }
}

}  // namespace unikernel
