// SPDX-License-Identifier: Apache-2.0
#include "common/model/solver.hh"

#include <algorithm>
#include <optional>
#include <span>
#include <unordered_map>

// Else its header has a member `requires`, a keyword of C++20.
#define LIBSOLV_SOLVABLE_PREPEND_DEP
extern "C" {
#include <solv/evr.h>
#include <solv/knownid.h>
#include <solv/pool.h>
#include <solv/queue.h>
#include <solv/repo.h>
#include <solv/solver.h>
}

namespace unikernel::solver
{

namespace
{

using PoolPtr = std::unique_ptr<Pool, decltype(&pool_free)>;

PoolPtr new_pool()
{
    PoolPtr pool(pool_create(), &pool_free);
    pool_setdisttype(pool.get(), DISTTYPE_DEB);  // Debian's order of versions
    return pool;
}

class IdQueue
{
public:
    IdQueue() { queue_init(&queue_); }
    ~IdQueue() { queue_free(&queue_); }
    IdQueue(const IdQueue&) = delete;
    IdQueue& operator=(const IdQueue&) = delete;
    Queue* get() { return &queue_; }
    void push(Id first, Id second) { queue_push2(&queue_, first, second); }
    std::span<const Id> ids() const { return {queue_.elements, static_cast<std::size_t>(queue_.count)}; }

private:
    Queue queue_{};
};

int flags(VersionBound::Relation relation)
{
    static constexpr int values[] = {REL_LT, REL_LT | REL_EQ, REL_EQ, REL_GT | REL_EQ, REL_GT};
    return values[static_cast<std::size_t>(relation)];
}

}  // namespace

int compare_versions(const std::string& a, const std::string& b)
{
    static const PoolPtr pool = new_pool();  // only its kind of versions is read
    return pool_evrcmp_str(pool.get(), a.c_str(), b.c_str(), EVRCMP_COMPARE);
}

class Universe::Implementation
{
public:
    explicit Implementation(const std::vector<Package>& packages) : pool_(new_pool())
    {
        // libsolv's repositories carry the priorities; a package's number is its place in `packages`.
        std::map<int, Repo*> repositories;
        dependencies_.reserve(packages.size());
        for (const Package& package : packages) {
            Repo*& repository = repositories[package.priority];
            if (repository == nullptr) {
                repository = repo_create(pool(), "modules");
                repository->priority = package.priority;
            }
            add(repository, package);
        }
        pool_createwhatprovides(pool());
    }

    std::variant<Solution, Obstacles> solve(const std::vector<Dependency>& wanted,
                                            const std::vector<std::string>& without) const
    {
        IdQueue jobs;
        for (const Dependency& each : wanted) {
            const Id name = name_id(each);
            jobs.push(SOLVER_INSTALL | SOLVER_SOLVABLE_NAME, name);
            // A job for each bound: all hold for the one version that an image has of a name.
            for (const VersionBound& bound : each.bounds) {
                jobs.push(SOLVER_INSTALL | SOLVER_SOLVABLE_NAME, bounded(name, bound));
            }
        }
        for (const std::string& name : without) {
            jobs.push(SOLVER_ERASE | SOLVER_SOLVABLE_NAME, pool_str2id(pool(), name.c_str(), 1));
        }
        const std::unique_ptr<Solver, decltype(&solver_free)> solver(solver_create(pool()), &solver_free);
        solver_set_flag(solver.get(), SOLVER_FLAG_IGNORE_RECOMMENDED, 1);
        if (solver_solve(solver.get(), jobs.get()) != 0) {
            return obstacles(solver.get());
        }
        IdQueue decisions;
        solver_get_decisionqueue(solver.get(), decisions.get());
        Solution solution;
        for (const Id decision : decisions.ids()) {
            if (decision >= first_package) {
                solution.push_back(index(decision));
            }
        }
        std::sort(solution.begin(), solution.end());
        return solution;
    }

private:
    // Numbers 0 and 1 of a pool are reserved (solv/pool.h: ID_NULL, SYSTEMSOLVABLE).
    static constexpr Id first_package = SYSTEMSOLVABLE + 1;
    static std::size_t index(Id package) { return static_cast<std::size_t>(package - first_package); }

    Pool* pool() const { return pool_.get(); }

