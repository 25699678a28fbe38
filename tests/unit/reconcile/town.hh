// SPDX-License-Identifier: Apache-2.0
#pragma once

// All around a reconciler, in one process: the real database, requirements and lines; a workshop that builds
// when it is told to, and a fleet. Both, and the database, can die at a chosen operation.
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include "builder_service/builds/new_id.hh"
#include "builder_service/database/timestamp.hh"
#include "builder_service/reconcile/reconciler.hh"
#include "common/util/digest.hh"
#include "common/util/temporary_directory.hh"
#include "common/util/time.hh"

namespace unikernel::test
{

using namespace std::chrono_literals;

/// Both clocks of the test.
struct Hands {
    std::chrono::system_clock::time_point wall = std::chrono::system_clock::from_time_t(1'790'000'000);
    std::chrono::steady_clock::time_point steady{std::chrono::hours(1)};

    Clock clock()
    {
        return {[this] { return wall; }, [this] { return steady; }};
    }
    void pass(std::chrono::milliseconds time)
    {
        wall += time;
        steady += time;
    }
};

/// Whose operations stop having any effect at the n-th: what a process that is killed there has done.
class Death
{
public:
    enum class When { before, after };  ///< whether the n-th operation itself still has its effect
    void come(int at, When when)
    {
        count_ = 0;
        at_ = at;
        when_ = when;
        dead_ = false;
    }
    void never() { come(0, When::before); }
    bool dead() const { return dead_; }
    int count() const { return count_; }
    /// Whether an operation that begins now has an effect.
    bool effect()
    {
        if (at_ == 0)
            return true;
        if (dead_)
            return false;
        if (++count_ < at_)
            return true;
        dead_ = true;
        return when_ == When::after;
    }

private:
    int count_ = 0, at_ = 0;
    When when_ = When::before;
    bool dead_ = false;
};

inline tl::unexpected<Failure> unheard()
{
    return fail(FailureKind::unavailable, "the process is dead");
}

/// Servers that take one tick to be replaced.
class ToyFleet final : public Fleet
{
public:
    explicit ToyFleet(Death& death) : death_(death) {}

    Server& add(const std::string& id, const std::string& image)
    {
        const std::scoped_lock lock(mutex_);
        return servers_[id] = {.id = id,
                               .name = id,
                               .project = "",
                               .image = image,
                               .status = "ACTIVE",
                               .settled = true,
                               .running = true,
                               .pinned = false,
                               .fault = "",
                               .unikernel = true};
    }
    Server& at(const std::string& id) { return servers_.at(id); }
    void remove(const std::string& id) { servers_.erase(id); }
    bool has(const std::string& id) const { return servers_.contains(id); }
    /// What is under way ends.
    void tick()
    {
        const std::scoped_lock lock(mutex_);
        for (auto& [id, server] : servers_)
            if (server.status == "REBUILD") {
                const bool breaks = breaks_with == server.image;
                server.status = breaks ? "ERROR" : "ACTIVE";
                server.fault = breaks ? "No valid host" : "";
                server.settled = true;
                server.running = !breaks;
            }
    }

