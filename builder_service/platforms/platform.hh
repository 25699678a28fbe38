// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "builder_service/sandbox/sandbox.hh"
#include "common/model/image.hh"
#include "common/model/module.hh"
#include "common/model/specification.hh"
#include "common/util/digest.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// What a platform is given for one build. Referenced objects outlive the build.
struct PlatformInputs {
    const ImageSpec& spec;
    const Image& image;  ///< installed modules in order, with their configuration
    const Repository& repository;
    nlohmann::json description;     ///< what the pipeline knows of the note (doc: image.rst)
    std::string bundle_digest;      ///< names the application's source in the object cache
    std::filesystem::path source;   ///< its unpacked folder
    std::filesystem::path modules;  ///< folder of module folders
    std::filesystem::path work;     ///< empty folder of this build
    std::filesystem::path cache;    ///< shared by all builds; no tool of a tenant can see it
    SandboxLimits limits;
    std::function<void(std::string_view)> log;  ///< called from the thread that runs the step
};

/// One build, step by step, each once and in this order. A step's failure ends the build. Errors:
/// `invalid` means that the step's own tool refused the input (compiler, linker, verification) with the
/// tool's words; too_large: tools printed more than they may; timed_out, cancelled, no_space, unavailable
/// (something is not installed) and internal as everywhere.
class PlatformBuild
{
public:
    virtual ~PlatformBuild() = default;
    virtual Result<void> generate() = 0;
    virtual Result<void> compile(std::stop_token stop) = 0;
    virtual Result<void> link(std::stop_token stop) = 0;
    /// Finishes the image (notes, seal) and checks the bytes as a stranger would.
    virtual Result<void> verify() = 0;

    /// After verify().
    virtual std::filesystem::path image_file() const = 0;
    /// As it was read back from the finished bytes, its modules as they were found in what was linked.
    virtual nlohmann::json description() const = 0;
    virtual std::uint32_t objects_compiled() const = 0;
    virtual std::uint32_t objects_cached() const = 0;
};

/// A kind of unikernel. A new one is a folder beside u0/ and a line in make_platforms(). Thread-safe.
class Platform
{
public:
    virtual ~Platform() = default;
    virtual std::string name() const = 0;
    virtual std::string summary() const = 0;
    /// Modules a specification asks for without naming them.
    virtual std::vector<std::string> implied_modules(const ImageSpec& spec) const = 0;
    /// Values that other parts of the specification give to modules' options.
    virtual std::vector<std::pair<std::string, Condition>>
    implied_conditions(const ImageSpec& spec) const = 0;
    /// Digest of all that is not the request's and yet determines the bytes: tools, libraries, the
    /// platform's own sources. Errors: unavailable.
    virtual Result<Digest> identity() const = 0;
    /// Tools' names and versions for people. Errors: unavailable.
    virtual Result<std::string> toolchain() const = 0;
    virtual std::unique_ptr<PlatformBuild> begin(PlatformInputs inputs) const = 0;
};

/// All platforms this builder has; `folder` holds their own sources, `cache` what they fetched and built.
std::vector<std::unique_ptr<Platform>> make_platforms(const std::filesystem::path& folder,
                                                      const std::filesystem::path& cache);

}  // namespace unikernel
