// SPDX-License-Identifier: Apache-2.0
#include "builder_service/builds/build_service.hh"

#include <spdlog/spdlog.h>

#include "builder_service/builds/new_id.hh"
#include "builder_service/builds/recording_observer.hh"
#include "builder_service/database/timestamp.hh"
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

void add_phase(BuildRecord& build, Phase phase, std::chrono::steady_clock::time_point begun)
{
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begun;
    build.phases.push_back({{"phase", to_string(phase)}, {"milliseconds", took.count()}});
}

/// `entry`: of BuildRecord::applied.
std::string told(const nlohmann::json& entry)
{
    const auto project = entry.value("project", nlohmann::json());
    std::string of = "global";
    if (project.is_string()) {
        const auto id = project.get<std::string>();
        of = id.empty() ? "of this service" : "of project " + id;
    }
    return "requirement " + entry.value("name", "") + ", revision " +
           std::to_string(entry.value("revision", 0)) + ", " + of + ": " + entry.value("reason", "");
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

nlohmann::json applied(const RequirementRevision& requirement, const std::string& reason)
{
    nlohmann::json entry = {{"name", requirement.name},
                            {"revision", requirement.revision},
                            {"project", nullptr},
                            {"reason", reason}};
    if (requirement.project)
        entry["project"] = *requirement.project;
    return entry;
}

/// Whether the one who wishes `wish` gets it from a build that does what `other` says.
bool same_wish(const std::optional<Publication>& other, const Publication& wish)
{
    return other && other->name == wish.name && other->visibility == wish.visibility &&
           (!wish.id_given || other->image_id == wish.image_id);
}

/// What its end means for its image in Glance, if it did not succeed.
void settle_publication(BuildRecord& build)
{
    if (!build.publish || build.state == BuildState::succeeded)
        return;
    if (build.publish->state == PublishState::publishing)
        build.publish->state = PublishState::removing;
    if (build.publish->state == PublishState::pending)
        build.publish->state = PublishState::failed;
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

BuildService::BuildService(BuildSettings settings, Pipeline pipeline, Publishing publishing,
                           BuildRepository& repository, ArtifactCatalog& artifacts,
                           RequirementService& requirements)
    : settings_(std::move(settings)), pipeline_(std::move(pipeline)), publishing_(std::move(publishing)),
      repository_(repository), artifacts_(artifacts), requirements_(requirements)
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
        settle_publication(build);
        if (auto done = repository_.finish(build); !done)
            return done;
    }
    std::vector<std::string> in_use;
    if (const auto waiting = repository_.in_state(BuildState::queued))
        for (const auto& build : *waiting)
            in_use.push_back(build.bundle);
    const auto heads = repository_.heads(Scope{"", true});  // of which the loop makes new images
    if (!heads)
        return tl::unexpected(heads.error());
    for (const auto& build : *heads)
        in_use.push_back(build.bundle);
    artifacts_.prune_bundles(bundle_age, in_use);
    if (publishing_.leftovers)
        publishing_.leftovers();
    return {};
}

/// What can be said of a submission before it is queued: all but its number and its id in the queue.
Result<BuildRecord> BuildService::prepare(Submission submission)
{
    const auto bundle = artifacts_.bundle(submission.bundle, Scope{submission.project, false});
    if (!bundle)
        return tl::unexpected(bundle.error());
    if (submission.spec.is_null()) {
        auto spec = bundle_spec(*bundle);
        if (!spec)
            return tl::unexpected(spec.error());
        submission.spec = std::move(*spec);
    }
    if (auto sealed = seal(submission); !sealed)
        return tl::unexpected(sealed.error());
    const auto stored =
        requirements_.select(submission.project, submission.spec, submission.requirement_names);
    if (!stored)
        return tl::unexpected(stored.error());
    BuildRecord build;
    for (const auto& [requirement, reason] : *stored) {
        submission.requirements.push_back(requirement.document);
        build.applied.push_back(applied(requirement, reason));
    }
    const BuildRequest request{submission.spec, submission.requirements, *bundle, submission.boot_check};
    const auto digest = pipeline_.digest(request, submission.bundle);
    if (!digest)
        return tl::unexpected(digest.error());
    build.id = submission.id.empty() ? new_id() : submission.id;
    build.project = std::move(submission.project);
    build.user = std::move(submission.user);
    build.request_id = std::move(submission.request_id);
    build.request_digest = *digest;
    build.bundle = std::move(submission.bundle);
    build.spec = std::move(submission.spec);
    build.requirements = std::move(submission.requirements);
    build.boot_check = submission.boot_check;
    build.publish = std::move(submission.publish);
    if (build.publish && build.publish->image_id.empty())
        build.publish->image_id = new_id();
    if (build.publish && build.publish->name.empty())
        build.publish->name = build.spec.value("name", "");
    return build;
}

