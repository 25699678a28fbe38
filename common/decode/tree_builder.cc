// SPDX-License-Identifier: Apache-2.0
#include "common/decode/tree_builder.hh"

#include <utility>

namespace unikernel
{

std::string TreeBuilder::count()
{
    return ++nodes_ > limits_.nodes ? "more than " + std::to_string(limits_.nodes) + " values and keys" : "";
}

nlohmann::json* TreeBuilder::place(nlohmann::json value)
{
    if (open_.empty()) {
        root_ = std::move(value);
        return &root_;
    }
    nlohmann::json& parent = *open_.back();
    if (parent.is_array()) {
        parent.push_back(std::move(value));
        return &parent.back();
    }
    has_key_ = false;
    return &(parent[key_] = std::move(value));
}

std::string TreeBuilder::begin(nlohmann::json container)
{
    if (open_.size() >= limits_.depth) {
        return "nested deeper than " + std::to_string(limits_.depth) + " levels";
    }
    if (std::string wrong = count(); !wrong.empty()) {
        return wrong;
    }
    open_.push_back(place(std::move(container)));
    return "";
}

std::string TreeBuilder::end()
{
    open_.pop_back();
    return "";
}

std::string TreeBuilder::key(std::string name)
{
    if (open_.back()->contains(name)) {
        return "key " + nlohmann::json(name).dump() + " appears twice";
    }
    key_ = std::move(name);
    has_key_ = true;
    return count();
}

std::string TreeBuilder::value(nlohmann::json scalar)
{
    if (std::string wrong = count(); !wrong.empty()) {
        return wrong;
    }
    place(std::move(scalar));
    return "";
}

bool is_utf8(std::string_view text)
{
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i]);
        const std::size_t length = lead < 0x80        ? 1
                                   : lead >> 5U == 6  ? 2
                                   : lead >> 4U == 14 ? 3
                                   : lead >> 3U == 30 ? 4
                                                      : 0;
        if (length == 0 || i + length > text.size()) {
            return false;
        }
        std::uint32_t point = length == 1 ? lead : lead & (0x7FU >> length);
        for (std::size_t k = 1; k < length; ++k) {
            const auto next = static_cast<unsigned char>(text[i + k]);
            if (next >> 6U != 2) {
                return false;
            }
            point = point << 6U | (next & 0x3FU);
        }
        static constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (point < least[length] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) {
            return false;
        }
        i += length;
    }
    return true;
}

}  // namespace unikernel
