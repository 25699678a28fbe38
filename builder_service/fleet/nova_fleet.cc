// SPDX-License-Identifier: Apache-2.0
#include "builder_service/fleet/nova_fleet.hh"

#include <algorithm>
#include <array>

#include "builder_service/fleet/health.hh"

namespace unikernel
{

namespace
{

/// In which Nova takes a rebuild (nova.compute.api.API.rebuild).
constexpr std::array rebuildable{"ACTIVE", "SHUTOFF", "ERROR"};

bool is_deleted(const NovaServer& server)
{
    return server.status == "DELETED" || server.status == "SOFT_DELETED" || server.task_state == "deleting";
}

bool is_pinned(const NovaServer& server)
{
    const auto pinned = server.metadata.find(NovaFleet::pin);
    return server.locked || (pinned != server.metadata.end() && pinned->second == "true");
}

Server server_of(const NovaServer& server)
{
    const bool settled = server.task_state.empty() && std::find(rebuildable.begin(), rebuildable.end(),
                                                                server.status) != rebuildable.end();
    return {.id = server.id,
            .name = server.name,
            .project = server.project,
            .image = server.image,
            .status = server.task_state.empty() ? server.status : server.status + ", " + server.task_state,
            .settled = settled,
            .running = settled && server.status == "ACTIVE",
            .pinned = is_pinned(server),
            .fault = server.status == "ERROR" ? server.fault : "",
            .unikernel = false};
}

Failure gone(const std::string& id)
{
    return {FailureKind::not_found, "server " + id + " was deleted"};
}

}  // namespace

Result<std::vector<Server>> NovaFleet::list(std::stop_token stop)
{
    const auto found = nova_.list(stop);
    if (!found)
        return tl::unexpected(found.error());
    std::vector<Server> servers;
    for (const auto& server : *found)
        if (!is_deleted(server))
            servers.push_back(server_of(server));
    return servers;
}

Result<std::optional<Server>> NovaFleet::find(const std::string& id, std::stop_token stop)
{
    const auto found = nova_.find(id, std::move(stop));
    if (!found)
        return tl::unexpected(found.error());
    if (!*found || is_deleted(**found))
        return std::nullopt;
    return server_of(**found);
}

Result<void> NovaFleet::replace(const std::string& id, const std::string& image, std::stop_token stop)
{
    return nova_.rebuild(id, image, std::move(stop));
}

Result<std::vector<std::string>> NovaFleet::addresses_of(const std::string& id, std::stop_token stop)
{
    if (probe_networks_.empty())
        return fail(FailureKind::invalid,
                    "not possible here: no network is allowed for checks; ask for console "
                    "or set [reconcile] probe_networks");
    auto found = nova_.find(id, std::move(stop));
    if (!found)
        return tl::unexpected(found.error());
    if (!*found || is_deleted(**found))
        return tl::unexpected(gone(id));
    auto& all = (*found)->addresses;
    if (all.empty())
        return fail(FailureKind::invalid,
                    "server " + id +
                        " has no address to check; give it a port, or check its console "
                        "instead");
    std::stable_partition(all.begin(), all.end(), [](const auto& each) { return each.floating; });
    std::vector<std::string> allowed;
    for (const auto& each : all)
        if (probe_networks_.contain(each.address))
            allowed.push_back(each.address);
    if (allowed.empty())
        return fail(FailureKind::invalid,
                    "no address of server " + id +
                        " is in a network that is allowed for checks; ask for console or "
                        "add one to [reconcile] probe_networks");
    return allowed;
}

Result<void> NovaFleet::can_check(const Server& server, const HealthCheck& check, std::stop_token stop)
{
    if (check.kind == HealthCheck::Kind::console)
        return {};
    return addresses_of(server.id, std::move(stop)).map([](const auto& /*addresses*/) {});
}

Result<void> NovaFleet::check(const Server& server, const HealthCheck& check, std::stop_token stop)
{
    if (check.kind == HealthCheck::Kind::console) {
        const auto console = nova_.console(server.id, std::move(stop));
        if (console)
            return probe_console(*console, check.marker);
        // 409 while it has no console yet.
        const bool later = console.error().kind == FailureKind::conflict;
        return fail(later ? FailureKind::unavailable : console.error().kind, console.error().message);
    }
    const auto addresses = addresses_of(server.id, stop);
    if (!addresses)
        return tl::unexpected(addresses.error());
    Result<void> tried;
    for (const auto& address : *addresses) {
        tried = probe({address, check.port}, check, stop);
        if (tried || tried.error().kind == FailureKind::cancelled)
            return tried;
    }
    return tried;
}

}  // namespace unikernel
