// SPDX-License-Identifier: Apache-2.0
#include "common/util/settings_file.hh"

#include <algorithm>

#include "common/util/file.hh"

namespace unikernel
{

namespace
{

constexpr std::uint64_t file_bytes = 256 << 10;

std::string trimmed(std::string_view text)
{
    static constexpr std::string_view blank = " \t\r";
    const auto first = text.find_first_not_of(blank);
    if (first == std::string_view::npos)
        return {};
    return std::string(text.substr(first, text.find_last_not_of(blank) - first + 1));
}

}  // namespace

std::string SettingsFile::place(std::size_t line) const
{
    return file.string() + ", line " + std::to_string(line) + ": ";
}

Result<SettingsFile> read_settings_file(const std::filesystem::path& file)
{
    std::error_code code;
    const auto real = std::filesystem::canonical(file, code);  // a configuration may be a link
    const auto text = read_file(code ? file : real, file_bytes);
    if (!text)
        return fail(FailureKind::invalid,
                    file.string() + ": the configuration file cannot be read: " + text.error().message);
    SettingsFile read{file, {}};
    std::string section;
    std::string_view rest = *text;
    for (std::size_t number = 1; !rest.empty(); ++number) {
        const auto raw = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(raw.size() + 1, rest.size()));
        const auto line = trimmed(raw);
        if (line.empty() || line.starts_with('#') || line.starts_with(';'))
            continue;
        if (line.starts_with('[') && line.ends_with(']')) {
            section = line.substr(1, line.size() - 2);
            read.sections[section];
            continue;
        }
        const auto equals = line.find('=');
        const auto key = trimmed(std::string_view(line).substr(0, equals));
        if (equals == std::string::npos || key.empty())  // the line may hold a secret
            return fail(FailureKind::invalid,
                        read.place(number) + "is neither '[section]' nor 'key = value' nor a comment");
        auto& entries = read.sections[section];
        if (std::any_of(entries.begin(), entries.end(), [&](const auto& entry) { return entry.key == key; }))
            return fail(FailureKind::invalid, read.place(number) + "key '" + key + "' is given twice");
        entries.push_back({key, trimmed(std::string_view(line).substr(equals + 1)), number});
    }
    return read;
}

}  // namespace unikernel
