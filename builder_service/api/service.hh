// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "builder_service/api/settings.hh"
#include "builder_service/artifacts/artifact_store.hh"
#include "builder_service/builds/build_service.hh"
#include "builder_service/fleet/fleet.hh"
#include "builder_service/hypervisor/hypervisor.hh"
#include "builder_service/repositories/module_repositories.hh"

namespace unikernel::api
{

/// What builds and verifies images; chosen by the composition root.
struct Backend {
    Pipeline pipeline;
    std::shared_ptr<ModuleRepositories> repositories;  ///< where the pipeline's modules are from
    ArtifactStore::Inspect inspect;
    bool boots_images = false;
    /// A connection that lives, for the service's own instances; empty: it runs none.
    std::function<Result<std::shared_ptr<Hypervisor>>()> hypervisor = {};
    std::function<std::vector<std::string>()> accelerators;  ///< for people; may be slow the first time
    std::shared_ptr<Fleet> fleet = {};                       ///< null: the one that the settings mean
    /// Fills the cache ahead of the first build and tells what it did, line by line. Empty: nothing to do.
    std::function<Result<void>(const std::function<void(std::string_view)>& say)> prepare = {};
};
using MakeBackend = std::function<Result<Backend>(const Settings&)>;

/// The module repositories that the settings name.
std::shared_ptr<ModuleRepositories> open_repositories(const Settings& settings);

/// The whole life of the service, until SIGTERM or SIGINT; a second one cuts the draining
/// short. Answers the exit status: 0, 1 (cannot run), 2 (wrong settings).
int run_service(int argc, const char* const* argv, const MakeBackend& make_backend);

}  // namespace unikernel::api
