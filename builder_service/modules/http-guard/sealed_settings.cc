// SPDX-License-Identifier: Apache-2.0
#include "sealed_policy.hh"
#include "settings.hh"

#include "config.gen.hh"

/// The module's options as constants of the image. Alone in a file, which is compiled anew for each change of
/// one.
namespace u0::http_guard
{

namespace
{

namespace cfg = u0::cfg::http_guard;

constexpr auto credentials = seal_credentials(cfg::credentials);
constexpr auto resources = seal_resources(cfg::resources, cfg::credentials);

}  // namespace

constinit const Settings sealed_settings{
    .policy = {.unlisted_allowed = cfg::unlisted == cfg::T_unlisted::allow,
               .credentials = credentials,
               .resources = resources},
    .realm = cfg::realm,
    .head_limit = static_cast<std::size_t>(cfg::head_limit),
    .head_timeout_ns = static_cast<std::uint64_t>(cfg::head_timeout) * 1'000'000'000,
    .body_limit = static_cast<std::uint64_t>(cfg::body_limit),
    .reuse_after_body = cfg::reuse_after_body,
    .ports = cfg::ports,
    .audit = cfg::audit,
};

}  // namespace u0::http_guard