    Id name_id(const Dependency& dependency) const { return pool_str2id(pool(), dependency.name.c_str(), 1); }
    Id bounded(Id name, const VersionBound& bound) const
    {
        const Id version = pool_str2id(pool(), bound.version.c_str(), 1);
        return pool_rel2id(pool(), name, version, flags(bound.relation), 1);
    }

    /// All bounds in one relation, so that one package must be within all of them.
    Id relation(const Dependency& dependency)
    {
        const Id name = name_id(dependency);
        Id whole = dependency.bounds.empty() ? name : bounded(name, dependency.bounds.front());
        for (std::size_t i = 1; i < dependency.bounds.size(); ++i) {
            whole = pool_rel2id(pool(), whole, bounded(name, dependency.bounds[i]), REL_WITH, 1);
        }
        dependencies_.emplace(whole, &dependency);
        return whole;
    }

    void add(Repo* repository, const Package& package)
    {
        const Id id = repo_add_solvable(repository);
        Solvable* solvable = pool_id2solvable(pool(), id);
        solvable->name = pool_str2id(pool(), package.name->c_str(), 1);
        solvable->evr = pool_str2id(pool(), package.version->c_str(), 1);
        const auto provide = [&](Id provided) {
            solvable_add_deparray(solvable, SOLVABLE_PROVIDES, provided, 0);
        };
        provide(pool_rel2id(pool(), solvable->name, solvable->evr, REL_EQ, 1));
        for (const auto& [name, version] : *package.provides) {
            const Id virtual_name = pool_str2id(pool(), name.c_str(), 1);
            provide(version.empty() ? virtual_name
                                    : pool_rel2id(pool(), virtual_name,
                                                  pool_str2id(pool(), version.c_str(), 1), REL_EQ, 1));
        }
        for (const Dependency& each : *package.required) {
            solvable_add_deparray(solvable, SOLVABLE_REQUIRES, relation(each), 0);
        }
        for (const Dependency& each : *package.conflicting) {
            solvable_add_deparray(solvable, SOLVABLE_CONFLICTS, relation(each), 0);
        }
    }

    Obstacles obstacles(Solver* solver) const
    {
        IdQueue rules;
        solver_findallproblemrules(solver, 1, rules.get());
        Obstacles found;
        for (const Id rule : rules.ids()) {
            Id source = 0;
            Id target = 0;
            Id dependency = 0;
            const SolverRuleinfo kind = solver_ruleinfo(solver, rule, &source, &target, &dependency);
            if (const auto obstacle = obstacle_of(kind, source, target, dependency)) {
                found.push_back(*obstacle);
            }
        }
        return found;
    }

    std::optional<Obstacle> obstacle_of(SolverRuleinfo kind, Id source, Id target, Id dependency) const
    {
        const auto package = [](Id id) { return id >= first_package ? index(id) : 0; };
        const auto made = [&](Obstacle::Kind what) {
            const auto known = dependencies_.find(dependency);
            return Obstacle{what, package(source), package(target),
                            known != dependencies_.end() ? *known->second
                            : dependency == 0            ? Dependency()
                                                         : Dependency(pool_dep2str(pool(), dependency))};
        };
        switch (kind) {
        case SOLVER_RULE_PKG_NOTHING_PROVIDES_DEP:
            return made(Obstacle::Kind::nothing_provides);
        case SOLVER_RULE_PKG_REQUIRES:
            return made(Obstacle::Kind::required);
        case SOLVER_RULE_PKG_CONFLICTS:
            return made(Obstacle::Kind::conflict);
        case SOLVER_RULE_PKG_SAME_NAME:
            return made(Obstacle::Kind::one_version);
        case SOLVER_RULE_JOB:
        case SOLVER_RULE_JOB_NOTHING_PROVIDES_DEP:
        case SOLVER_RULE_JOB_UNKNOWN_PACKAGE:
            source = target = 0;  // here the source is the number of a job
            return made(Obstacle::Kind::wanted);
        default:
            return std::nullopt;  // rules of upgrades, which do not occur with nothing installed
        }
    }

    PoolPtr pool_;
    std::unordered_map<Id, const Dependency*> dependencies_;  ///< how libsolv's relations were written
};

Universe::Universe(const std::vector<Package>& packages)
    : implementation_(std::make_unique<Implementation>(packages))
{
}
Universe::~Universe() = default;

std::variant<Solution, Obstacles> Universe::solve(const std::vector<Dependency>& wanted,
                                                  const std::vector<std::string>& without) const
{
    return implementation_->solve(wanted, without);
}

}  // namespace unikernel::solver
