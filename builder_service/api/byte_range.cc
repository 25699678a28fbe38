// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/byte_range.hh"

#include <algorithm>
#include <charconv>

namespace unikernel::api
{

namespace
{

std::optional<std::uint64_t> number(std::string_view text)
{
    std::uint64_t value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || code != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

std::string_view trimmed(std::string_view text)
{
    while (!text.empty() && text.front() == ' ')
        text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ')
        text.remove_suffix(1);
    return text;
}

}  // namespace

std::variant<WholeFile, ByteRange, NotSatisfiable> byte_range(std::string_view header, std::uint64_t size)
{
    constexpr std::string_view unit = "bytes=";
    if (!header.starts_with(unit))
        return WholeFile{};
    const auto text = trimmed(header.substr(unit.size()));
    const auto dash = text.find('-');
    if (dash == std::string_view::npos || text.find(',') != std::string_view::npos)
        return WholeFile{};
    const auto first = number(text.substr(0, dash));
    const auto last = number(text.substr(dash + 1));
    if (dash == 0) {  // the last so many bytes
        if (!last)
            return WholeFile{};
        if (*last == 0 || size == 0)
            return NotSatisfiable{};
        const auto bytes = std::min(*last, size);
        return ByteRange{size - bytes, bytes};
    }
    const bool open_end = dash + 1 == text.size();
    if (!first || (!last && !open_end) || (last && *last < *first))
        return WholeFile{};
    if (*first >= size)
        return NotSatisfiable{};
    const auto end = open_end ? size - 1 : std::min(*last, size - 1);
    return ByteRange{*first, end - *first + 1};
}

bool has_entity_tag(std::string_view header, std::string_view tag)
{
    while (!header.empty()) {
        const auto comma = std::min(header.find(','), header.size());
        auto item = trimmed(header.substr(0, comma));
        if (item.starts_with("W/"))
            item.remove_prefix(2);
        if (item == "*" || item == tag)
            return true;
        header.remove_prefix(std::min(comma + 1, header.size()));
    }
    return false;
}

}  // namespace unikernel::api
