// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "common/util/result.hh"

namespace unikernel
{

/// What stands in a configuration file, in oslo.config's form: `[section]` and `key = value` lines, '#' or
/// ';' at the begin of a comment's line (within a value they are part of it: a password may hold both).
struct SettingsFile {
    struct Entry {
        std::string key;
        std::string value;
        std::size_t line = 0;
    };
    std::filesystem::path file;
    std::map<std::string, std::vector<Entry>> sections;  ///< "" is what stands before the first one

    /// "file, line N: "
    std::string place(std::size_t line) const;
};

/// Errors: invalid, naming file and line: no such file, a line of neither form, a key twice.
Result<SettingsFile> read_settings_file(const std::filesystem::path& file);

}  // namespace unikernel
