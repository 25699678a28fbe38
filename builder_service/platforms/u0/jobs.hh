// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "builder_service/platforms/compile_jobs.hh"
#include "builder_service/platforms/platform.hh"
#include "builder_service/platforms/u0/description.hh"
#include "builder_service/platforms/u0/toolchain.hh"

/// The translation units of an image, with the compiler's command line and the key of each.
namespace unikernel::u0
{

/// Generated headers of the core (under "core") and of each module: file name -> text.
using GeneratedHeaders = std::map<std::string, std::map<std::string, std::string>>;

/// What the jobs are made from. Referenced objects outlive the jobs.
struct JobContext {
    const PlatformInputs& inputs;
    const Description& description;
    const Toolchain& toolchain;
    std::filesystem::path folder;     ///< of the platform
    std::filesystem::path generated;  ///< where the headers were written, <name>/<file>
};

/// Core first, then the modules in order of installation: all that becomes libos.o. An object depends on
/// the text of its own folder, of the headers it can see and of its own generated headers, and on nothing
/// else, so a changed option of one module recompiles that module alone. Errors: unavailable (a
/// third-party source is not in the cache), invalid, internal.
Result<std::vector<CompileJob>> closed_jobs(const JobContext& context, const GeneratedHeaders& headers);

/// The application's sources, compiled in the sandbox, and what modules add to the application's side.
Result<std::vector<CompileJob>> application_jobs(const JobContext& context, const GeneratedHeaders& headers);

}  // namespace unikernel::u0
