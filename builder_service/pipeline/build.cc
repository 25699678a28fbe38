// SPDX-License-Identifier: Apache-2.0
#include <exception>
#include <system_error>

#include <unistd.h>

#include "builder_service/pipeline/pipeline.hh"
#include "builder_service/pipeline/plan.hh"
#include "builder_service/pipeline/prepare.hh"
#include "builder_service/pipeline/proof.hh"
#include "builder_service/sandbox/bundle.hh"
#include "common/util/digest.hh"
#include "common/util/file.hh"
#include "common/util/time.hh"

namespace unikernel
{

namespace
{

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

/// What a failure in a phase means for the one who asked.
BuildState state_of(Phase phase, FailureKind kind)
{
    switch (kind) {
    case FailureKind::timed_out:
        return phase == Phase::boot ? BuildState::boot_failed : BuildState::timed_out;
    case FailureKind::cancelled:
        return BuildState::cancelled;
    case FailureKind::no_space:
        return BuildState::disk_full;
    case FailureKind::unresolvable:
        return BuildState::unresolvable;
    case FailureKind::too_large:
        return phase == Phase::compile || phase == Phase::link ? BuildState::log_limit : BuildState::rejected;
    case FailureKind::invalid:
        break;
    case FailureKind::not_found:
    case FailureKind::conflict:
    case FailureKind::unavailable:
    case FailureKind::internal:
        return phase == Phase::boot ? BuildState::boot_failed : BuildState::failed;
    }
    switch (phase) {
    case Phase::compile:
        return BuildState::compile_failed;
    case Phase::link:
        return BuildState::link_failed;
    case Phase::verify:
        return BuildState::verification_failed;
    case Phase::boot:
        return BuildState::boot_failed;
    default:
        return BuildState::rejected;
    }
}

/// One build at work: its phases in order, the first failure ends it.
class Run
{
public:
    Run(const PipelineSettings& settings, const BuildRequest& request, fs::path work, BuildObserver& observer,
        std::stop_token stop)
        : settings_(settings), request_(request), work_(std::move(work)), observer_(observer),
          stop_(std::move(stop))
    {
    }

    BuildOutcome run() { return ended(compiled() && linked()); }
    BuildOutcome run_until_compiled() { return ended(compiled()); }

private:
    template <typename Step>
    bool step(Phase phase, std::string_view what, Step&& work)
    {
        observer_.phase(phase, what);
        const auto begin = Clock::now();
        const Result<void> result =
            stop_.stop_requested() ? fail(FailureKind::cancelled, "the build was cancelled") : work();
        outcome_.phases.push_back(
            {phase, std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin)});
        if (!result) {
            outcome_.state = state_of(phase, result.error().kind);
            outcome_.error = result.error().message;
        }
        return result.has_value();
    }

    bool compiled()
    {
        return step(Phase::plan, "reading the request", [this] { return plan(); }) &&
               step(Phase::resolve, "choosing modules", [this] { return resolve(); }) &&
               step(Phase::generate, "writing the configuration", [this] { return generate(); }) &&
               step(Phase::compile, "compiling", [this] { return compile(); });
    }

    bool linked()
    {
        return step(Phase::link, "linking", [this] { return build_->link(stop_); }) &&
               step(Phase::verify, "checking the image", [this] { return verify(); }) && boot();
    }

    BuildOutcome ended(bool well)
    {
        if (well) {
            outcome_.state = BuildState::succeeded;
        } else {
            outcome_.image.clear();
            outcome_.digest.clear();
        }
        return std::move(outcome_);
    }

    Result<void> plan()
    {
        Result<Plan> made = make_plan(settings_, request_);
        if (!made) {
            return tl::unexpected(made.error());
        }
        plan_ = std::move(*made);
        for (const std::string& name : plan_.skipped) {
            observer_.warning("requirements." + name + " does not apply to " + plan_.spec.name +
                              " and is left out");
        }
        return plan_.spec.application ? unpack() : Result<void>{};
    }

    Result<void> unpack()
    {
        const Result<Digest> digest = sha256_file(request_.bundle);
        if (!digest) {
            return fail(FailureKind::invalid,
                        "bundle: there is none, and spec.application needs its sources");
        }
        bundle_digest_ = to_string(*digest);
        std::error_code error;
        fs::create_directories(work_ / "source", error);
        if (!error) {
            fs::permissions(work_ / "source", fs::perms(0755), error);  // whatever the umask: tools read it
        }
        if (error) {
            return tl::unexpected(system_failure((work_ / "source").string(), error.value()));
        }
        BundleLimits limits;
        limits.bytes = settings_.bundle_limit;
        limits.entries = settings_.bundle_entries;
        if (Result<void> unpacked = unpack_bundle(request_.bundle, work_ / "source", limits, stop_);
            !unpacked) {
            return unpacked;
        }
        const Application& application = *plan_.spec.application;
        for (std::size_t i = 0; i < application.sources.size(); ++i) {
            if (!fs::is_regular_file(work_ / "source" / application.sources[i], error)) {
                return fail(FailureKind::invalid, "spec.application.sources[" + std::to_string(i) + "]: " +
                                                      application.sources[i] + " is not in the bundle");
            }
        }
        return {};
    }

    Result<void> resolve()
    {
        Result<Image> image = resolve_plan(plan_);
        if (!image) {
            return tl::unexpected(image.error());
        }
        image_ = std::move(*image);
        if (Result<void> ahead = check_limit(); !ahead) {
            return ahead;
        }
        std::string names;
        for (const ModulePtr& module : image_.installed()) {
            names += (names.empty() ? "" : " ") + module->name;
        }
        observer_.log("modules: " + names);
        return {};
    }

