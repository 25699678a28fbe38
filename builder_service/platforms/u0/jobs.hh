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

/// What the jobs are made from. Referenced objects outlive the jobs.
struct JobContext {
    const PlatformInputs& inputs;
    const Description& description;
    const Toolchain& toolchain;
    std::filesystem::path folder;     ///< of the platform
    std::filesystem::path generated;  ///< where the headers were written, <name>/<file>
};

/// Core first, then the modules in order of installation: all that becomes libos.o. An object depends on
/// its source, the headers it reads and the flags, and on nothing else, so a changed option of one module
/// recompiles only what includes that module's config.gen.hh. Errors: unavailable (a
/// third-party source is not in the cache), invalid, internal.
Result<std::vector<CompileJob>> closed_jobs(const JobContext& context);

/// The standard headers, which the C++ units among those are given compiled (GCC manual, "Using Precompiled
/// Headers").
PrecompiledHeader precompiled_header(const JobContext& context);

/// The application's sources, compiled in the sandbox, and what modules add to the application's side.
Result<std::vector<CompileJob>> application_jobs(const JobContext& context);

}  // namespace unikernel::u0
