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
    std::string repository;        ///< name of the one it is from; empty where there is but one
    int priority = 0;              ///< of that repository
    std::string content;           ///< digest of all files in `folder`, "sha256:<hex>"; empty: unknown

    /// By its name and version, or by a virtual name and the version of that.
    bool satisfies(const Dependency& dependency) const;
};

std::string_view to_string(Module::Kind kind);

/// Modules are shared, never changed after they were read.
using ModulePtr = std::shared_ptr<const Module>;

/// The name of the builder's own repository among several.
inline constexpr std::string_view builtin_repository = "builtin";

/// Whether a lock's or a pin's entry, "1.2.0" or "1.2.0@repository", means this module.
bool is_meant(std::string_view entry, const Module& module);

/// A configured repository that cannot be used now, so that nobody knows which modules it would offer.
struct LostRepository {
    std::string name;
    std::string reason;  ///< a sentence for people
    /// All names that its modules may have or provide; empty: any.
    std::set<std::string> names;

    bool may_have(const std::string& module) const { return names.empty() || names.contains(module); }
};

/// The set M: "all the packages in the configured repositories". Immutable once filled; thread-safe then.
class Repository
{
public:
    /// Errors: conflict, if a module of that name and version exists with the same priority.
    Result<void> add(Module module);
    /// All of `other`, or nothing of it. Errors: as add.
    Result<void> add_all(const Repository& other);
    /// When all are added: of this name only the version that is meant is there; the others are `excluded`.
    void pin(const std::string& module, const std::string& entry);
    void lose(LostRepository lost) { lost_.push_back(std::move(lost)); }
    /// The best of that name: of the highest priority, then the newest. Null if there is none.
    ModulePtr find(std::string_view name) const;
    /// All modules of that name, the best first.
    const std::vector<ModulePtr>& versions(std::string_view name) const;
    /// By name, and of each name the best first.
    std::vector<ModulePtr> all() const;
    std::vector<std::string> names() const;
    const std::vector<LostRepository>& lost() const { return lost_; }
    /// The pin of that name; empty if there is none.
    std::string pinned(std::string_view name) const;
    /// The versions of that name that its pin leaves out.
    std::vector<ModulePtr> excluded(std::string_view name) const;
    /// "; [pins] leaves out lwip 2.2.0: lwip = 2.1.3", or nothing: to be added to what is missing.
    std::string pinned_text(std::string_view name) const;

private:
    struct Pin {
        std::string entry;
        std::vector<ModulePtr> excluded;
    };
    std::map<std::string, std::vector<ModulePtr>, std::less<>> modules_;
    std::map<std::string, Pin, std::less<>> pins_;
    std::vector<LostRepository> lost_;
};

}  // namespace unikernel
