// SPDX-License-Identifier: Apache-2.0
// The image of a rollout, and its end. Its servers: rollout_servers.cc.
#include "builder_service/reconcile/rollout_driver.hh"

#include <spdlog/spdlog.h>

#include "builder_service/builds/new_id.hh"

namespace unikernel
{

namespace
{

constexpr const char* no_leader = "another builder leads now";

Scope everything()
{
    return {"", true};
}

bool of_another_head(const Rollout& rollout, const Line& line)
{
    return line.head.id != rollout.from_build && line.head.id != rollout.build;
}

}  // namespace

/// Before whatever others would see of this builder.
Result<void> RolloutDriver::lead()
{
    const auto leads = parts_.lease.keep();
    if (!leads)
        return tl::unexpected(leads.error());
    return *leads ? Result<void>{} : fail(FailureKind::conflict, no_leader);
}

std::string RolloutDriver::target(const Rollout& rollout) const
{
    return parts_.settings.images_in_glance ? rollout.image_id : rollout.image;
}

std::optional<std::string> RolloutDriver::superseded(const Rollout& rollout, const World& world) const
{
    const auto* line = world.line({rollout.project, rollout.name});
    if (line == nullptr)
        return "its builds are gone";
    if (!line->wish)
        return std::nullopt;  // nobody knows; it goes on
    const auto& plan = line->wish->plan_digest;
    if (!plan)
        return "what is wanted now cannot be made: " + plan.error().why;
    if (*plan != rollout.plan_digest)
        return "the requirements have changed; what is wanted now is another image";
    if (of_another_head(rollout, *line))
        return "build " + line->head.id + " is newer";
    return std::nullopt;
}

Result<RolloutDriver::Next> RolloutDriver::advance(Rollout& rollout, World& world,
                                                   const std::stop_token& stop)
{
    if (rollout.image.empty()) {
        auto next = build(rollout, world);
        if (!next || rollout.image.empty() || has_ended(rollout.state))
            return next;
    }
    return replace(rollout, world, stop);
}

Result<void> RolloutDriver::wait(Rollout& rollout, RolloutState state, const std::string& reason)
{
    if (rollout.state == state && rollout.reason == reason)
        return {};
    rollout.state = state;
    rollout.reason = reason;
    return parts_.rollouts.store(parts_.lease, rollout);
}

Result<void> RolloutDriver::finish(Rollout& rollout, RolloutState state, const std::string& reason,
                                   bool until_changed)
{
    std::optional<BackOff> next;
    if (state == RolloutState::failed || state == RolloutState::aborted) {
        const auto last = parts_.rollouts.find_back_off(rollout.project, rollout.name);
        if (!last)
            return tl::unexpected(last.error());
        next = BackOff{.request = rollout.request, .reason = reason};
        next->failures = *last && (*last)->request == rollout.request ? (*last)->failures + 1 : 1;
        next->next_try = parts_.clock.wall_ms() + back_off(next->failures).count();
        next->until_changed = until_changed || state == RolloutState::aborted;
    }
    rollout.state = state;
    rollout.reason = reason;
    if (auto stored = parts_.rollouts.finish(parts_.lease, rollout, next); !stored)
        return stored;
    watch_.forget_all(rollout.id);
    spdlog::info("rollout {} of {}: {}: {}", rollout.id, rollout.name, to_string(state), reason);
    return {};
}

/// As long as there is no image.
Result<RolloutDriver::Next> RolloutDriver::build(Rollout& rollout, World& world)
{
    const auto idle = [](Result<void> done) { return done.map([] { return Next::idle; }); };
    const auto found = parts_.builds.find(rollout.build, everything());
    if (!found)
        return tl::unexpected(found.error());
    const auto changed = superseded(rollout, world);
    if (rollout.order == Order::abort || changed) {
        if (*found && !has_ended((*found)->state))
            if (auto cancelled = parts_.ports.cancel(rollout.build); !cancelled)
                return tl::unexpected(cancelled.error());
        if (rollout.plan_digest.empty())  // never possible
            return idle(finish(rollout, RolloutState::failed, changed.value_or("aborted by a person"), true));
        return idle(changed ? finish(rollout, RolloutState::superseded, *changed)
                            : finish(rollout, RolloutState::aborted,
                                     "aborted by a person before its image was there"));
    }
    if (!*found) {
        if (rollout.order == Order::pause)
            return idle(wait(rollout, RolloutState::paused, "paused by a person"));
        return idle(submit(rollout, world));
    }
    const auto& record = **found;
    if (!has_ended(record.state))
        return idle(wait(rollout,
                         rollout.order == Order::pause ? RolloutState::paused : RolloutState::building,
                         "build " + record.id + " is " + std::string(to_string(record.state))));
    if (record.state != BuildState::succeeded)
        return idle(finish(rollout, RolloutState::failed,
                           "build " + record.id + " ended " + std::string(to_string(record.state)) + ": " +
                               record.error));
    return take_image(rollout, record);
}

Result<void> RolloutDriver::submit(Rollout& rollout, World& world)
{
    const auto* line = world.line({rollout.project, rollout.name});
    if (line == nullptr || !line->wish)
        return wait(rollout, RolloutState::building, "it is not known now what is wanted");
    if (world.places == 0)
        return wait(rollout, RolloutState::building,
                    "waits: the loop makes " + std::to_string(parts_.settings.builds) +
                        " builds at once ([reconcile] builds)");
    if (auto leads = lead(); !leads)
        return leads;
    const auto& head = line->head;
    BuildService::Submission wanted{.bundle = head.bundle,
                                    .spec = head.spec,
                                    .requirements = inline_requirements(head),
                                    .requirement_names = {},
                                    .boot_check = head.boot_check};
    wanted.id = rollout.build;
    wanted.project = head.project;
    wanted.domain = head.domain;
    wanted.origin = "reconcile";
    wanted.user = head.user;
    wanted.request_id = "req-" + rollout.id;
    if (head.publish) {
        wanted.publish.emplace();
        wanted.publish->name = head.publish->name;
        wanted.publish->visibility = head.publish->visibility;
    }
    const auto submitted = parts_.ports.submit(std::move(wanted));
    if (submitted) {
        --world.places;
        spdlog::info("rollout {} of {}: build {}", rollout.id, rollout.name, rollout.build);
        return wait(rollout, RolloutState::building,
                    "build " + rollout.build + " is " + std::string(to_string(submitted->build.state)));
    }
    const auto& why = submitted.error();
    switch (why.kind) {
    case FailureKind::conflict:  // its author builds it right now
    case FailureKind::unavailable:
    case FailureKind::no_space:
    case FailureKind::internal:
        return wait(rollout, RolloutState::building, why.message);
    default:
        return finish(rollout, RolloutState::failed, why.message);
    }
}

Result<RolloutDriver::Next> RolloutDriver::take_image(Rollout& rollout, const BuildRecord& build)
{
    const auto image = parts_.images.of_build(build.id);
    if (!image)
        return tl::unexpected(image.error());
    if (!*image)
        return Next::look;
    if ((*image)->plan_digest != rollout.plan_digest)
        return finish(rollout, RolloutState::superseded,
                      "the requirements changed before its build began; that made another image")
            .map([] { return Next::look; });
    rollout.image = build.image;
    rollout.image_id = build.publish ? build.publish->image_id : "";
    rollout.state = RolloutState::replacing;
    rollout.reason = "its image is there";
    return parts_.rollouts.store(parts_.lease, rollout).map([] { return Next::soon; });
}

}  // namespace unikernel
