// SPDX-License-Identifier: Apache-2.0
#include "builder_service/builds/build_service.hh"

#include <spdlog/spdlog.h>

#include "builder_service/database/timestamp.hh"

namespace unikernel
{

namespace fs = std::filesystem;

namespace
{

constexpr auto bundle_age = std::chrono::hours(24 * 7);        // bundles nobody needs are kept so long
constexpr auto away_pause = std::chrono::milliseconds(500);    // between two tries while the database is away
constexpr auto watch_pause = std::chrono::milliseconds(1000);  // between two looks at what others ask for
constexpr auto idle_pause = std::chrono::milliseconds(5000);

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
    RequirementScope scope;
    if (const auto project = entry.find("project"); project != entry.end() && project->is_string())
        scope.project = project->get<std::string>();
    if (const auto domain = entry.find("domain"); domain != entry.end() && domain->is_string())
        scope.domain = domain->get<std::string>();
    return "requirement " + entry.value("name", "") + ", revision " +
           std::to_string(entry.value("revision", 0)) + ", " + to_text(scope) + ": " +
           entry.value("reason", "");
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

/// Until it works or the build is stopped: with the database away there is nothing wrong with the build.
template <typename Attempt>
auto patiently(const std::stop_token& stop, Attempt attempt)
{
    auto result = attempt();
    while (!result && result.error().kind == FailureKind::unavailable && !stop.stop_requested()) {
        std::this_thread::sleep_for(away_pause);
        result = attempt();
    }
    return result;
}

/// Of what the database does not take: nothing is wrong with the build, whose end waits.
bool is_temporary(const Failure& failure)
{
    return failure.kind == FailureKind::unavailable || failure.kind == FailureKind::no_space;
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

Result<void> BuildService::start(BuilderWatch* watch)
{
    watch_ = watch;
    std::error_code code;
    fs::remove_all(settings_.work, code);
    fs::create_directories(settings_.work, code);
    if (code)
        return fail(FailureKind::internal, settings_.work.string() + ": " + code.message());
    if (auto recovered = recover(); !recovered)
        return recovered;
    if (watch_ != nullptr) {
        if (auto seen = watch_->look(); !seen)
            return tl::unexpected(seen.error());
    }
    workers_.emplace_back([this](const std::stop_token& stop) { keep_house(stop); });
    for (unsigned n = 0; n < settings_.workers; ++n)
        workers_.emplace_back([this](const std::stop_token& stop) { work(stop); });
    return {};
}

/// One that ran when its builder ended. Errors: conflict, when another builder was faster.
Result<void> BuildService::begin_again(BuildRecord build, const std::string& what_happened)
{
    const auto stopped = what_happened + " " + where(build);
    if (build.attempts < settings_.attempts) {
        const auto text = stopped + "; it was started again automatically";
        spdlog::warn("build {}: {}", build.id, text);
        return repository_.requeue(build, build.attempts, warning_event(build, text));
    }
    build.state = BuildState::failed;
    build.error = stopped + ", and " + std::to_string(build.attempts) +
                  " attempts ended so; it was not started again. Submit it again if the cause is gone";
    spdlog::error("build {}: {}", build.id, build.error);
    settle_publication(build);
    return repository_.finish(build);
}

/// Builds that ran when the last process ended.
Result<void> BuildService::recover()
{
    const auto interrupted = repository_.running_at(settings_.builder);
    if (!interrupted)
        return tl::unexpected(interrupted.error());
    for (const auto& build : *interrupted)
        if (auto done = begin_again(build, "the service was stopped");
            !done && done.error().kind != FailureKind::conflict)
            return done;
    prune_bundles();
    if (publishing_.leftovers)
        publishing_.leftovers();
    return {};
}

void BuildService::prune_bundles()
{
    if (const auto needed = repository_.needed_bundles())
        artifacts_.prune_bundles(bundle_age, *needed);
    else
        spdlog::warn("old bundles are kept: {}", needed.error().message);
}

/// Beside the workers: removes what is old, and looks at the other builders, if there may be any.
void BuildService::keep_house(const std::stop_token& stop)
{
    using Clock = std::chrono::steady_clock;
    std::mutex mutex;
    std::condition_variable_any never;
    auto pause = settings_.prune_interval;
    if (watch_ != nullptr)
        pause = std::min<std::chrono::milliseconds>(watch_pause, watch_->lease() / 4);
    auto next_look = Clock::now();
    auto next_prune = Clock::now() + settings_.prune_interval;
    while (!stop.stop_requested()) {
        if (watch_ != nullptr)
            keep_watch(next_look);
        if (Clock::now() >= next_prune) {
            prune_bundles();
            next_prune = Clock::now() + settings_.prune_interval;
        }
        std::unique_lock lock(mutex);
        never.wait_for(lock, stop, pause, [] { return false; });
    }
}

/// Keeps this builder alive in the eyes of the others, and does here what was asked for there.
void BuildService::keep_watch(std::chrono::steady_clock::time_point& next_look)
{
    if (const auto runs = repository_.to_be_stopped(settings_.builder))
        for (const auto& run : *runs)
            running_.stop(run, StopReason::cancelled);
    if (std::chrono::steady_clock::now() < next_look)
        return;
    if (const auto silent = watch_->look())
        for (const auto& builder : *silent)
            take_over(builder);
    next_look = std::chrono::steady_clock::now() + watch_->lease() / 4;
}

void BuildService::take_over(const std::string& builder)
{
    const auto left = repository_.running_at(builder);
    if (!left)
        return;
    for (const auto& build : *left)
        if (auto done = begin_again(build, "builder " + builder + " was not heard of any more");
            !done && done.error().kind != FailureKind::conflict) {
            spdlog::warn("build {}: {}", build.id, done.error().message);
            return;
        }
    watch_->forget(builder);
    if (!left->empty()) {
        const std::scoped_lock lock(queue_mutex_);
        ++submitted_;
        queued_.notify_all();
    }
}

bool BuildService::has_image(const BuildRecord& build)
{
    return !build.image.empty() && artifacts_.image(build.image, Scope{build.project, false}).has_value();
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
    for (;;) {
        auto build = find(id, scope);
        if (!build)
            return tl::unexpected(build.error());
        if (build->state == BuildState::running && !running_.stop(build->run(), StopReason::cancelled))
            return repository_.ask_to_stop(*build);
        if (build->state != BuildState::queued)
            return {};
        build->state = BuildState::cancelled;
        build->error = "cancelled before it began";
        settle_publication(*build);
        auto done = repository_.finish(*build);
        if (!done && done.error().kind == FailureKind::conflict)
            continue;  // another builder has just begun it
        if (publishing_.leftovers)
            publishing_.leftovers();
        changes_.raise();
        if (ended_)
            ended_();
        return done;
    }
}

void BuildService::work(const std::stop_token& stop)
{
    while (!stop.stop_requested()) {
        std::unique_lock lock(queue_mutex_);
        auto build = draining_ ? Result<std::optional<BuildRecord>>{} : repository_.claim(settings_.builder);
        if (!build)
            spdlog::error("{}", build.error().message);
        if (!build || !*build) {
            // Nobody notifies us of what another builder queued, nor of the recovery of a failing database.
            queued_.wait_for(lock, stop, watch_ != nullptr ? watch_pause : idle_pause,
                             [this, seen = submitted_] { return submitted_ != seen; });
            continue;
        }
        const auto token = running_.begin((*build)->run(), settings_.time_limit);
        lock.unlock();
        run(std::move(**build), token, stop);
    }
}

BuildOutcome BuildService::build_in(const BuildRecord& build, BuildObserver& observer, std::stop_token stop)
{
    BuildOutcome outcome;
    const auto bundle = patiently(stop, [&] {
        return artifacts_.bundle(build.bundle, Scope{build.project, false});
    });
    if (!bundle) {
        outcome.error = bundle.error().message;
        return outcome;
    }
    const auto work = work_folder(build);
    std::error_code code;
    fs::create_directories(work, code);
    if (code) {
        const auto failure = system_failure(work.string(), code.value());
        outcome.state = state_of(failure.kind);
        outcome.error = failure.message;
        return outcome;
    }
    BuildRequest request{build.spec, {}, *bundle, build.boot_check, expiry_of(build)};
    try {
        auto holding = in_force(build.spec, build.requirements, submitted_at(build));
        if (holding)
            request.requirements = std::move(holding->requirements);
        else  // what is wrong with them, the pipeline says
            request.requirements.assign(build.requirements.begin(), build.requirements.end());
        return pipeline_.build(request, work, observer, std::move(stop));
    } catch (const std::exception& problem) {  // it promised not to; one bug must not end the service
        outcome.error = std::string("a bug of the builder: ") + problem.what();
        return outcome;
    }
}

fs::path BuildService::work_folder(const BuildRecord& build) const
{
    return settings_.work / (build.id + "." + std::to_string(build.epoch));
}

/// `ending`: of the service.
void BuildService::run(BuildRecord build, std::stop_token stop, const std::stop_token& ending)
{
    spdlog::info("build {}: begins, attempt {}", build.id, build.attempts);
    changes_.raise();
    RecordingObserver observer(
        repository_, build, settings_.log_limit,
        [this, run = build.run()](StopReason reason) { running_.stop(run, reason); },
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
    std::error_code code;
    fs::remove_all(work_folder(build), code);
    for (bool told = false; !observer.store_rest() || !conclude(build, told); told = true) {
        if (ending.stop_requested())
            break;  // it is begun again at the next start
        std::this_thread::sleep_for(away_pause);
    }
    running_.end(build.run());
}

void BuildService::make_image(BuildRecord& build, BuildObserver& observer, const std::stop_token& stop)
{
    const auto outcome = build_in(build, observer, stop);
    for (const auto& [phase, duration] : outcome.phases)
        build.phases.push_back(
            {{"phase", to_string(phase)}, {"milliseconds", static_cast<double>(duration.count()) / 1000.0}});
    build.objects_compiled = outcome.objects_compiled;
    build.objects_cached = outcome.objects_cached;
    build.state = outcome.state;
    build.error = outcome.error;
    if (outcome.state == BuildState::succeeded)
        keep_image(build, outcome, observer, stop);
}

/// From how far it came and the reason it was stopped, if it was, to the stored end. As `finish`.
bool BuildService::conclude(BuildRecord& build, bool told)
{
    const std::scoped_lock lock(queue_mutex_);  // from here on a cancellation comes too late
    const auto reason = running_.reason(build.run());
    if (build.state != BuildState::succeeded && reason == StopReason::shutdown) {
        const auto text = "the service was stopped " + where(build) + "; it was started again automatically";
        if (auto done = repository_.requeue(build, build.attempts - 1, warning_event(build, text)); !done)
            spdlog::error("build {}: {}", build.id, done.error().message);
        return true;
    }
    if (build.state != BuildState::succeeded)
        explain_stop(build, reason);
    return finish(build, told);
}

void BuildService::keep_image(BuildRecord& build, const BuildOutcome& outcome, BuildObserver& observer,
                              const std::stop_token& stop)
{
    observer.phase(Phase::store, "storing the image by its digest");
    const auto begun = std::chrono::steady_clock::now();
    const auto imported =
        patiently(stop, [&] { return artifacts_.import_image(outcome.image, build.project, build.id); });
    add_phase(build, Phase::store, begun);
    if (!imported) {
        build.state = state_of(imported.error().kind);
        build.error = imported.error().message;
        return;
    }
    build.image = imported->image.digest;
    // The image may end earlier than the requirements ask for, by what its specification says.
    if (outcome.description.contains("not_after"))
        build.not_after = outcome.description["not_after"].get<std::string>();
}

void BuildService::publish(BuildRecord& build, BuildObserver& observer, std::stop_token stop)
{
    observer.phase(Phase::publish, "publishing the image in Glance");
    const auto begun = std::chrono::steady_clock::now();
    // Stored, so that only this is left to do if the service is killed from here on.
    Result<void> done = patiently(stop, [&] { return repository_.set_image(build); });
    const auto image = patiently(stop, [&] {
        return artifacts_.image(build.image, Scope{build.project, false});
    });
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
    case StopReason::taken_over:
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

/// False: the database is away, or its disk is full, which is said unless it was `told`.
bool BuildService::finish(BuildRecord& build, bool told)
{
    settle_publication(build);
    const auto done = repository_.finish(build);
    if (!done && is_temporary(done.error())) {
        if (!told)
            spdlog::error("build {}: its end is stored when that is possible again: {}", build.id,
                          done.error().message);
        return false;
    }
    if (!done && done.error().kind == FailureKind::conflict) {
        spdlog::warn("{}; what it does here is of no effect", done.error().message);
        return true;
    }
    const auto first_line = build.error.substr(0, build.error.find('\n'));
    spdlog::info("build {}: {}{}{}", build.id, to_string(build.state), build.error.empty() ? "" : ": ",
                 first_line);
    // If that failed it stays `running`, and is tried again at the next start.
    if (!done)
        spdlog::error("build {}: its end cannot be stored: {}", build.id, done.error().message);
    if (build.publish && build.publish->state == PublishState::removing && publishing_.leftovers)
        publishing_.leftovers();
    changes_.raise();
    if (ended_)
        ended_();
    return true;
}

/// Afterwards every build that a worker has claimed is among the running ones, so that idle() knows of it.
void BuildService::refuse_new()
{
    const std::scoped_lock lock(queue_mutex_);
    draining_ = true;
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
