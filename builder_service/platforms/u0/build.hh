// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "builder_service/platforms/object_cache.hh"
#include "builder_service/platforms/platform.hh"
#include "builder_service/platforms/tool.hh"
#include "builder_service/platforms/u0/generate.hh"
#include "builder_service/platforms/u0/jobs.hh"

namespace unikernel::u0
{

/// One image of platform u0 (doc: modules.rst and image.rst). Not thread-safe; one object, one build.
class Build : public PlatformBuild
{
public:
    Build(std::filesystem::path folder, PlatformInputs inputs);

    Result<void> generate() override;
    Result<void> compile(std::stop_token stop) override;
    Result<void> link(std::stop_token stop) override;
    Result<void> verify() override;
    std::filesystem::path image_file() const override { return inputs_.work / "image"; }
    nlohmann::json description() const override { return inputs_.description; }
    std::uint32_t objects_compiled() const override { return compiled_; }
    std::uint32_t objects_cached() const override { return cached_; }

private:
    Result<void> write_headers() const;
    JobContext context() const;
    bool has_c_library() const;
    /// The functions that installed modules hook in are there, those of other modules are not.
    Result<void> check_modules(const std::string& linked) const;
    std::uint64_t minimum_memory_mib(std::uint64_t image_end) const;

    std::filesystem::path folder_;
    PlatformInputs inputs_;
    ObjectCache cache_;
    OutputBudget budget_;
    Description core_;
    Chains chains_;
    Toolchain toolchain_;
    /// Owner, or "" -> generated file -> text.
    std::map<std::string, std::map<std::string, std::string>> headers_;
    std::vector<std::filesystem::path> closed_;                               // objects of core and modules
    std::vector<std::pair<std::string, std::filesystem::path>> application_;  // name, object
    std::uint32_t compiled_ = 0, cached_ = 0;
};

}  // namespace unikernel::u0
