// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/routes.hh"

namespace unikernel::api
{

std::vector<Route> routes(Context& context)
{
    using Handler = Response (*)(Context&, const Request&);
    const auto with = [&context](Handler handler) {
        return [&context, handler](const Request& request) { return handler(context, request); };
    };
    const std::vector<std::string_view> pages = {"marker", "limit", "all_projects"};
    const std::vector<std::string_view> rollouts = {"state", "marker", "limit", "all_projects"};
    const std::vector<std::string_view> deleted = {"holder", "project", "all_projects"};
    // clang-format off
    return {
        {"GET",    "/",                         "",                              Body::none,    {},            with(discover)},
        {"GET",    "/v1",                       "",                              Body::none,    {},            with(get_version)},
        {"GET",    "/v1/",                      "",                              Body::none,    {},            with(get_version)},
        {"GET",    "/healthcheck",              "",                              Body::none,    {},            with(healthcheck)},
        {"POST",   "/v1/bundles",               "unikernel:bundles:create",      Body::archive, {},            with(post_bundle)},
        {"GET",    "/v1/builds",                "unikernel:builds:list",         Body::none,    pages,         with(list_builds)},
        {"POST",   "/v1/builds",                "unikernel:builds:create",       Body::json,    {},            with(post_build)},
        {"GET",    "/v1/builds/{id}",           "unikernel:builds:get",          Body::none,    {},            with(get_build)},
        {"DELETE", "/v1/builds/{id}",           "unikernel:builds:cancel",       Body::none,    {},            with(delete_build)},
        {"GET",    "/v1/builds/{id}/events",    "unikernel:builds:get",          Body::none,    {"from"},      with(get_events)},
        {"POST",   "/v1/images",                "unikernel:images:create",       Body::image,   {"holder"},    with(post_image)},
        {"GET",    "/v1/images",                "unikernel:images:list",         Body::none,    pages,         with(list_images)},
        {"GET",    "/v1/images/{digest}",       "unikernel:images:get",          Body::none,    {},            with(get_image)},
        {"DELETE", "/v1/images/{digest}",       "unikernel:images:delete",       Body::none,    deleted,       with(delete_image)},
        {"GET",    "/v1/images/{digest}/file",  "unikernel:images:download",     Body::none,    {},            with(get_image_file)},
        {"GET",    "/v1/requirements",          "unikernel:requirements:list",   Body::none,    pages,         with(list_requirements)},
        {"POST",   "/v1/requirements",          "unikernel:requirements:create", Body::json,    {"dry_run"},   with(post_requirement)},
        {"GET",    "/v1/requirements/{name}",   "unikernel:requirements:get",    Body::none,    {"revisions", "domain"}, with(get_requirement)},
        {"PUT",    "/v1/requirements/{name}",   "unikernel:requirements:update", Body::json,    {"dry_run", "domain"}, with(put_requirement)},
        {"DELETE", "/v1/requirements/{name}",   "unikernel:requirements:delete", Body::none,    {"dry_run", "domain"}, with(delete_requirement)},
        {"GET",    "/v1/audit",                 "unikernel:requirements:audit",  Body::none,    {"at"},        with(get_audit)},
        {"GET",    "/v1/instances",             "unikernel:instances:list",      Body::none,    {},            with(list_instances)},
        {"POST",   "/v1/instances",             "unikernel:instances:create",    Body::json,    {},            with(post_instance)},
        {"GET",    "/v1/instances/{name}",      "unikernel:instances:get",       Body::none,    {},            with(get_instance)},
        {"PUT",    "/v1/instances/{name}",      "unikernel:instances:update",    Body::json,    {},            with(put_instance)},
        {"DELETE", "/v1/instances/{name}",      "unikernel:instances:delete",    Body::none,    {"now"},       with(delete_instance)},
        {"GET",    "/v1/instances/{name}/console", "unikernel:instances:get",    Body::none,    {},            with(get_instance_console)},
        {"GET",    "/v1/rollouts",              "unikernel:rollouts:list",       Body::none,    rollouts,      with(list_rollouts)},
        {"GET",    "/v1/rollouts/{id}",         "unikernel:rollouts:get",        Body::none,    {},            with(get_rollout)},
        {"POST",   "/v1/rollouts/{id}/action",  "unikernel:rollouts:act",        Body::json,    {},            with(act_on_rollout)},
        {"GET",    "/v1/compliance",            "unikernel:compliance:get",      Body::none,    {"all_projects"}, with(get_compliance)},
        {"GET",    "/v1/modules",               "unikernel:modules:list",        Body::none,    {},            with(list_modules)},
        {"GET",    "/v1/modules/{name}",        "unikernel:modules:get",         Body::none,    {},            with(get_module)},
        {"GET",    "/v1/repositories",          "unikernel:repositories:list",   Body::none,    {},            with(list_repositories)},
        {"GET",    "/v1/platforms",             "unikernel:platforms:list",      Body::none,    {},            with(list_platforms)},
    };
    // clang-format on
}

}  // namespace unikernel::api
