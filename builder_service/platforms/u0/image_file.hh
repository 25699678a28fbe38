// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/util/result.hh"

/// The file format of an image (doc: image.rst), read and written. No length in a file is trusted.
namespace unikernel::u0
{

/// Owner and types of the two notes.
inline constexpr std::string_view note_owner = "unikernel";
inline constexpr std::uint32_t note_description = 1;
inline constexpr std::uint32_t note_seal = 2;

/// A linked ELF file as an image: symbols and section headers are cut off, the two notes appended and
/// made part of PT_NOTE beside Xen's, the seal set. Errors: invalid, if it is not what link.ld makes.
Result<std::string> finish_image(std::string_view linked, const nlohmann::json& description);

/// All that a reader checks before he believes a word: ELF header, segments (one offset-to-address
/// distance, none writable and executable, inside the file), multiboot header, PVH note, seal, description.
/// Gives the description. Errors: invalid, naming the check that failed.
Result<nlohmann::json> check_image(std::string_view bytes);

/// The address after the last byte of memory that the segments take. Errors: invalid.
Result<std::uint64_t> memory_end(std::string_view elf);

/// Names of all defined symbols. Errors: invalid.
Result<std::vector<std::string>> symbols(std::string_view elf);

}  // namespace unikernel::u0
