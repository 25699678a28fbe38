// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

namespace unikernel::api
{

struct ByteRange {
    std::uint64_t first = 0;
    std::uint64_t bytes = 0;
    friend bool operator==(const ByteRange&, const ByteRange&) = default;
};
struct WholeFile {
};
struct NotSatisfiable {
};

/// One range of a Range header (RFC 9110, 14.2) over `size` bytes. What is malformed, of
/// another unit or of several ranges is ignored, as the RFC allows: the whole file.
std::variant<WholeFile, ByteRange, NotSatisfiable> byte_range(std::string_view header, std::uint64_t size);

/// Whether an If-None-Match list holds the entity tag, be it as a weak one (RFC 9110, 13.1.2), or is "*".
bool has_entity_tag(std::string_view header, std::string_view tag);

}  // namespace unikernel::api
