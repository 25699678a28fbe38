// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/util/result.hh"
#include "common/util/settings_file.hh"

namespace unikernel
{

/// One module repository beside the builder's own (doc: repositories.rst).
struct RepositorySettings {
    std::string name;
    int priority = 100;             ///< the higher one wins; the builder's own has 0
    std::set<std::string> modules;  ///< all names its modules may have or provide; empty: any
    std::string digest;             ///< "sha256:<hex>" of its content; empty: whatever the folder holds
    std::filesystem::path folder;   ///< of module folders; else empty, and there is a bundle
    std::string bundle;             ///< URL of a tar archive: file, http or https
    std::string signature;          ///< URL of its Ed25519 signature
    std::filesystem::path key;      ///< public key in PEM form; empty: it is not signed
    std::filesystem::path cafile;   ///< authorities for https; empty: the system's

    bool is_bundle() const { return folder.empty(); }
};

/// What a configuration file says of repositories.
struct RepositoriesSettings {
    int builtin_priority = 0;
    std::vector<RepositorySettings> others;   ///< by name
    std::map<std::string, std::string> pins;  ///< module -> "1.2.0" or "1.2.0@repository"
};

/// Whether the section is one of these: [repository:NAME], [pins].
bool is_repository_section(const std::string& section);

/// Reads those sections alone. Errors: invalid, naming file, line and key.
Result<RepositoriesSettings> repositories_settings(const SettingsFile& file);

}  // namespace unikernel
