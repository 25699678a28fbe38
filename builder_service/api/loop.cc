// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/loop.hh"

namespace unikernel::api
{

namespace
{

Lines::Ports line_ports(const Loop::Parts& parts)
{
    return {.plan = parts.plan,
            .note =
                [&artifacts = parts.artifacts](const BuildRecord& build) {
                    return artifacts.image(build.image, Scope{build.project, false})
                        .map([](const StoredImage& image) { return image.description; });
                },
            .modules = parts.modules,
            .imported = parts.imported};
}

ReconcilePorts ports(const Loop::Parts& parts)
{
    return {.submit = [&service = parts.service](
                          BuildService::Submission wanted) { return service.submit(std::move(wanted)); },
            .cancel =
                [&service = parts.service](const std::string& build) {
                    return service.cancel(build, Scope{"", true});
                },
            .retire = parts.retire};
}

}  // namespace

Loop::Loop(const Settings& settings, const Parts& parts)
    : lease_(parts.database, builder_name(settings), settings.reconcile.lease), images_(parts.database),
      standings_(parts.database), lines_(parts.builds, parts.requirements, images_, line_ports(parts)),
      reconciler_({.lease = lease_,
                   .rollouts = parts.rollouts,
                   .images = images_,
                   .standings = standings_,
                   .builds = parts.builds,
                   .lines = lines_,
                   .fleet = parts.fleet,
                   .ports = ports(parts),
                   .settings = {.interval = settings.reconcile.interval,
                                .builds = settings.reconcile.builds,
                                .images_in_glance = parts.imported != nullptr}})
{
}

}  // namespace unikernel::api
