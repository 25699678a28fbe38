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
    constexpr auto anyone = Access::anyone;
    // clang-format off
    return {
        {"GET",    "/",                         anyone, Body::none,    {},                  with(discover)},
        {"GET",    "/healthcheck",              anyone, Body::none,    {},                  with(healthcheck)},
        {"POST",   "/v1/bundles",               anyone, Body::archive, {},                  with(post_bundle)},
        {"GET",    "/v1/builds",                anyone, Body::none,    {"marker", "limit"}, with(list_builds)},
        {"POST",   "/v1/builds",                anyone, Body::json,    {},                  with(post_build)},
        {"GET",    "/v1/builds/{id}",           anyone, Body::none,    {},                  with(get_build)},
        {"DELETE", "/v1/builds/{id}",           anyone, Body::none,    {},                  with(delete_build)},
        {"GET",    "/v1/builds/{id}/events",    anyone, Body::none,    {"from"},            with(get_events)},
        {"GET",    "/v1/images",                anyone, Body::none,    {"marker", "limit"}, with(list_images)},
        {"GET",    "/v1/images/{digest}",       anyone, Body::none,    {},                  with(get_image)},
        {"DELETE", "/v1/images/{digest}",       anyone, Body::none,    {},                  with(delete_image)},
        {"GET",    "/v1/images/{digest}/file",  anyone, Body::none,    {},                  with(get_image_file)},
        {"GET",    "/v1/modules",               anyone, Body::none,    {},                  with(list_modules)},
        {"GET",    "/v1/modules/{name}",        anyone, Body::none,    {},                  with(get_module)},
        {"GET",    "/v1/platforms",             anyone, Body::none,    {},                  with(list_platforms)},
    };
    // clang-format on
}

}  // namespace unikernel::api
