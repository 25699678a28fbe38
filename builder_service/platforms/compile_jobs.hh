// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "builder_service/platforms/object_cache.hh"
#include "builder_service/platforms/tool.hh"
#include "common/util/digest.hh"
#include "common/util/process.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// A folder of headers, and the name by which cache keys and objects know it on every host.
struct HeaderFolder {
    std::filesystem::path path;
    std::string name;
};

/// One translation unit.
struct CompileJob {
    std::string name;  ///< for people: "server.cc", "lwip: src/core/tcp.c"
    Digest key{};      ///< of all that determines the object but the text of the headers below
    std::vector<HeaderFolder> headers;  ///< where they are looked for; the compiler writes `object.d` (-MMD)
    bool tenant = false;  ///< the application's own source: a refusal is its author's, else a bug of ours
    /// The compiler run that writes `object.o` into the given folder, for a tenant's source an empty file
    /// that is there. Only called if the cache has it not.
    std::function<ProcessSpecification(const std::filesystem::path& folder)> tool;
    std::optional<uid_t> user = std::nullopt;  ///< whose that file is made; absent: this process's
    bool precompiled = false;                  ///< reads the precompiled header, and waits until it is there
};

/// What many units read first, compiled once.
struct PrecompiledHeader {
    CompileJob job;               ///< its `object.o` is what the compiler made of the header
    std::filesystem::path place;  ///< where the units' compilers look for that, a link into the cache
};

struct CompiledObjects {
    std::vector<std::filesystem::path> paths;  ///< in the order of the jobs, in the cache
    std::uint32_t compiled = 0, cached = 0;
};

/// Runs the jobs the cache cannot answer. For each unit the cache remembers which headers it read last time;
/// the object's key is that of the unit and of their text, so a header that a unit does not read does not
/// concern it. (Sound because the unit's key has the names of all files in its header folders: with the same
/// names and the same text of what was read, a compiler reads the same again. What is precompiled is in the
/// unit's key, and gives the same object whether its compiled form is used or not.) Those missing are
/// compiled, as many at once as there are processors; `scratch` is a folder for their output. The first
/// failure stops the rest; compilers' warnings go to `log`, called from this thread. The header is taken from
/// the cache or compiled if a unit needs it, beside those that do not. `objects_limit`: bytes of a tenant's
/// objects together that are compiled; one of a line of text can take hundreds of MiB. Errors: as run_tool; a
/// refused source of ours is `internal`.
Result<CompiledObjects> compile(const std::vector<CompileJob>& jobs,
                                const std::optional<PrecompiledHeader>& header, const ObjectCache& cache,
                                const std::filesystem::path& scratch, OutputBudget& budget,
                                const std::function<void(std::string_view)>& log, const std::stop_token& stop,
                                std::uint64_t objects_limit = 1ULL << 30);

}  // namespace unikernel
