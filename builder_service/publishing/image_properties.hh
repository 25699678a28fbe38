// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

namespace unikernel
{

/// The Glance properties that follow from an image's note (doc: image-properties.rst), all but kernel_id,
/// which follows from the place it gets in Glance. What the note does not say, and what would be over 255
/// bytes (Nova cuts it there), is left out. `digest`: "sha256:<hex>" of the whole file. The compute driver
/// has the same rule in Python (unikernel_nova.properties.derive_all); a test compares both.
std::map<std::string, std::string> image_properties(const nlohmann::json& description,
                                                    const std::string& digest);

/// The image's min_ram in Glance: MiB; 0 if the note does not say.
std::uint64_t minimum_memory_mib(const nlohmann::json& description);

}  // namespace unikernel
