// SPDX-License-Identifier: Apache-2.0
#include "common/decode/reader.hh"

#include <algorithm>

#include "common/util/nearest.hh"
#include "common/util/pattern.hh"

namespace unikernel
{

void Reader::object(const std::vector<std::string>& known_keys) const
{
    if (!value_->is_object()) {
        refuse("must be an object (key: value)");
    }
    for (const auto& [key, unused] : value_->items()) {
        if (std::find(known_keys.begin(), known_keys.end(), key) == known_keys.end()) {
            throw BadValue(path_ + "." + key + ": unknown key" + did_you_mean(key, known_keys));
        }
    }
}

Reader Reader::at(const std::string& key) const
{
    if (const std::optional<Reader> found = find(key)) {
        return *found;
    }
    throw BadValue(path_ + "." + key + ": must be given");
}

std::optional<Reader> Reader::find(const std::string& key) const
{
    const auto found = value_->find(key);
    if (found == value_->end() || found->is_null()) {
        return std::nullopt;
    }
    return Reader(*found, path_ + "." + key);
}

std::vector<std::pair<std::string, Reader>> Reader::entries() const
{
    if (!value_->is_object()) {
        refuse("must be an object (key: value)");
    }
    std::vector<std::pair<std::string, Reader>> list;
    for (const auto& [key, part] : value_->items()) {
        list.emplace_back(key, Reader(part, path_ + "." + key));
    }
    return list;
}

std::vector<Reader> Reader::items() const
{
    if (!value_->is_array()) {
        refuse("must be a list");
    }
    std::vector<Reader> list;
    for (std::size_t i = 0; i < value_->size(); ++i) {
        list.emplace_back((*value_)[i], path_ + "[" + std::to_string(i) + "]");
    }
    return list;
}

bool Reader::boolean() const
{
    if (!value_->is_boolean()) {
        refuse("must be true or false");
    }
    return value_->get<bool>();
}

std::int64_t Reader::integer(std::int64_t minimum, std::int64_t maximum) const
{
    if (!value_->is_number_integer()) {
        refuse("must be an integer");
    }
    const bool huge =
        value_->is_number_unsigned() && value_->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX);
    if (huge || value_->get<std::int64_t>() > maximum) {
        refuse(value_->dump() + " is over the maximum " + std::to_string(maximum));
    }
    if (value_->get<std::int64_t>() < minimum) {
        refuse(value_->dump() + " is under the minimum " + std::to_string(minimum));
    }
    return value_->get<std::int64_t>();
}

std::string Reader::text(std::size_t max_length) const
{
    if (!value_->is_string()) {
        refuse(value_->is_primitive() ? "must be a string; put it in quotes" : "must be a string");
    }
    const auto& text = value_->get_ref<const std::string&>();
    if (text.size() > max_length) {
        refuse(std::to_string(text.size()) + " bytes are over the maximum length " +
               std::to_string(max_length));
    }
    const auto is_control = [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7F;
    };
    if (std::any_of(text.begin(), text.end(), is_control)) {
        refuse("contains a control character");
    }
    return text;
}

std::vector<std::string> Reader::texts(std::size_t max_items) const
{
    std::vector<std::string> list;
    for (const Reader& item : items()) {
        list.push_back(item.text());
    }
    if (list.size() > max_items) {
        refuse(std::to_string(list.size()) + " items are over the maximum " + std::to_string(max_items));
    }
    return list;
}

std::string Reader::matching(const std::string& expression, std::size_t max_length) const
{
    std::string value = text(max_length);
    if (!matches(value, expression)) {
        refuse(nlohmann::json(value).dump() + " does not match " + expression);
    }
    return value;
}

std::size_t Reader::one_of(const std::vector<std::string>& words) const
{
    const std::string value = text();
    const auto found = std::find(words.begin(), words.end(), value);
    if (found == words.end()) {
        std::string all;
        for (const std::string& word : words) {
            all += (all.empty() ? "" : ", ") + word;
        }
        refuse(nlohmann::json(value).dump() + " is none of " + all);
    }
    return static_cast<std::size_t>(found - words.begin());
}

}  // namespace unikernel
