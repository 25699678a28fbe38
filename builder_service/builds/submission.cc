// SPDX-License-Identifier: Apache-2.0
// How a build comes into the queue.
#include <spdlog/spdlog.h>

#include "builder_service/builds/build_service.hh"
#include "builder_service/builds/new_id.hh"
#include "builder_service/database/timestamp.hh"
#include "common/model/secret.hh"
#include "common/util/time.hh"

namespace unikernel
{

namespace
{

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
                            {"domain", nullptr},
                            {"reason", reason}};
    if (requirement.project)
        entry["project"] = *requirement.project;
    else if (!requirement.domain.empty())
        entry["domain"] = requirement.domain;
    return entry;
}

/// Whether a build does, in what it says of the end of its image, for one who wants `wanted`, which is the
/// same request apart from that: the image does not live longer, and has at least half of its time before it.
bool lives_long_enough(const BuildRecord& known, const BuildRecord& wanted, std::chrono::sys_seconds now)
{
    const auto has = expiry_of(known);
    const auto would_have = expiry_of(wanted);
    if (!would_have)
        return true;  // an end that the specification itself sets is part of the request
    return has && *has <= *would_have && *has - now >= (*would_have - now) / 2;
}

/// Whether the one who wishes `wish` gets it from a build that does what `other` says.
bool same_wish(const std::optional<Publication>& other, const Publication& wish)
{
    return other && other->name == wish.name && other->visibility == wish.visibility &&
           (!wish.id_given || other->image_id == wish.image_id);
}

}  // namespace

/// What can be said of a submission before it is queued: all but its number and its id in the queue.
Result<BuildService::Prepared> BuildService::prepare(Submission submission)
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
    Prepared prepared;
    auto& build = prepared.build;
    build.created = timestamp();
    const auto now = submitted_at(build);
    auto stored = requirements_.select(submission.project, submission.domain, submission.spec,
                                       submission.requirement_names, now);
    if (!stored)
        return tl::unexpected(stored.error());
    for (const auto& [requirement, reason] : stored->selected) {
        submission.requirements.push_back(requirement.document);
        build.applied.push_back(applied(requirement, reason));
    }
    auto holding = in_force(submission.spec, submission.requirements, now);
    if (!holding)
        return tl::unexpected(holding.error());
    prepared.left_out = std::move(holding->left_out);
    prepared.left_out.insert(prepared.left_out.end(), stored->left_out.begin(), stored->left_out.end());
    BuildRequest request{submission.spec, std::move(holding->requirements), *bundle, submission.boot_check};
    if (holding->validity)
        request.not_after = now + *holding->validity;
    const auto digest = pipeline_.digest(request, submission.bundle);
    if (!digest)
        return tl::unexpected(digest.error());
    build.id = submission.id.empty() ? new_id() : std::move(submission.id);
    build.project = std::move(submission.project);
    build.domain = std::move(submission.domain);
    build.user = std::move(submission.user);
    build.request_id = std::move(submission.request_id);
    build.origin = std::move(submission.origin);
    build.not_after = request.not_after ? to_rfc3339(*request.not_after) : "";
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
    return prepared;
}

/// The project's latest build of the same request, if it is on its way or its image is still there. One
/// that is to be published anew gets that image instead, so that only the publishing is left to do.
Result<std::optional<BuildRecord>> BuildService::reusable(BuildRecord& wanted, bool of_the_loop)
{
    auto known = repository_.find_request(wanted.project, wanted.request_digest, wanted.boot_check);
    if (!known || !*known)
        return known;
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    if (!lives_long_enough(**known, wanted, now))
        return std::nullopt;
    if (!has_ended((*known)->state) && of_the_loop)
        return std::nullopt;  // it comes first, as storing this one will say
    if (!has_ended((*known)->state))
        return !wanted.publish || same_wish((*known)->publish, *wanted.publish) ? std::move(known)
                                                                                : std::nullopt;
    if (!has_image(**known))
        return std::nullopt;
    if (!wanted.publish && !of_the_loop && (*known)->state == BuildState::succeeded)
        return known;
    wanted.image = (*known)->image;
    wanted.not_after = (*known)->not_after;
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

Result<BuildService::Submitted> BuildService::submit(Submission submission)
{
    if (draining_)
        return fail(FailureKind::unavailable, "the service is stopping; try again when it was started");
    if (auto space = artifacts_.check_space(); !space)
        return tl::unexpected(space.error());
    if (submission.publish && !can_publish())
        return fail(FailureKind::invalid, "publish: this service is not connected to Glance");
    const bool of_the_loop = !submission.id.empty();
    auto prepared = prepare(std::move(submission));
    if (!prepared)
        return tl::unexpected(prepared.error());
    auto& build = prepared->build;

    const std::scoped_lock lock(queue_mutex_);
    if (of_the_loop) {
        auto before = repository_.find(build.id, Scope{"", true});
        if (!before)
            return tl::unexpected(before.error());
        if (*before)
            return Submitted{std::move(**before), false};
    }
    auto known = reusable(build, of_the_loop);
    if (!known)
        return tl::unexpected(known.error());
    if (*known)
        return Submitted{std::move(**known), false};
    if (auto place = check_queue(build.project); !place)
        return tl::unexpected(place.error());
    std::vector<BuildEvent> events;
    for (auto& text : prepared->left_out)
        events.push_back(warning_event(build, std::move(text)));
    if (auto added = repository_.add(build, events, of_the_loop); !added)
        return tl::unexpected(added.error());
    if (auto pruned = repository_.prune(build.project, settings_.keep); !pruned)
        spdlog::error("{}", pruned.error().message);
    ++submitted_;
    queued_.notify_one();
    return Submitted{std::move(build), true};
}

}  // namespace unikernel
