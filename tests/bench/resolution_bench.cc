// SPDX-License-Identifier: Apache-2.0
// Resolution in a large module repository: resolve() against nothing but libsolv on the same modules.
#include <algorithm>
#include <ctime>
#include <iostream>
#include <memory>
#include <random>

#define LIBSOLV_SOLVABLE_PREPEND_DEP
extern "C" {
#include <solv/knownid.h>
#include <solv/pool.h>
#include <solv/queue.h>
#include <solv/repo.h>
#include <solv/solver.h>
}

#include "common/model/generation.hh"
#include "common/model/resolution.hh"

namespace
{

using namespace unikernel;

constexpr int names = 5'000;
constexpr int versions = 2;
constexpr int virtual_names = 200;
constexpr int wanted_modules = 40;
constexpr int rounds = 15;

/// Layers as in a distribution: each module needs some of an earlier layer, some only a range of versions.
Repository large_repository(std::mt19937& random)
{
    const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    Repository repository;
    for (int i = 0; i < names; ++i) {
        for (int v = 1; v <= versions; ++v) {
            Module m;
            m.name = "m" + std::to_string(i);
            m.version = std::to_string(v) + ".0.0";
            m.platforms["u0"] = {};
            for (int k = below(4); k > 0 && i > 100; --k) {
                Dependency needed("m" + std::to_string(below(i / 2)));
                if (below(3) == 0)
                    needed.bounds.push_back({VersionBound::Relation::greater_or_equal, "1.0.0"});
                m.required.insert(needed);
            }
            // One provider each, so that nothing is ambiguous.
            if (i < virtual_names)
                m.provides["v" + std::to_string(i)] = "";
            else if (below(4) == 0)
                m.required.insert("v" + std::to_string(below(virtual_names)));
            if (below(50) == 0)
                m.conflicting.insert("x" + std::to_string(i));
            if (!repository.add(std::move(m)))
                std::abort();
        }
    }
    return repository;
}

/// Packages of the solution, by libsolv's own functions and nothing else.
std::size_t plain_libsolv(const Repository& repository, const WantedModules& wanted)
{
    const std::unique_ptr<Pool, decltype(&pool_free)> pool(pool_create(), &pool_free);
    pool_setdisttype(pool.get(), DISTTYPE_DEB);
    Repo* repo = repo_create(pool.get(), "modules");
    const auto id = [&](const std::string& text) { return pool_str2id(pool.get(), text.c_str(), 1); };
    const auto relation = [&](const Dependency& dependency) {
        return dependency.bounds.empty() ? id(dependency.name)
                                         : pool_rel2id(pool.get(), id(dependency.name),
                                                       id(dependency.bounds[0].version), REL_GT | REL_EQ, 1);
    };
    for (const ModulePtr& module : repository.all()) {
        Solvable* solvable = pool_id2solvable(pool.get(), repo_add_solvable(repo));
        solvable->name = id(module->name);
        solvable->evr = id(module->version);
        solvable_add_deparray(solvable, SOLVABLE_PROVIDES,
                              pool_rel2id(pool.get(), solvable->name, solvable->evr, REL_EQ, 1), 0);
        for (const auto& [name, version] : module->provides)
            solvable_add_deparray(solvable, SOLVABLE_PROVIDES, id(name), 0);
        for (const Dependency& each : module->required)
            solvable_add_deparray(solvable, SOLVABLE_REQUIRES, relation(each), 0);
        for (const Dependency& each : module->conflicting)
            solvable_add_deparray(solvable, SOLVABLE_CONFLICTS, relation(each), 0);
    }
    pool_createwhatprovides(pool.get());
    Queue jobs;
    queue_init(&jobs);
    for (const auto& [name, asked] : wanted)
        queue_push2(&jobs, SOLVER_INSTALL | SOLVER_SOLVABLE_NAME, id(name));
    Solver* solver = solver_create(pool.get());
    if (solver_solve(solver, &jobs) != 0)
        std::abort();
    Queue decisions;
    queue_init(&decisions);
    solver_get_decisionqueue(solver, &decisions);
    const auto chosen = std::count_if(decisions.elements, decisions.elements + decisions.count,
                                      [](Id decision) { return decision > SYSTEMSOLVABLE; });
    queue_free(&decisions);
    queue_free(&jobs);
    solver_free(solver);
    return static_cast<std::size_t>(chosen);
}

/// Processor time, which other work on the host hardly changes.
template <typename Work>
double milliseconds(Work&& work)
{
    const std::clock_t begun = std::clock();
    work();
    return 1000.0 * static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC;
}

double median(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

}  // namespace

int main()
{
    std::mt19937 random(20180423);
    const Repository repository = large_repository(random);
    WantedModules wanted;
    for (int i = 0; i < wanted_modules; ++i)
        Insert(wanted, Dependency("m" + std::to_string(random() % names)), "spec");

    std::vector<double> ours;
    std::vector<double> plain;
    std::size_t chosen = 0;
    for (int round = 0; round < rounds; ++round) {
        ours.push_back(milliseconds([&] {
            const auto resolved = resolve(repository, "u0", wanted);
            if (!resolved) {
                std::cerr << resolved.error().message << "\n";
                std::exit(1);
            }
            chosen = resolved->size();
        }));
        plain.push_back(milliseconds([&] {
            if (plain_libsolv(repository, wanted) != chosen)
                std::cerr << "libsolv alone chose another number of modules\n";
        }));
    }
    std::cout << "modules " << repository.all().size() << ", wanted " << wanted.size() << ", chosen "
              << chosen << "\nprocessor time: resolve() " << median(ours) << " ms, libsolv alone "
              << median(plain) << " ms, ratio " << median(ours) / median(plain)
              << " (goal: under 100 ms, ratio under 1.5)\n";
}
