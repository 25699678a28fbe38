// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>

#include "common/util/result.hh"

namespace unikernel
{

/// A folder of our own (mode 0700), removed with all it holds when the object goes.
class TemporaryDirectory
{
public:
    /// Below `parent`, or below the system's folder for temporary files when `parent` is empty.
    /// Errors: no_space, internal.
    static Result<TemporaryDirectory> create(std::string_view prefix = "unikernel",
                                             const std::filesystem::path& parent = {});
    TemporaryDirectory(TemporaryDirectory&& other) noexcept;
    TemporaryDirectory& operator=(TemporaryDirectory&& other) noexcept;
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory();

    const std::filesystem::path& path() const { return path_; }

private:
    explicit TemporaryDirectory(std::filesystem::path path) : path_(std::move(path)) {}
    std::filesystem::path path_;
};

}  // namespace unikernel
