// SPDX-License-Identifier: Apache-2.0
#include "builder_service/builds/build_service.hh"

#include <spdlog/spdlog.h>

#include "builder_service/artifacts/timestamp.hh"
#include "builder_service/builds/new_id.hh"
#include "builder_service/builds/recording_observer.hh"
#include "common/model/secret.hh"

namespace unikernel
{

namespace fs = std::filesystem;

namespace
{

constexpr auto bundle_age = std::chrono::hours(24 * 7);  // unused bundles are kept so long

BuildEvent warning_event(const BuildRecord& build, std::string text)
{
    return {.n = 0,
            .time = timestamp(),
            .phase = build.phase,
            .kind = "warning",
            .text = std::move(text),
            .state = {},
            .image = {},
            .error = {}};
}

std::string where(const BuildRecord& build)
{
    return build.phase.empty() ? "before its first phase" : "during phase " + build.phase;
}

Result<void> seal(BuildService::Submission& submission)
{
    auto spec = seal_secrets(std::move(submission.spec));
    if (!spec)
        return tl::unexpected(spec.error());
    submission.spec = std::move(*spec);
    for (auto& requirement : submission.requirements) {
        auto sealed = seal_secrets(std::move(requirement));
        if (!sealed)
            return tl::unexpected(sealed.error());
        requirement = std::move(*sealed);
    }
    return {};
}

BuildState state_of(FailureKind kind)
{
    switch (kind) {
    case FailureKind::no_space:
        return BuildState::disk_full;
    case FailureKind::invalid:
        return BuildState::verification_failed;
    default:
        return BuildState::failed;
    }
}

}  // namespace

BuildService::BuildService(BuildSettings settings, Pipeline pipeline, BuildRepository& repository,
                           ArtifactStore& store)
    : settings_(std::move(settings)), pipeline_(std::move(pipeline)), repository_(repository), store_(store)
{
}

BuildService::~BuildService()
{
    refuse_new();
    for (auto& worker : workers_)
        worker.request_stop();
    running_.stop_all(StopReason::shutdown);
}

Result<void> BuildService::start()
{
    std::error_code code;
    fs::remove_all(settings_.work, code);
    fs::create_directories(settings_.work, code);
    if (code)
        return fail(FailureKind::internal, settings_.work.string() + ": " + code.message());
    if (auto recovered = recover(); !recovered)
        return recovered;
    for (unsigned n = 0; n < settings_.workers; ++n)
        workers_.emplace_back([this](const std::stop_token& stop) { work(stop); });
    return {};
}

/// Builds that ran when the last process ended.
Result<void> BuildService::recover()
{
    const auto interrupted = repository_.in_state(BuildState::running);
    if (!interrupted)
        return tl::unexpected(interrupted.error());
    for (auto build : *interrupted) {
        const auto stopped = "the service was stopped " + where(build);
        if (build.attempts < settings_.attempts) {
            const auto text = stopped + "; it was started again automatically";
            spdlog::warn("build {}: {}", build.id, text);
            if (auto done = repository_.requeue(build, build.attempts, warning_event(build, text)); !done)
                return done;
            continue;
        }
        build.state = BuildState::failed;
        build.error = stopped + ", and " + std::to_string(build.attempts) +
                      " attempts ended so; it was not started again. Submit it again if the cause is gone";
        spdlog::error("build {}: {}", build.id, build.error);
        if (auto done = repository_.finish(build); !done)
            return done;
    }
    std::vector<std::string> in_use;
    if (const auto waiting = repository_.in_state(BuildState::queued))
        for (const auto& build : *waiting)
            in_use.push_back(build.bundle);
    store_.prune_bundles(bundle_age, in_use);
    return {};
}

/// The latest build of the same request, if it is on its way or its image is still there.
Result<std::optional<BuildRecord>> BuildService::reusable(const std::string& digest, bool boot_check)
{
    auto known = repository_.find_request(digest, boot_check);
    if (!known || !*known || !has_ended((*known)->state))
        return known;
    const bool usable = (*known)->state == BuildState::succeeded && store_.image((*known)->image).has_value();
    return usable ? std::move(known) : std::nullopt;
}

Result<BuildService::Submitted> BuildService::submit(Submission submission)
{
    if (draining_)
        return fail(FailureKind::unavailable, "the service is stopping; try again when it was started");
    if (auto space = store_.check_space(); !space)
        return tl::unexpected(space.error());
    if (auto sealed = seal(submission); !sealed)
        return tl::unexpected(sealed.error());
    const auto bundle = store_.bundle(submission.bundle);
    if (!bundle)
        return tl::unexpected(bundle.error());
    const BuildRequest request{submission.spec, submission.requirements, *bundle, submission.boot_check};
    const auto digest = pipeline_.digest(request, submission.bundle);
    if (!digest)
        return tl::unexpected(digest.error());

    const std::scoped_lock lock(queue_mutex_);
    auto known = reusable(*digest, submission.boot_check);
    if (!known)
        return tl::unexpected(known.error());
    if (*known)
        return Submitted{std::move(**known), false};
    const auto waiting = repository_.count(BuildState::queued);
    if (!waiting)
        return tl::unexpected(waiting.error());
    if (*waiting >= settings_.queue)
        return fail(FailureKind::unavailable,
                    std::to_string(*waiting) + " builds wait already, the maximum is " +
                        std::to_string(settings_.queue) + " (queue); try again when some have ended");
    BuildRecord build;
    build.id = new_id();
    build.request_digest = *digest;
    build.bundle = submission.bundle;
    build.spec = std::move(submission.spec);
    build.requirements = submission.requirements;
    build.boot_check = submission.boot_check;
    if (auto added = repository_.add(build); !added)
        return tl::unexpected(added.error());
    if (auto pruned = repository_.prune(settings_.keep); !pruned)
        spdlog::error("{}", pruned.error().message);
    ++submitted_;
    queued_.notify_one();
    return Submitted{std::move(build), true};
}

Result<BuildRecord> BuildService::find(const std::string& id)
{
    auto found = repository_.find(id);
    if (!found)
        return tl::unexpected(found.error());
    if (!*found)
        return fail(FailureKind::not_found, "no build " + id + " is known here");
    return std::move(**found);
}

Result<std::vector<BuildRecord>> BuildService::list(const std::string& marker, std::size_t limit)
{
    if (!marker.empty())
        if (const auto known = find(marker); !known)
            return tl::unexpected(known.error());
    return repository_.list(marker, limit);
}

Result<std::vector<BuildEvent>> BuildService::events(const BuildRecord& build, std::int64_t from,
                                                     std::size_t limit)
{
    return repository_.events(build, from, limit);
}

Result<void> BuildService::cancel(const std::string& id)
{
    const std::scoped_lock lock(queue_mutex_);
    auto build = find(id);
    if (!build)
        return tl::unexpected(build.error());
    if (build->state == BuildState::running)
        running_.stop(id, StopReason::cancelled);
    if (build->state != BuildState::queued)
        return {};
    build->state = BuildState::cancelled;
    build->error = "cancelled before it began";
    auto done = repository_.finish(*build);
    changes_.raise();
    return done;
}

void BuildService::work(const std::stop_token& stop)
{
    while (!stop.stop_requested()) {
        std::unique_lock lock(queue_mutex_);
        auto build = draining_ ? Result<std::optional<BuildRecord>>{} : repository_.claim();
        if (!build)
            spdlog::error("{}", build.error().message);
        if (!build || !*build) {
            // The time-out is for a failing database: there is nobody to notify us of its recovery.
            queued_.wait_for(lock, stop, std::chrono::seconds(5),
                             [this, seen = submitted_] { return submitted_ != seen; });
            continue;
        }
        const auto id = (*build)->id;
        const auto token = running_.begin(id, settings_.time_limit);
        lock.unlock();
        run(std::move(**build), token);
    }
}

BuildOutcome BuildService::build_in(const BuildRecord& build, BuildObserver& observer, std::stop_token stop)
{
    BuildOutcome outcome;
    const auto bundle = store_.bundle(build.bundle);
    if (!bundle) {
        outcome.error = bundle.error().message;
        return outcome;
    }
    const auto work = settings_.work / build.id;
    std::error_code code;
    fs::create_directories(work, code);
    if (code) {
        const auto failure = system_failure(work.string(), code.value());
        outcome.state = state_of(failure.kind);
        outcome.error = failure.message;
        return outcome;
    }
    BuildRequest request{build.spec, {}, *bundle, build.boot_check};
    request.requirements.assign(build.requirements.begin(), build.requirements.end());
    try {
        return pipeline_.build(request, work, observer, std::move(stop));
    } catch (const std::exception& problem) {  // it promised not to; one bug must not end the service
        outcome.error = std::string("a bug of the builder: ") + problem.what();
        return outcome;
    }
}

void BuildService::run(BuildRecord build, std::stop_token stop)
{
    spdlog::info("build {}: begins, attempt {}", build.id, build.attempts);
    changes_.raise();
    RecordingObserver observer(
        repository_, build, settings_.log_limit,
        [this, id = build.id](StopReason reason) { running_.stop(id, reason); },
        [this] { changes_.raise(); });
    const auto outcome = build_in(build, observer, std::move(stop));
    conclude(build, outcome, observer);
    std::error_code code;
    fs::remove_all(settings_.work / build.id, code);
}

/// From the pipeline's outcome and the reason it was stopped, if it was, to the stored end.
void BuildService::conclude(BuildRecord& build, const BuildOutcome& outcome, BuildObserver& observer)
{
    for (const auto& [phase, duration] : outcome.phases)
        build.phases.push_back(
            {{"phase", to_string(phase)}, {"milliseconds", static_cast<double>(duration.count()) / 1000.0}});
    build.objects_compiled = outcome.objects_compiled;
    build.objects_cached = outcome.objects_cached;
    build.state = outcome.state;
    build.error = outcome.error;
    if (outcome.state == BuildState::succeeded)
        keep_image(build, outcome, observer);

    const std::scoped_lock lock(queue_mutex_);  // from here on a cancellation comes too late
    const auto reason = running_.end(build.id);
    if (build.state != BuildState::succeeded && reason == StopReason::shutdown) {
        const auto text = "the service was stopped " + where(build) + "; it was started again automatically";
        if (auto done = repository_.requeue(build, build.attempts - 1, warning_event(build, text)); !done)
            spdlog::error("build {}: {}", build.id, done.error().message);
        return;
    }
    if (build.state != BuildState::succeeded)
        explain_stop(build, reason);
    finish(build);
}

void BuildService::keep_image(BuildRecord& build, const BuildOutcome& outcome, BuildObserver& observer)
{
    observer.phase(Phase::store, "storing the image by its digest");
    const auto begun = std::chrono::steady_clock::now();
    const auto image = store_.import_image(outcome.image, build.id);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begun;
    build.phases.push_back({{"phase", to_string(Phase::store)}, {"milliseconds", took.count()}});
    if (!image) {
        build.state = state_of(image.error().kind);
        build.error = image.error().message;
        return;
    }
    build.image = image->digest;
}

void BuildService::explain_stop(BuildRecord& build, StopReason reason) const
{
    switch (reason) {
    case StopReason::none:
    case StopReason::shutdown:
        return;
    case StopReason::cancelled:
        build.state = BuildState::cancelled;
        build.error = "cancelled " + where(build);
        return;
    case StopReason::timed_out:
        build.state = BuildState::timed_out;
        build.error = "stopped " + where(build) + ": it took longer than " +
                      std::to_string(settings_.time_limit.count() / 1000) + " s (build-time-limit)";
        return;
    case StopReason::log_limit:
        build.state = BuildState::log_limit;
        build.error = "stopped " + where(build) + ": it wrote more than " +
                      std::to_string(settings_.log_limit) + " bytes of progress (log-limit)";
        return;
    case StopReason::disk_full:
        build.state = BuildState::disk_full;
        build.error = "stopped " + where(build) + ": the disk is full below " + store_.folder().string() +
                      "; delete images that are not needed or make room there";
        return;
    }
}

void BuildService::finish(const BuildRecord& build)
{
    const auto first_line = build.error.substr(0, build.error.find('\n'));
    spdlog::info("build {}: {}{}{}", build.id, to_string(build.state), build.error.empty() ? "" : ": ",
                 first_line);
    // If that fails it stays `running`, and is tried again at the next start.
    if (auto done = repository_.finish(build); !done)
        spdlog::error("build {}: its end cannot be stored: {}", build.id, done.error().message);
    changes_.raise();
}

bool BuildService::drain(std::chrono::milliseconds limit)
{
    refuse_new();
    for (auto& worker : workers_)
        worker.request_stop();
    running_.stop_all(StopReason::shutdown);
    return running_.wait_none(limit);
}

}  // namespace unikernel
