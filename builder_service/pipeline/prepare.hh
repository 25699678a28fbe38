// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>

#include "builder_service/pipeline/pipeline.hh"

namespace unikernel
{

/// A build that ends with phase `compile`: its objects are in the cache then, and there is no image. Else as
/// build().
BuildOutcome compile_only(const PipelineSettings& settings, const BuildRequest& request,
                          const std::filesystem::path& work, BuildObserver& observer);

struct Prepared {
    std::uint32_t compiled = 0;  ///< objects that were not in the cache
    std::uint32_t kinds = 0;     ///< of images, whose common objects are all there now
};

using Say = std::function<void(std::string_view line)>;

/// Compiles ahead into the object cache what images have in common, so that no build has to. Kinds of images
/// are, of each platform: without an application; an application with each module; an application with all
/// modules that are not for security and go together, or all but one, and one for security added to these.
/// Options have their defaults; numbers that must be given, their greatest value. What depends on an image's
/// name, its application, its options, or on another set of modules is left to its own build. What the cache
/// has is not compiled again, so it may be called at any time, and again after it was interrupted. `say` gets
/// a line for each kind. Errors: no_space; unavailable (no compiler, no third-party source, a module that
/// does not compile).
Result<Prepared> prepare(const PipelineSettings& settings, const Say& say);

}  // namespace unikernel
