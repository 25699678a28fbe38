// SPDX-License-Identifier: Apache-2.0
#include "builder_service/fleet/instance_fleet.hh"

#include <algorithm>

#include "builder_service/fleet/health.hh"

namespace unikernel
{

namespace
{

constexpr std::chrono::milliseconds open_limit{1000};

Server server_of(const InstanceView& view)
{
    // A guest that ended by itself is stopped, and one whose replacement was refused runs: neither failed.
    const bool failed = view.status == "failed" || view.status == "crashed";
    return {.id = view.instance.id,
            .name = view.instance.name,
            .project = {},
            .image = view.instance.image,
            .status = view.status,
            .settled = view.settled,
            .running = view.running,
            .pinned = view.instance.pinned,
            .fault = failed ? view.fault : "",
            .unikernel = true};
}

/// How this machine reaches it.
ProbeTarget target_of(const PortForward& forward)
{
    return {forward.host_address == "0.0.0.0" ? "127.0.0.1" : forward.host_address, forward.host_port};
}

}  // namespace

bool is_open(const PortForward& forward, std::stop_token stop)
{
    return probe_tcp(target_of(forward), std::move(stop), open_limit).has_value();
}

Result<std::vector<Server>> InstanceFleet::list(std::stop_token)
{
    const auto views = instances_.list();
    if (!views)
        return tl::unexpected(views.error());
    std::vector<Server> servers;
    for (const auto& view : *views)
        servers.push_back(server_of(view));
    return servers;
}

Result<std::optional<Server>> InstanceFleet::find(const std::string& id, std::stop_token)
{
    const auto view = instances_.find_by_id(id);
    if (!view)
        return tl::unexpected(view.error());
    return *view ? std::optional(server_of(**view)) : std::nullopt;
}

Result<InstanceView> InstanceFleet::known(const std::string& id)
{
    auto view = instances_.find_by_id(id);
    if (!view)
        return tl::unexpected(view.error());
    if (!*view)
        return fail(FailureKind::not_found, "the instance with id " + id + " was deleted");
    return std::move(**view);
}

Result<void> InstanceFleet::replace(const std::string& id, const std::string& image, std::stop_token stop)
{
    const auto view = known(id);
    if (!view)
        return tl::unexpected(view.error());
    const auto replaced = instances_.replace(view->instance.name, image, std::move(stop));
    if (!replaced)
        return tl::unexpected(replaced.error());
    return {};
}

Result<void> InstanceFleet::check(const Server& server, const HealthCheck& check, std::stop_token stop)
{
    const auto view = known(server.id);
    if (!view)
        return tl::unexpected(view.error());
    if (check.kind == HealthCheck::Kind::console)
        return probe_console(read_console(view->console), check.marker);
    const auto& forwards = view->instance.forwards;
    const auto leads = std::find_if(forwards.begin(), forwards.end(),
                                    [&](const auto& each) { return each.guest_port == check.port; });
    if (leads == forwards.end())
        return fail(FailureKind::invalid, "no host port leads to port " + std::to_string(check.port) +
                                              " of instance " + view->instance.name +
                                              "; forward one, or check its console instead");
    return probe(target_of(*leads), check, std::move(stop));
}

}  // namespace unikernel
