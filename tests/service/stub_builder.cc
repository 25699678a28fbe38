// SPDX-License-Identifier: Apache-2.0
// The real service around a pipeline that does what its spec's label says, so that tests of
// queueing, cancelling, killing and limits take milliseconds and always happen the same way.
// The labels: sleep_ms, lines, line_bytes, image_bytes, state (an end state), error, digest (a failure).
// Its servers are what stub-servers.json beside the state folder says (file_fleet.hh).
#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

#include "builder_service/api/service.hh"
#include "common/util/digest.hh"
#include "file_fleet.hh"

namespace
{

using namespace unikernel;

std::string label(const BuildRequest& request, const std::string& name)
{
    return request.spec.value("labels", nlohmann::json::object()).value(name, std::string());
}

int number(const BuildRequest& request, const std::string& name)
{
    const auto text = label(request, name);
    return text.empty() ? 0 : std::stoi(text);
}

Result<std::string> stub_digest(const BuildRequest& request, std::string_view bundle)
{
    const auto failure = label(request, "digest");
    if (failure == "invalid")
        return fail(FailureKind::invalid, "spec.name: the stub refuses it");
    if (failure == "unresolvable")
        return fail(FailureKind::unresolvable, "the stub cannot resolve it");
    return to_string(
        sha256(request.spec.dump() + nlohmann::json(request.requirements).dump() + std::string(bundle)));
}

/// The real plan, as the image will describe it; nothing where the modules do not allow for one.
nlohmann::json description_of(const PipelineSettings& settings, const BuildRequest& request)
{
    const auto plan = preview(settings, request);
    return plan ? plan->description : nlohmann::json{{"name", "stub"}, {"platform", "u0"}};
}

BuildOutcome stub_build(const PipelineSettings& settings, const BuildRequest& request,
                        const std::filesystem::path& work, BuildObserver& observer, std::stop_token stop)
{
    BuildOutcome outcome;
    observer.phase(Phase::plan, "merging the spec and its requirements");
    observer.phase(Phase::compile, "compiling");
    std::ofstream(work / "half-written") << "half";
    const std::string line(static_cast<std::size_t>(std::max(number(request, "line_bytes"), 10)), 'x');
    for (int n = 0; n < number(request, "lines") && !stop.stop_requested(); ++n)
        observer.log(line);
    const auto end =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(number(request, "sleep_ms"));
    while (std::chrono::steady_clock::now() < end && !stop.stop_requested())
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    if (stop.stop_requested()) {
        outcome.state = BuildState::cancelled;
        return outcome;
    }
    outcome.phases = {{Phase::plan, std::chrono::microseconds(1500)},
                      {Phase::compile, std::chrono::microseconds(2500)}};
    outcome.objects_compiled = 1;
    outcome.error = label(request, "error");
    outcome.state = build_state(label(request, "state")).value_or(BuildState::succeeded);
    if (outcome.state == BuildState::succeeded) {
        outcome.image = work / "image";
        const int bytes = std::max(number(request, "image_bytes"), 4);
        std::ofstream(outcome.image, std::ios::binary)
            << "\177ELF" << description_of(settings, request).dump() << "\n"
            << request.spec.dump() << std::string(static_cast<std::size_t>(bytes), 'i');
    }
    return outcome;
}

Result<ImageFacts> stub_inspect(const std::filesystem::path& image)
{
    const auto content = sha256_file(image);
    if (!content)
        return tl::unexpected(content.error());
    std::ifstream file(image, std::ios::binary);
    std::string first;
    std::getline(file.ignore(4), first);
    auto description = nlohmann::json::parse(first, nullptr, false);
    if (!description.is_object())  // it was sent here, and is of no build
        description = {{"name", "stub"}, {"platform", "u0"}};
    return ImageFacts{std::filesystem::file_size(image), to_string(*content), std::move(description)};
}

}  // namespace

int main(int argc, char** argv)
{
    return api::run_service(argc, argv, [](const api::Settings& settings) -> Result<api::Backend> {
        PipelineSettings real;
        real.modules = settings.modules;
        real.platforms = settings.platforms;
        real.cache = settings.cache;
        const auto repositories = api::open_repositories(settings);
        real.repository = [repositories] { return repositories->modules(); };
        return api::Backend{
            .pipeline = {
                .digest = stub_digest,
                .build =
                    [real](const BuildRequest& request, const std::filesystem::path& work,
                           BuildObserver& observer, std::stop_token stop) {
                        return stub_build(real, request, work, observer, std::move(stop));
                    },
                .check_requirement =
                    [real](const nlohmann::json& document) { return check_requirement(real, document); },
                .preview = [real](const BuildRequest& request) { return preview(real, request); }},
            .repositories = repositories,
            .inspect = stub_inspect,
            .boots_images = false,
            .accelerators = [] { return std::vector<std::string>{"tcg"}; },
            .fleet = std::make_shared<FileFleet>(settings.state.parent_path() / "stub-servers.json")};
    });
}
