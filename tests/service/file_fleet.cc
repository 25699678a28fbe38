// SPDX-License-Identifier: Apache-2.0
#include "file_fleet.hh"

#include <fstream>

#include <nlohmann/json.hpp>

namespace unikernel
{

namespace
{

Result<nlohmann::json> read(const std::filesystem::path& file)
{
    std::ifstream stream(file);
    if (!stream)
        return nlohmann::json::array();
    auto servers = nlohmann::json::parse(stream, nullptr, false);
    if (!servers.is_array())
        return fail(FailureKind::unavailable, "the servers cannot be listed: the file of the stub says so");
    return servers;
}

Server server_of(const nlohmann::json& entry)
{
    return {.id = entry.value("id", ""),
            .name = entry.value("name", ""),
            .project = entry.value("project", ""),
            .image = entry.value("image", ""),
            .status = entry.value("status", "ACTIVE"),
            .settled = true,
            .running = true,
            .pinned = entry.value("pinned", false),
            .fault = {},
            .unikernel = entry.value("unikernel", false)};
}

}  // namespace

Result<std::vector<Server>> FileFleet::list(std::stop_token)
{
    const std::scoped_lock lock(mutex_);
    const auto entries = read(file_);
    if (!entries)
        return tl::unexpected(entries.error());
    std::vector<Server> servers;
    for (const auto& entry : *entries)
        servers.push_back(server_of(entry));
    return servers;
}

Result<std::optional<Server>> FileFleet::find(const std::string& id, std::stop_token stop)
{
    auto servers = list(std::move(stop));
    if (!servers)
        return tl::unexpected(servers.error());
    for (auto& server : *servers)
        if (server.id == id)
            return std::move(server);
    return std::nullopt;
}

Result<void> FileFleet::replace(const std::string& id, const std::string& image, std::stop_token)
{
    const std::scoped_lock lock(mutex_);
    auto entries = read(file_);
    if (!entries)
        return tl::unexpected(entries.error());
    for (auto& entry : *entries)
        if (entry.value("id", "") == id)
            entry["image"] = image;
    const auto half = file_.string() + ".new";
    std::ofstream(half) << entries->dump();
    std::filesystem::rename(half, file_);
    return {};
}

Result<void> FileFleet::check(const Server&, const HealthCheck&, std::stop_token)
{
    return {};
}

}  // namespace unikernel
