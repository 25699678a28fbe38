// SPDX-License-Identifier: Apache-2.0
#include "builder_service/builds/build_record.hh"

#include "builder_service/database/timestamp.hh"
#include "common/util/time.hh"

namespace unikernel
{

bool has_ended(BuildState state)
{
    return state != BuildState::queued && state != BuildState::running;
}

std::chrono::sys_seconds submitted_at(const BuildRecord& build)
{
    return parse_rfc3339(build.created).value_or(std::chrono::sys_seconds{});
}

std::optional<std::chrono::sys_seconds> expiry_of(const BuildRecord& build)
{
    const auto time = parse_rfc3339(build.not_after);
    return time ? std::optional(*time) : std::nullopt;
}

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

nlohmann::json to_json(const BuildRecord& build)
{
    nlohmann::json json = {
        {"id", build.id},
        {"state", to_string(build.state)},
        {"created", build.created},
        {"updated", build.updated},
        {"name", build.spec.is_object() ? build.spec.value("name", nlohmann::json("")) : ""},
        {"bundle", build.bundle},
        {"request_digest", build.request_digest},
        {"boot_check", build.boot_check},
        {"project", build.project},
        {"user", build.user},
        {"origin", build.origin},
        {"not_after", build.not_after.empty() ? nlohmann::json() : nlohmann::json(build.not_after)},
        {"requirements", build.applied},
        {"phase", build.phase},
        {"phases", build.phases},
        {"attempts", build.attempts},
        {"objects", {{"compiled", build.objects_compiled}, {"cached", build.objects_cached}}}};
    if (!build.error.empty())
        json["error"] = build.error;
    if (!build.image.empty())
        json["image"] = build.image;
    if (build.publish)
        json["publish"] = to_json(*build.publish);
    return json;
}

nlohmann::json to_json(const BuildEvent& event)
{
    nlohmann::json json = {{"n", event.n},
                           {"time", event.time},
                           {"phase", event.phase},
                           {"kind", event.kind},
                           {"text", event.text}};
    if (!event.state.empty())
        json["state"] = event.state;
    if (!event.image.empty())
        json["image"] = event.image;
    if (!event.error.empty())
        json["error"] = event.error;
    return json;
}

}  // namespace unikernel
