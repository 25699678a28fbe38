// SPDX-License-Identifier: Apache-2.0
#include "builder_service/builds/build_record.hh"

namespace unikernel
{

bool has_ended(BuildState state)
{
    return state != BuildState::queued && state != BuildState::running;
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