bool BuildService::has_image(const BuildRecord& build)
{
    return !build.image.empty() && artifacts_.image(build.image, Scope{build.project, false}).has_value();
}

/// The project's latest build of the same request, if it is on its way or its image is still there. One
/// that is to be published anew gets that image instead, so that only the publishing is left to do.
Result<std::optional<BuildRecord>> BuildService::reusable(BuildRecord& wanted, bool of_the_loop)
{
    auto known = repository_.find_request(wanted.project, wanted.request_digest, wanted.boot_check);
    if (!known || !*known)
        return known;
    if (!has_ended((*known)->state))
        return !wanted.publish || same_wish((*known)->publish, *wanted.publish) ? std::move(known)
                                                                                : std::nullopt;
    if (!has_image(**known))
        return std::nullopt;
    if (!wanted.publish && !of_the_loop && (*known)->state == BuildState::succeeded)
        return known;
    wanted.image = (*known)->image;
    return std::nullopt;
}

/// Whether one more build of the project may wait. Where there are several projects, none gets all places.
Result<void> BuildService::check_queue(const std::string& project)
{
    const auto all = repository_.count(BuildState::queued);
    const auto own = repository_.count(BuildState::queued, project);
    if (!all || !own)
        return tl::unexpected(all ? own.error() : all.error());
    const auto share = project.empty() ? settings_.queue : (settings_.queue + 1) / 2;
    if (*all >= settings_.queue)
        return fail(FailureKind::unavailable, std::to_string(*all) + " builds wait already, the maximum is " +
                                                  std::to_string(settings_.queue) +
                                                  " (queue); try again when some have ended");
    if (*own >= share)
        return fail(FailureKind::unavailable,
                    std::to_string(*own) + " builds of this project wait already, the maximum is " +
                        std::to_string(share) + " (half of queue); try again when some have ended");
    return {};
}

/// For a submission of the loop: its build, if this is not the first time. Errors: conflict.
Result<std::optional<BuildRecord>> BuildService::submitted_before(const BuildRecord& wanted)
{
    auto known = repository_.find(wanted.id, Scope{"", true});
    if (!known || *known)
        return known;
    const auto name = wanted.spec.value("name", "");
    const auto under_way = repository_.under_way(wanted.project, name);
    if (!under_way)
        return tl::unexpected(under_way.error());
    if (*under_way)
        return fail(FailureKind::conflict, "a build of " + name + " waits or runs; it comes first");
    return known;
}

Result<BuildService::Submitted> BuildService::submit(Submission submission)
{
    if (draining_)
        return fail(FailureKind::unavailable, "the service is stopping; try again when it was started");
    if (auto space = artifacts_.check_space(); !space)
        return tl::unexpected(space.error());
    if (submission.publish && !can_publish())
        return fail(FailureKind::invalid, "publish: this service is not connected to Glance");
    const bool of_the_loop = !submission.id.empty();
    auto build = prepare(std::move(submission));
    if (!build)
        return tl::unexpected(build.error());

    const std::scoped_lock lock(queue_mutex_);
    if (of_the_loop) {
        auto before = submitted_before(*build);
        if (!before)
            return tl::unexpected(before.error());
        if (*before)
            return Submitted{std::move(**before), false};
    }
    auto known = reusable(*build, of_the_loop);
    if (!known)
        return tl::unexpected(known.error());
    if (*known)
        return Submitted{std::move(**known), false};
    if (auto place = check_queue(build->project); !place)
        return tl::unexpected(place.error());
    if (auto added = repository_.add(*build); !added)
        return tl::unexpected(added.error());
    if (auto pruned = repository_.prune(build->project, settings_.keep); !pruned)
        spdlog::error("{}", pruned.error().message);
    ++submitted_;
    queued_.notify_one();
    return Submitted{std::move(*build), true};
}

Result<BuildRecord> BuildService::find(const std::string& id, const Scope& scope)
{
    auto found = repository_.find(id, scope);
    if (!found)
        return tl::unexpected(found.error());
    if (!*found)
        return fail(FailureKind::not_found, "no build " + id + " is known here");
    return std::move(**found);
}

