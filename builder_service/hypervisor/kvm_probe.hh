// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace unikernel
{

/// The bytes of the guest in kvm_probe.S. It prints "u0: sealed" and powers off.
std::string_view kvm_probe_image();

/// Remembers an answer until the host boots again: a file below `state` that holds the boot id and the
/// answer per `key` (which libvirt was asked). Asks `probe` when it does not know.
bool cached_per_boot(const std::filesystem::path& state, std::string_view key,
                     const std::function<bool()>& probe);

}  // namespace unikernel