    Result<std::vector<Server>> list(std::stop_token) override
    {
        const std::scoped_lock lock(mutex_);
        if (on_list)
            on_list();
        if (away)
            return fail(FailureKind::unavailable, "the fleet is away");
        std::vector<Server> all;
        for (const auto& [id, server] : servers_)
            all.push_back(server);
        return all;
    }
    Result<std::optional<Server>> find(const std::string& id, std::stop_token) override
    {
        const std::scoped_lock lock(mutex_);
        const auto found = servers_.find(id);
        return found == servers_.end() ? std::optional<Server>{} : found->second;
    }
    Result<void> replace(const std::string& id, const std::string& image, std::stop_token) override
    {
        const std::scoped_lock lock(mutex_);
        if (refusal)
            return tl::unexpected(*refusal);
        const auto found = servers_.find(id);
        if (found == servers_.end())
            return fail(FailureKind::not_found, "no server " + id);
        auto& server = found->second;
        if (!server.settled)
            return fail(FailureKind::conflict, id + " is " + server.status);
        if (!death_.effect())
            return unheard();
        asked.emplace_back(id, image);
        at_work = std::max(at_work,
                           static_cast<int>(std::count_if(servers_.begin(), servers_.end(),
                                                          [](auto& each) { return !each.second.settled; })) +
                               1);
        server.image = image;
        server.status = "REBUILD";
        server.settled = server.running = false;
        return death_.dead() ? Result<void>(unheard()) : Result<void>{};
    }
    Result<void> can_check(const Server& server, const HealthCheck&, std::stop_token) override
    {
        if (uncheckable.contains(server.id))
            return fail(FailureKind::invalid, "no network is allowed for checks");
        return {};
    }
    Result<void> check(const Server& server, const HealthCheck&, std::stop_token) override
    {
        const std::scoped_lock lock(mutex_);
        ++checks;
        if (sick.contains(server.image))
            return fail(FailureKind::unavailable, "it answers 500");
        return {};
    }

    std::vector<std::pair<std::string, std::string>> asked;  ///< server and image, in order
    std::set<std::string> sick;                              ///< images with which no server is ever healthy
    std::set<std::string> uncheckable;                       ///< servers
    std::string breaks_with;                                 ///< an image with which servers do not start
    std::optional<Failure> refusal;
    bool away = false;
    std::function<void()> on_list;  ///< while it is listed
    int checks = 0;
    int at_work = 0;  ///< the most servers that were under way at once

private:
    Death& death_;
    std::mutex mutex_;
    std::map<std::string, Server> servers_;
};

/// Everything but the reconcilers themselves.
class Town : public testing::Test
{
protected:
    void SetUp() override { hook(); }

    /// Lets the database die too: a transaction that has written is rolled back instead of committed.
    void hook()
    {
        [[maybe_unused]] const auto done = database->transact(false, [this](soci::session& sql) {
            auto* backend = static_cast<soci::sqlite3_session_backend*>(sql.get_backend());
            sqlite_api::sqlite3_commit_hook(
                backend->conn_, [](void* death) { return static_cast<Death*>(death)->effect() ? 0 : 1; },
                &death);
        });
    }

    static std::string plan_of(const nlohmann::json& spec, const std::vector<nlohmann::json>& requirements)
    {
        std::set<std::string> sorted;
        for (const auto& each : requirements)
            sorted.insert(each.value("modules", nlohmann::json()).dump());
        return to_string(sha256(spec.dump() + nlohmann::json(sorted).dump()));
    }
    static std::string plan_of(const BuildRecord& build)
    {
        return plan_of(build.spec, build.requirements.get<std::vector<nlohmann::json>>());
    }

    /// The stored requirements, as a build that is submitted now has them.
    void take_in(BuildRecord& build)
    {
        build.created = timestamp(hands.wall);
        const auto now = std::chrono::floor<std::chrono::seconds>(hands.wall);
        const auto selected = requirements.select("", "", build.spec, {}, now);
        for (const auto& [requirement, reason] : selected->selected) {
            build.requirements.push_back(requirement.document);
            build.applied.push_back({{"name", requirement.name}, {"revision", requirement.revision}});
        }
        const auto holding = in_force(build.spec, build.requirements.get<std::vector<nlohmann::json>>(), now);
        if (holding && holding->validity)
            build.not_after = to_rfc3339(now + *holding->validity);
    }

