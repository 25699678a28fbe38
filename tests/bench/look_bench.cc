// SPDX-License-Identifier: Apache-2.0
// One look of the loop at everything, where there are many images and many requirements.
#include <algorithm>
#include <chrono>
#include <iomanip>
#include <iostream>
#include <vector>

#include <spdlog/spdlog.h>

#include "builder_service/builds/new_id.hh"
#include "builder_service/pipeline/preview.hh"
#include "builder_service/reconcile/reconciler.hh"
#include "builder_service/repositories/module_repositories.hh"
#include "common/util/digest.hh"
#include "common/util/temporary_directory.hh"

namespace
{

using namespace unikernel;
using nlohmann::json;
using std::chrono::steady_clock;

constexpr int lines_count = 500;
constexpr int requirements_count = 1000;
constexpr int for_everything = 10;  ///< of the requirements; each of the others is for two images
constexpr int rounds = 5;

template <typename Value>
Value good(Result<Value> result)
{
    if (!result) {
        std::cerr << "look_bench: " << result.error().message << "\n";
        std::exit(1);
    }
    return std::move(*result);
}

void good(const Result<void>& result)
{
    good(result.map([] { return 0; }));
}

std::string name_of(int line)
{
    return "line-" + std::to_string(line % lines_count);
}

json document(int number, int canaries)
{
    const json selector = number < for_everything
                              ? json{{"everything", true}}
                              : json{{"images", {name_of(number), name_of(number + lines_count / 2)}}};
    return {{"name", "requirement-" + std::to_string(number)},
            {"description", "Its console is read by machines, which expect it to be as fast as theirs"},
            {"applies_to", selector},
            {"modules", {{"console", {{"speed", 115200}}}}},
            {"rollout", {{"canary", canaries}, {"parallel", 4}, {"pause", "30s"}}}};
}

json spec(int line)
{
    return {{"name", name_of(line)},
            {"application", {{"sources", {"server.cc"}}}},
            {"modules", {{"posix-sockets", json::object()}, {"static-ip", json::object()}}},
            {"labels", {{"tier", "web"}}}};
}

/// A server for each line, which runs its image.
class Street final : public Fleet
{
public:
    std::vector<Server> servers;
    Result<std::vector<Server>> list(std::stop_token) override { return servers; }
    Result<std::optional<Server>> find(const std::string&, std::stop_token) override { return std::nullopt; }
    Result<void> replace(const std::string& id, const std::string&, std::stop_token) override
    {
        return fail(FailureKind::invalid, "nothing was to be replaced, and server " + id + " would be");
    }
    Result<void> check(const Server&, const HealthCheck&, std::stop_token) override { return {}; }
};

double milliseconds(const std::function<void()>& work)
{
    const auto begin = steady_clock::now();
    work();
    return std::chrono::duration<double, std::milli>(steady_clock::now() - begin).count();
}

double median(const std::function<void()>& work)
{
    std::vector<double> times;
    for (int n = 0; n < rounds; ++n)
        times.push_back(milliseconds(work));
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}

void report(const std::string& what, double time)
{
    std::cout << std::left << std::setw(52) << what << std::right << std::fixed << std::setprecision(1)
              << std::setw(10) << time << " ms\n"
              << std::flush;
}

}  // namespace

/// Argument: the folder of the builder's modules.
int main(int argc, char** argv)
{
    if (argc != 2) {
        std::cerr << "usage: look_bench MODULES-FOLDER\n";
        return 2;
    }
    spdlog::set_level(spdlog::level::warn);
    const auto folder = good(TemporaryDirectory::create());
    ModuleRepositories::Settings settings;
    settings.builtin = argv[1];
    settings.cache = folder.path() / "repositories";
    ModuleRepositories repositories(settings);
    PipelineSettings pipeline;
    pipeline.repository = [&repositories] { return repositories.modules(); };
    pipeline.cache = folder.path() / "cache";
    const Planner planner = [&pipeline](const BuildRequest& request) { return preview(pipeline, request); };

    const auto database = good(Database::open(folder.path() / "builds.sqlite"));
    BuildRepository builds(*database);
    RequirementRepository stored(*database);
    RequirementService requirements(stored, [](const json&) { return Result<void>{}; });
    report(std::to_string(requirements_count) + " requirements stored, one after another", milliseconds([&] {
               for (int n = 0; n < requirements_count; ++n)
                   good(requirements.create({"", ""}, document(n, 1), {""}));
           }));

    Street street;
    for (int line = 0; line < lines_count; ++line) {
        BuildRecord build;
        build.id = new_id();
        build.bundle = to_string(sha256("bundle"));
        build.spec = spec(line);
        const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
        for (const auto& each : good(requirements.select("", "", build.spec, {}, now)).selected) {
            build.requirements.push_back(each.requirement.document);
            build.applied.push_back(
                {{"name", each.requirement.name}, {"revision", each.requirement.revision}, {"project", ""}});
        }
        good(builds.add(build));
        auto claimed = good(builds.claim());
        claimed->image = to_string(sha256(claimed->id));
        claimed->state = BuildState::succeeded;
        good(builds.finish(*claimed));
        street.servers.push_back({.id = claimed->id,
                                  .name = name_of(line),
                                  .project = "",
                                  .image = claimed->image,
                                  .status = "ACTIVE",
                                  .settled = true,
                                  .running = true,
                                  .pinned = false,
                                  .fault = "",
                                  .unikernel = true});
    }

    // What an image says of itself is read by the store; here it is what the plan was.
    const auto note = [&](const BuildRecord& build) {
        return planner({build.spec, build.requirements.get<std::vector<json>>(), {}, true})
            .map([](const Preview& plan) { return plan.description; });
    };
    LineImageRepository images(*database);
    StandingRepository standings(*database);
    RolloutRepository rollouts(*database);
    Lines lines(builds, requirements, images, {.plan = planner, .note = note, .modules = [&repositories] {
                                                   return repositories.content_digest();
                                               }});
    Lease lease(*database, "bench", std::chrono::minutes(1));
    Reconciler loop({.lease = lease,
                     .rollouts = rollouts,
                     .images = images,
                     .standings = standings,
                     .builds = builds,
                     .lines = lines,
                     .fleet = street,
                     .ports = {.submit = [](auto) -> Result<BuildService::Submitted> {
                                   return fail(FailureKind::invalid, "nothing was to be built");
                               },
                               .cancel = [](const std::string&) { return Result<void>{}; },
                               .retire = {}},
                     .settings = {}});
    const auto look = [&] { good(loop.pass(true, {}).map([](auto) { return 0; })); };
    good(lines.remember_images());
    std::cout << lines_count << " images of "
              << for_everything + 2 * (requirements_count - for_everything) / lines_count
              << " requirements each, a server for each of them\n";
    report("first look", milliseconds(look));
    report("look when nothing changed", median(look));
    Lines forgetful(builds, requirements, images, {.plan = planner, .note = note});
    report("look that makes each plan anew", median([&] { good(forgetful.look()); }));
    int canaries = 1;
    report("look after one requirement for two images changed", median([&] {
               const auto current = good(requirements.find("", "", "requirement-500"));
               good(requirements.replace(current, document(500, ++canaries), {""}));
               look();
           }));
    report("look after one requirement for everything changed", median([&] {
               const auto current = good(requirements.find("", "", "requirement-0"));
               good(requirements.replace(current, document(0, ++canaries), {""}));
               look();
           }));
    if (!good(rollouts.list({"", true}, std::nullopt, "", 1)).empty()) {
        std::cerr << "look_bench: a rollout was begun, though every image is what is wanted\n";
        return 1;
    }
    return 0;
}
