// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/model/dependency.hh"
#include "common/model/option.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// A hook point somebody declares: a C++ function type and the header that names its types.
struct HookPoint {
    std::string signature;
    std::string header;
    friend bool operator==(const HookPoint&, const HookPoint&) = default;
};

/// Sources that are not ours, of one entry of the platform's sources.yaml.
struct ThirdParty {
    std::string source;                ///< the entry's name
    std::vector<std::string> sources;  ///< files below its root
    std::vector<std::string> include;  ///< folders below its root, public like a module's include/
    std::vector<std::string> defines;  ///< NAME or NAME=VALUE, for these sources alone
    friend bool operator==(const ThirdParty&, const ThirdParty&) = default;
};

/// How one platform installs a module (doc: modules.rst).
struct Installation {
    std::vector<std::string> sources;              ///< below the module's folder, linked into the closed part
    std::vector<std::string> application_sources;  ///< likewise, but linked with the application and its libc
    std::map<std::string, HookPoint> points;       ///< declared here
    std::map<std::string, std::vector<std::string>>
        hooks;  ///< point -> qualified C++ names that implement it
    std::map<std::string, std::vector<std::string>>
        optional_hooks;  ///< likewise, but only where an installed module declares it
    std::map<std::string, std::string> syscalls;  ///< Linux name -> qualified C++ name of the handler
    std::vector<ThirdParty> third_party;
    std::vector<std::string> exports;  ///< symbols that stay visible to the application's side
    std::string personality;           ///< "glibc": ordinary programs run on it; else empty
    friend bool operator==(const Installation&, const Installation&) = default;
};

/// A module m of the set M (paper IV.A): "a unitary software component integrable in a unikernel image".
struct Module {
    enum class Kind { core, driver, library, security };

    std::string name;
    std::string version;
    Kind kind = Kind::library;
    std::string summary;
    std::string license;
    std::string maintainer;                       ///< who answers for it; may be empty
    std::string documentation;                    ///< where more is to be read; may be empty
    std::map<std::string, std::string> provides;  ///< virtual name -> its version, or ""
    std::set<Dependency> required;                ///< requires(m): modules or virtual names
    std::set<Dependency> conflicting;             ///< conflicts(m): likewise
    std::uint64_t memory_kib = 0;                 ///< at run time, beyond the module's bytes
    std::set<std::string> devices;
    std::map<std::string, Option> options;  ///< C(m)
    std::map<std::string, Installation> platforms;
    std::filesystem::path folder;  ///< where its sources are; no part of its identity
    int priority = 0;              ///< of the repository it is from; no part of its identity either

    /// By its name and version, or by a virtual name and the version of that.
    bool satisfies(const Dependency& dependency) const;
};

std::string_view to_string(Module::Kind kind);

/// Modules are shared, never changed after they were read.
using ModulePtr = std::shared_ptr<const Module>;

/// The set M: "all the packages in the configured repositories". Immutable once filled; thread-safe then.
class Repository
{
public:
    /// Errors: conflict, if a module of that name and version exists with the same priority.
    Result<void> add(Module module);
    /// The best of that name: of the highest priority, then the newest. Null if there is none.
    ModulePtr find(std::string_view name) const;
    /// All modules of that name, the best first.
    const std::vector<ModulePtr>& versions(std::string_view name) const;
    /// By name, and of each name the best first.
    std::vector<ModulePtr> all() const;
    std::vector<std::string> names() const;

private:
    std::map<std::string, std::vector<ModulePtr>, std::less<>> modules_;
};

}  // namespace unikernel
