// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "common/model/module.hh"
#include "common/util/result.hh"

namespace unikernel::u0
{

/// What platform.yaml says: the core every image has, and how to compile and link (doc: modules.rst, "Core").
struct Description {
    std::string version;
    std::vector<std::string> include;  ///< folders below the platform's
    std::vector<std::string> sources;
    std::map<std::string, HookPoint> points;  ///< declared by the core
    std::uint64_t memory_kib = 0;             ///< of the core at run time, beyond the image's bytes
    struct {
        std::vector<std::string> common, cxx, c, assembly, own, third_party;
        std::vector<std::string> precompiled;  ///< standard headers
    } compile;
    struct {
        std::string entry, script;
        std::vector<std::string> flags, closed_flags;
    } link;
    std::map<std::string, std::string> third_party;  ///< name -> version, of sources.yaml
};

/// Reads platform.yaml and, where it exists, sources.yaml. Errors: invalid, not_found.
Result<Description> load_description(const std::filesystem::path& folder);

}  // namespace unikernel::u0
