// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "common/util/result.hh"

namespace unikernel
{

/// A guest that writes without end must not fill the disk: of a longer log the middle is given back.
inline constexpr std::uint64_t console_bytes_most = 16 << 20;
inline constexpr std::uint64_t console_bytes_kept = 2 << 20;  ///< at each end

/// Creates the folder; libvirt's QEMU may run as another user and must get in. Errors: internal, no_space.
Result<void> make_console_folder(const std::filesystem::path& folder);
void remove_console_folder(const std::filesystem::path& folder);

/// Removes logs beside `current` of boots before `boot`, but for the last two.
void forget_old_logs(const std::filesystem::path& current, std::int64_t boot);

/// Frees the middle of a log over console_bytes_most; the guest goes on writing at its end.
void trim_console(const std::filesystem::path& log);

/// Whether a line of the log's beginning (64 KiB) is `line`.
bool console_has(const std::filesystem::path& log, std::string_view line);

}  // namespace unikernel
