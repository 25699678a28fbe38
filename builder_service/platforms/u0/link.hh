// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "builder_service/platforms/object_cache.hh"
#include "builder_service/platforms/tool.hh"
#include "builder_service/platforms/u0/description.hh"
#include "builder_service/platforms/u0/toolchain.hh"
#include "builder_service/sandbox/sandbox.hh"

namespace unikernel::u0
{

/// Objects of the core and of all modules as one, libos.o, in which only the entry and `exports` are
/// visible: neither side of the image sees the other's memcpy. Trusted input, so no sandbox. Taken from
/// the cache when the objects' paths there (which are their keys) and flags are the same.
Result<std::filesystem::path> link_closed(const Description& description, const Toolchain& toolchain,
                                          const std::vector<std::filesystem::path>& objects,
                                          const std::vector<std::string>& exports, const ObjectCache& cache,
                                          const std::filesystem::path& work, OutputBudget& budget,
                                          const std::stop_token& stop);

/// What the final link takes; `objects` are the application's, empty where it has none.
struct FinalLink {
    std::filesystem::path script;
    std::filesystem::path libos;
    std::vector<std::pair<std::string, std::filesystem::path>> objects;  ///< name for messages, file
    bool c_library = false;                                              ///< personality glibc
};

/// The linker's run in the sandbox, which leaves `image` in `output`. Pure.
ProcessSpecification final_link(const Description& description, const Toolchain& toolchain,
                                const FinalLink& link, const std::filesystem::path& output,
                                const SandboxLimits& limits);

/// The linker's words without its own name and its notes of no use to the author.
std::string linker_message(const std::string& printed);

}  // namespace unikernel::u0