    /// A build that waits.
    BuildRecord order(const std::string& name, const std::string& id = new_id(),
                      const std::string& source = "v1", bool publish = true)
    {
        BuildRecord build;
        if (glance && publish)
            build.publish = Publication{.name = name, .image_id = new_id()};
        build.id = id;
        build.bundle = "sha256:" + source;
        build.spec = {{"name", name}, {"application", {{"sources", {"main.cc"}}}}};
        take_in(build);
        EXPECT_TRUE(builds.add(build));
        return build;
    }
    /// What waits is built. The same plan and source are the same bytes.
    void work(BuildState end = BuildState::succeeded)
    {
        for (;;) {
            const auto claimed = builds.claim();
            if (!claimed || !*claimed)
                return;  // nothing waits, or another builder writes just now: the next turn sees to it
            auto build = *claimed;
            build->state = end;
            build->error = end == BuildState::succeeded ? "" : "it does not compile";
            if (end == BuildState::succeeded && build->publish)
                build->publish->state = PublishState::active;
            if (end == BuildState::succeeded)
                build->image = to_string(sha256(plan_of(*build) + build->bundle + build->not_after));
            EXPECT_TRUE(builds.finish(*build));
        }
    }
    /// As a server names the image of this build.
    std::string reference(const BuildRecord& build) const
    {
        return !glance ? build.image : build.publish ? build.publish->image_id : "";
    }
    /// A finished build; answers its image.
    std::string built(const std::string& name, const std::string& source = "v1")
    {
        const auto id = order(name, new_id(), source).id;
        work();
        return reference(**builds.find(id, {"", true}));
    }
    std::string head_of(const std::string& name)
    {
        const auto heads = builds.heads({"", true}, glance);
        for (const auto& head : *heads)
            if (head.spec.value("name", "") == name)
                return reference(head);
        return "";
    }

    /// As BuildService::submit does for the loop.
    Result<BuildService::Submitted> submit(const BuildService::Submission& wanted)
    {
        if (auto known = *builds.find(wanted.id, {"", true}))
            return BuildService::Submitted{*known, false};
        BuildRecord build;
        build.id = wanted.id;
        build.bundle = wanted.bundle;
        build.spec = wanted.spec;
        build.requirements = wanted.requirements;
        build.publish = wanted.publish;
        if (build.publish)
            build.publish->image_id = new_id();
        take_in(build);
        if (auto added = builds.add(build, {}, true); !added)
            return tl::unexpected(added.error());
        ++submitted;
        return BuildService::Submitted{build, true};
    }
    Result<void> cancel(const std::string& id)
    {
        auto build = **builds.find(id, {"", true});
        build.state = BuildState::cancelled;
        build.error = "cancelled";
        return builds.finish(build);
    }

    /// A requirement for all images, or its next revision.
    void require(const std::string& name, int value, const nlohmann::json& rollout = nullptr)
    {
        nlohmann::json document = {{"name", name},
                                   {"applies_to", {{"everything", true}}},
                                   {"modules", {{"console", {{"speed", value}}}}}};
        if (!rollout.is_null())
            document["rollout"] = rollout;
        const auto known = requirements.find("", "", name);
        const auto done =
            known ? requirements.replace(*known, document, {""}) : requirements.create({}, document, {""});
        ASSERT_TRUE(done) << done.error().message;
    }
    /// A requirement that limits how long all images live, or its next revision.
    void limit(const std::string& name, const std::string& validity)
    {
        const nlohmann::json document = {
            {"name", name}, {"applies_to", {{"everything", true}}}, {"validity", validity}};
        const auto known = requirements.find("", "", name);
        const auto done =
            known ? requirements.replace(*known, document, {""}) : requirements.create({}, document, {""});
        ASSERT_TRUE(done) << done.error().message;
    }
    void withdraw(const std::string& name)
    {
        ASSERT_TRUE(requirements.remove(*requirements.find("", "", name), {""}));
    }

