// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder_service/platforms/compile_jobs.hh"
#include "builder_service/platforms/object_cache.hh"

/// Which headers a unit read, remembered in the object cache (see compile()).
namespace unikernel
{

/// Digests of headers, each read once per build.
using HeaderDigests = std::map<std::filesystem::path, std::optional<Digest>>;

/// The object for the unit as all its headers are now, if it was compiled before.
std::optional<std::filesystem::path> find_object(const CompileJob& job, const ObjectCache& cache,
                                                 HeaderDigests& digests);

/// Stores a fresh object under the text of the headers it read, which `dependencies` (GNU make's format,
/// written by the compiler) names. Headers that changed since `begin`, when the compiler started, may not be
/// what it read: then the object is stored where nobody else finds it.
Result<std::filesystem::path> store_object(const CompileJob& job, const ObjectCache& cache,
                                           const std::filesystem::path& dependencies,
                                           std::filesystem::file_time_type begin, std::string_view object);

/// "object.o: /a/b.cc /c/d.hh \\\n /e.hh" -> the prerequisites, lexically normal.
std::vector<std::filesystem::path> prerequisites(std::string_view rule);

}  // namespace unikernel