Result<std::vector<BuildRecord>> BuildService::list(const Scope& scope, const std::string& marker,
                                                    std::size_t limit)
{
    if (!marker.empty())
        if (const auto known = find(marker, scope); !known)
            return tl::unexpected(known.error());
    return repository_.list(scope, marker, limit);
}

Result<std::vector<BuildEvent>> BuildService::events(const BuildRecord& build, std::int64_t from,
                                                     std::size_t limit)
{
    return repository_.events(build, from, limit);
}

Result<void> BuildService::cancel(const std::string& id, const Scope& scope)
{
    const std::scoped_lock lock(queue_mutex_);
    auto build = find(id, scope);
    if (!build)
        return tl::unexpected(build.error());
    if (build->state == BuildState::running)
        running_.stop(id, StopReason::cancelled);
    if (build->state != BuildState::queued)
        return {};
    build->state = BuildState::cancelled;
    build->error = "cancelled before it began";
    settle_publication(*build);
    auto done = repository_.finish(*build);
    if (publishing_.leftovers)
        publishing_.leftovers();
    changes_.raise();
    if (ended_)
        ended_();
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
    const auto bundle = artifacts_.bundle(build.bundle, Scope{build.project, false});
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
    for (const auto& requirement : build.applied)
        observer.log(told(requirement));
    if (has_image(build)) {
        observer.log("image " + build.image + " is there already; it is not built again");
        build.state = BuildState::succeeded;
    } else {
        make_image(build, observer, stop);
    }
    if (build.state == BuildState::succeeded && build.publish)
        publish(build, observer, std::move(stop));
    conclude(build);
    std::error_code code;
    fs::remove_all(settings_.work / build.id, code);
}

void BuildService::make_image(BuildRecord& build, BuildObserver& observer, std::stop_token stop)
{
    const auto outcome = build_in(build, observer, std::move(stop));
    for (const auto& [phase, duration] : outcome.phases)
        build.phases.push_back(
            {{"phase", to_string(phase)}, {"milliseconds", static_cast<double>(duration.count()) / 1000.0}});
    build.objects_compiled = outcome.objects_compiled;
    build.objects_cached = outcome.objects_cached;
    build.state = outcome.state;
    build.error = outcome.error;
    if (outcome.state == BuildState::succeeded)
        keep_image(build, outcome, observer);
}

/// From how far it came and the reason it was stopped, if it was, to the stored end.
void BuildService::conclude(BuildRecord& build)
{
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
    const auto imported = artifacts_.import_image(outcome.image, build.project, build.id);
    add_phase(build, Phase::store, begun);
    if (!imported) {
        build.state = state_of(imported.error().kind);
        build.error = imported.error().message;
        return;
    }
    build.image = imported->image.digest;
}

void BuildService::publish(BuildRecord& build, BuildObserver& observer, std::stop_token stop)
{
    observer.phase(Phase::publish, "publishing the image in Glance");
    const auto begun = std::chrono::steady_clock::now();
    // Stored, so that only this is left to do if the service is killed from here on.
    Result<void> done = repository_.set_image(build);
    const auto image = artifacts_.image(build.image, Scope{build.project, false});
    if (!image)
        done = tl::unexpected(image.error());
    else if (!publishing_.publish)
        done = fail(FailureKind::unavailable, "this service is no longer connected to Glance");
    if (done)
        done = publishing_.publish(build, *image, observer, std::move(stop));
    add_phase(build, Phase::publish, begun);
    if (!done) {
        build.state =
            done.error().kind == FailureKind::cancelled ? BuildState::cancelled : BuildState::publish_failed;
        build.error = done.error().message;
    }
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
        build.error = "stopped " + where(build) + ": the disk is full below " + artifacts_.folder().string() +
                      "; delete images that are not needed or make room there";
        return;
    }
}

void BuildService::finish(BuildRecord& build)
{
    settle_publication(build);
    const auto first_line = build.error.substr(0, build.error.find('\n'));
    spdlog::info("build {}: {}{}{}", build.id, to_string(build.state), build.error.empty() ? "" : ": ",
                 first_line);
    // If that fails it stays `running`, and is tried again at the next start.
    if (auto done = repository_.finish(build); !done)
        spdlog::error("build {}: its end cannot be stored: {}", build.id, done.error().message);
    if (build.publish && build.publish->state == PublishState::removing && publishing_.leftovers)
        publishing_.leftovers();
    changes_.raise();
    if (ended_)
        ended_();
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