    /// One process with a loop.
    struct Process {
        Process(Town& town, Database& database, const std::string& holder, unsigned parallel_builds = 2)
            : lease(database, holder, 30s, town.hands.clock()), rollouts(database), images(database),
              standings(database), builds(database), requirements_table(database),
              requirements(requirements_table, [](const nlohmann::json&) { return Result<void>{}; }),
              lines(builds, requirements, images,
                    {.plan = [&town](const BuildRequest& request) -> Result<Preview> {
                         ++town.plans;
                         if (town.unresolvable)
                             return fail(FailureKind::unresolvable, "modules cannot be combined");
                         if (town.trouble)
                             return tl::unexpected(*town.trouble);
                         return Preview{{{"plan_digest", plan_of(request.spec, request.requirements)}}, {}};
                     },
                     .note = [](const BuildRecord& build) -> Result<nlohmann::json> {
                         return nlohmann::json{{"plan_digest", plan_of(build)}};
                     },
                     .modules = [&town]() -> Result<std::string> {
                         return std::string(town.unresolvable ? "without the one that is needed"
                                            : town.trouble    ? "nobody knows"
                                                              : "all");
                     },
                     .imported = town.find_import()},
                    town.hands.clock()),
              loop({.lease = lease,
                    .rollouts = rollouts,
                    .images = images,
                    .standings = standings,
                    .builds = builds,
                    .lines = lines,
                    .fleet = town.fleet,
                    .ports = {
                        .submit = [&town](BuildService::Submission wanted) { return town.submit(wanted); },
                        .cancel = [&town](const std::string& id) { return town.cancel(id); },
                        .retire = {}},
                    .settings = {.builds = parallel_builds, .images_in_glance = town.glance},
                    .clock = town.hands.clock()})
        {
        }
        Lease lease;
        RolloutRepository rollouts;
        LineImageRepository images;
        StandingRepository standings;
        BuildRepository builds;
        RequirementRepository requirements_table;
        RequirementService requirements;
        Lines lines;
        Reconciler loop;
    };
    Imports::Find find_import()
    {
        if (!glance)
            return {};
        return
            [this](const BuildRecord& build, const std::stop_token&) -> Result<std::optional<Publication>> {
                ++import_questions;
                const auto found = imported.find(build.id);
                return found == imported.end() ? std::optional<Publication>{} : found->second;
            };
    }
    std::unique_ptr<Process> process(const std::string& holder = "one")
    {
        return std::make_unique<Process>(*this, *database, holder);
    }

    /// Passes, with time and work between them, until nothing is on its way; answers how many.
    int settle(Process& one, int most = 60, std::chrono::milliseconds between = 1s)
    {
        for (int n = 1; n <= most; ++n) {
            const auto next = one.loop.pass(true, {});
            if (death.dead())
                return n;
            EXPECT_TRUE(next) << next.error().message;
            const bool waits = *builds.count(BuildState::queued) != 0;
            work();
            fleet.tick();
            hands.pass(between);
            if (rollouts.active()->empty() && !waits)
                return n;
        }
        ADD_FAILURE() << "it did not settle: " << newest().state;
        return most;
    }
    struct Told {
        std::string state, reason;
        Rollout rollout;
    };
    Told newest()
    {
        const auto all = rollouts.list({"", true}, std::nullopt, "", 1);
        if (!all || all->empty())
            return {};
        return {std::string(to_string(all->front().state)), all->front().reason, all->front()};
    }
    std::vector<Rollout> all_rollouts() { return *rollouts.list({"", true}, std::nullopt, "", 1000); }
    static const RolloutServer& server_of(const Rollout& rollout, const std::string& id)
    {
        for (const auto& each : rollout.servers)
            if (each.id == id)
                return each;
        throw std::runtime_error("no server " + id);
    }

    TemporaryDirectory folder = std::move(*TemporaryDirectory::create());
    Hands hands;
    Death death;
    std::unique_ptr<Database> database = std::move(*Database::open(folder.path() / "builds.sqlite"));
    BuildRepository builds{*database};
    RequirementRepository requirements_table{*database};
    RequirementService requirements{requirements_table, [](const nlohmann::json&) { return Result<void>{}; }};
    RolloutRepository rollouts{*database};
    ToyFleet fleet{death};
    bool glance = false;                          ///< servers name images by their ids there
    std::map<std::string, Publication> imported;  ///< by build: what Glance's import plugin brought there
    int import_questions = 0;
    bool unresolvable = false;
    std::optional<Failure> trouble;  ///< why no plan can be made just now
    int submitted = 0;
    int plans = 0;  ///< that were made
};

}  // namespace unikernel::test
