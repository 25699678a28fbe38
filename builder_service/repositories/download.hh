// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "common/util/result.hh"

namespace unikernel
{

/// A file, http or https URL whose content is wanted.
struct Download {
    std::string url;
    std::uint64_t limit = 0;           ///< bytes
    std::filesystem::path cafile;      ///< authorities for https; empty: the system's
    std::chrono::seconds silence{10};  ///< to connect, and between two bytes
    std::chrono::seconds whole{300};   ///< for all of it
};

/// Redirects are not followed. Errors: not_found (there is nothing), too_large, unavailable, cancelled,
/// invalid.
Result<std::string> download(const Download& what, const std::stop_token& stop);

/// Whether it is still there, without fetching it. Errors: as download.
Result<void> check_there(const Download& what, const std::stop_token& stop);

}  // namespace unikernel