    /// An image that is over before it was ever started helps nobody. Not a part of the plan, which does not
    /// depend on the time at which it is made.
    Result<void> check_limit() const
    {
        const auto& values = image_.values(validity_module);
        const auto value = values.find(validity_option);
        if (value == values.end()) {
            return {};
        }
        const std::chrono::sys_seconds limit{std::chrono::seconds(value->second.get<std::int64_t>())};
        const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
        return now < limit ? Result<void>{}
                           : fail(FailureKind::invalid,
                                  std::string("modules.") + validity_module + "." + validity_option + ": " +
                                      to_rfc3339(limit) + " is over (now it is " + to_rfc3339(now) +
                                      "), so the image would never serve; give a time that is to come");
    }

    Result<void> generate()
    {
        SandboxLimits limits;
        if (plan_.spec.application && geteuid() == 0) {  // others' tools run as they do
            const Result<Confinement> confined = confinement();
            if (!confined) {
                return tl::unexpected(confined.error());
            }
            limits.user = confined->user;
        }
        limits.time = settings_.time_limit;
        limits.memory = settings_.memory_limit;
        limits.processes = settings_.process_limit;
        limits.output = settings_.output_limit;
        build_ = plan_.platform->begin({plan_.spec, image_, plan_.repository, describe(plan_, image_),
                                        bundle_digest_, work_ / "source", settings_.modules, work_,
                                        settings_.cache, limits,
                                        [this](std::string_view line) { observer_.log(line); }});
        return build_->generate();
    }

    Result<void> compile()
    {
        Result<void> result = build_->compile(stop_);
        outcome_.objects_compiled = build_->objects_compiled();
        outcome_.objects_cached = build_->objects_cached();
        if (result) {
            observer_.log(std::to_string(outcome_.objects_compiled) + " objects compiled, " +
                          std::to_string(outcome_.objects_cached) + " taken from the cache");
        } else if (result.error().kind == FailureKind::invalid) {
            log_lines(result.error().message);
        }
        return result;
    }

    void log_lines(const std::string& text)
    {
        for (std::size_t begin = 0; begin < text.size();) {
            const std::size_t end = std::min(text.find('\n', begin), text.size());
            observer_.log(std::string_view(text).substr(begin, end - begin));
            begin = end + 1;
        }
    }

    Result<void> verify()
    {
        if (Result<void> verified = build_->verify(); !verified) {
            return verified;
        }
        const Result<Digest> digest = sha256_file(build_->image_file());
        if (!digest) {
            return tl::unexpected(digest.error());
        }
        if (Result<void> proven = check_proof(image_, build_->description()); !proven) {
            return proven;
        }
        outcome_.image = build_->image_file();
        outcome_.digest = to_string(*digest);
        outcome_.description = build_->description();
        return {};
    }

    bool boot()
    {
        if (!request_.boot_check || !settings_.boot_check) {
            return true;
        }
        return step(Phase::boot, "booting it once", [this] {
            return settings_.boot_check(outcome_.image, outcome_.description, observer_, stop_);
        });
    }

    const PipelineSettings& settings_;
    const BuildRequest& request_;
    fs::path work_;
    BuildObserver& observer_;
    std::stop_token stop_;
    Plan plan_;
    Image image_;
    std::string bundle_digest_;
    std::unique_ptr<PlatformBuild> build_;
    BuildOutcome outcome_;
};

/// Paths of tools' command lines and of the sandbox's mounts are absolute.
PipelineSettings absolute(PipelineSettings settings)
{
    settings.modules = fs::absolute(settings.modules).lexically_normal();
    settings.platforms = fs::absolute(settings.platforms).lexically_normal();
    settings.cache = fs::absolute(settings.cache).lexically_normal();
    return settings;
}

template <typename Work>
BuildOutcome guarded(Work&& work)
{
    try {
        return work();
    } catch (const std::exception& error) {
        BuildOutcome outcome;
        outcome.error = std::string("the builder failed: ") + error.what();
        return outcome;
    }
}

}  // namespace

BuildOutcome build(const PipelineSettings& settings, const BuildRequest& request, const fs::path& work,
                   BuildObserver& observer, std::stop_token stop)
{
    return guarded([&] {
        return Run(absolute(settings), request, fs::absolute(work), observer, std::move(stop)).run();
    });
}

BuildOutcome compile_only(const PipelineSettings& settings, const BuildRequest& request, const fs::path& work,
                          BuildObserver& observer)
{
    return guarded([&] {
        return Run(absolute(settings), request, fs::absolute(work), observer, {}).run_until_compiled();
    });
}

Result<std::string> request_digest(const PipelineSettings& settings, const BuildRequest& request,
                                   std::string_view bundle_digest)
try {
    const Result<ResolvedPlan> resolved = make_resolved_plan(settings, request);
    if (!resolved) {
        return tl::unexpected(resolved.error());
    }
    const auto& [plan, image] = *resolved;
    const Result<Digest> platform = plan.platform->identity();
    if (!platform) {
        return tl::unexpected(platform.error());
    }
    Sha256 sha;
    sha.field("unikernel request 1")
        .update(*platform)
        .field(bundle_digest)
        .field(describe_timeless(plan, image).dump());
    for (const ModulePtr& module : image.installed()) {
        const Result<Digest> sources = sha256_folder(module->folder);
        if (!sources) {
            return tl::unexpected(sources.error());
        }
        sha.field(module->name).update(*sources);
    }
    return to_string(sha.finish());
} catch (const std::exception& error) {
    return fail(FailureKind::internal, error.what());
}

}  // namespace unikernel
