// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <mutex>

#include "builder_service/fleet/fleet.hh"

namespace unikernel
{

/// Servers that are lines of a file, for tests of what depends on servers: [{"id", "name", "project",
/// "image", "status", "pinned"}]. A file that is not there is no server, one that is no list an unreachable
/// fleet. `replace` is done at once and written back; every server is healthy.
class FileFleet final : public Fleet
{
public:
    explicit FileFleet(std::filesystem::path file) : file_(std::move(file)) {}

    Result<std::vector<Server>> list(std::stop_token stop) override;
    Result<std::optional<Server>> find(const std::string& id, std::stop_token stop) override;
    Result<void> replace(const std::string& id, const std::string& image, std::stop_token stop) override;
    Result<void> check(const Server& server, const HealthCheck& check, std::stop_token stop) override;

private:
    const std::filesystem::path file_;
    std::mutex mutex_;
};

}  // namespace unikernel
