// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/util/file.hh"
#include "common/util/result.hh"

namespace unikernel::cli
{

/// The unikernels that `unikernel run` processes have in the foreground: one file each below
/// <state>/run, locked by its process as long as that lives. So a killed process is never taken for a
/// running one, and whoever looks next clears its file away.
class RunningInstance
{
public:
    static constexpr std::string_view folder_prefix = "unikernel-run";

    /// Takes the name. Errors: conflict (it runs already), internal.
    static Result<RunningInstance> enter(const std::filesystem::path& state, const std::string& name);
    RunningInstance(RunningInstance&&) noexcept = default;
    RunningInstance& operator=(RunningInstance&&) noexcept = default;
    RunningInstance(const RunningInstance&) = delete;
    RunningInstance& operator=(const RunningInstance&) = delete;
    ~RunningInstance();

    /// What others may know of it; "name" and "pid" are added.  A "folder" of RunningInstance::folder_prefix
    /// is removed by whoever finds that the process was killed.
    Result<void> describe(nlohmann::json description);

private:
    RunningInstance(std::filesystem::path file, std::string name, FileDescriptor lock)
        : file_(std::move(file)), name_(std::move(name)), lock_(std::move(lock))
    {
    }

    std::filesystem::path file_;
    std::string name_;
    FileDescriptor lock_;
};

/// Descriptions of all that run, by name.
std::vector<nlohmann::json> running_instances(const std::filesystem::path& state);

/// Nothing if no instance of that name runs.
std::optional<nlohmann::json> running_instance(const std::filesystem::path& state, const std::string& name);

}  // namespace unikernel::cli
