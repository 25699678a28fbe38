// SPDX-License-Identifier: Apache-2.0
// What is about the service itself: discovery, health, platforms; and what handlers share.
#include <algorithm>

#include "builder_service/api/errors.hh"
#include "builder_service/api/handlers.hh"
#include "builder_service/api/limits.hh"
#include "builder_service/api/microversion.hh"
#include "common/decode/document.hh"

namespace unikernel::api
{

namespace fs = std::filesystem;

Result<nlohmann::json> json_body(const Request& request)
{
    std::string text(static_cast<std::size_t>(request.body_bytes), '\0');
    std::size_t filled = 0;
    while (filled < text.size()) {
        const auto got = request.body->read(std::as_writable_bytes(std::span(text).subspan(filled)));
        if (!got)
            return tl::unexpected(got.error());
        if (*got == 0)
            return fail(FailureKind::unavailable, "the client went away before the end of its body");
        filled += *got;
    }
    return decode_json(text, "body", {.bytes = limits::json_bytes, .depth = limits::json_depth});
}

std::string public_base(const Context& context, const Request& request)
{
    if (!context.public_url.empty())
        return context.public_url;
    const auto host = request.header("Host");  // checked by the gate
    return host.empty() ? std::string() : "http://" + std::string(host);
}

namespace
{

nlohmann::json version(const Context& context, const Request& request)
{
    return {{"id", "v1.0"},
            {"status", "CURRENT"},
            {"min_version", api_version},
            {"max_version", api_version},
            {"version", api_version},
            {"updated", "2026-11-24T00:00:00Z"},
            {"links",
             nlohmann::json::array({{{"rel", "self"}, {"href", public_base(context, request) + "/v1/"}}})}};
}

}  // namespace

Response discover(Context& context, const Request& request)
{
    return json_response(300, {{"versions", nlohmann::json::array({version(context, request)})}});
}

Response get_version(Context& context, const Request& request)
{
    return json_response(200, {{"version", version(context, request)}});
}

Response healthcheck(Context& context, const Request&)
{
    if (context.builds.draining())
        return error(503, "health.draining", "the service is stopping");
    if (const auto space = context.artifacts.check_space(); !space)
        return error(503, "health.disk-full", space.error().message);
    if (const auto answers = context.database.check(); !answers)
        return error(503, "health.database", answers.error().message);
    return json_response(200, {{"status", "ok"}, {"database", context.database.engine()}});
}

namespace
{

std::vector<std::string> folder_names(const fs::path& folder, const char* containing)
{
    std::vector<std::string> names;
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(folder, code))
        if (fs::is_regular_file(entry.path() / containing, code))
            names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace

Response list_platforms(Context& context, const Request&)
{
    auto checks = nlohmann::json::array({"seal", "elf", "note"});
    if (context.boots_images)
        checks.push_back("boot");
    auto platforms = nlohmann::json::array();
    for (const auto& name : folder_names(context.platforms, "platform.yaml")) {
        const auto manifest = decode_file(context.platforms / name / "platform.yaml");
        if (!manifest || !manifest->is_object())
            return error(500, "platform.manifest",
                         manifest ? "platform.yaml of " + name + " is not a mapping"
                                  : manifest.error().message);
        platforms.push_back(
            {{"name", name},
             {"version", manifest->value("version", nlohmann::json(""))},
             {"architectures", {"x86_64"}},
             {"accelerators", context.accelerators ? context.accelerators() : std::vector<std::string>{}},
             {"checks", checks}});
    }
    return json_response(200, {{"platforms", platforms}});
}

}  // namespace unikernel::api
