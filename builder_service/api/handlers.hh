// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "builder_service/api/event_pump.hh"
#include "builder_service/api/http_types.hh"
#include "builder_service/api/limits.hh"
#include "builder_service/api/project_places.hh"
#include "builder_service/artifacts/artifact_catalog.hh"
#include "builder_service/builds/build_service.hh"
#include "builder_service/compliance/compliance.hh"
#include "builder_service/compliance/dry_run.hh"
#include "builder_service/reconcile/rollout_repository.hh"
#include "builder_service/repositories/module_repositories.hh"
#include "builder_service/requirements/requirement_service.hh"

namespace unikernel
{
class InstanceService;
}

namespace unikernel::api
{

/// What the handlers work with; all of it outlives the server.
struct Context {
    Database& database;
    BuildService& builds;
    ArtifactCatalog& artifacts;
    RequirementService& requirements;
    DryRun& dry_run;
    Compliance& compliance;
    RolloutRepository& rollouts;
    ModuleRepositories& repositories;
    EventPump& events;
    std::string public_url;           ///< of links, without '/' at its end; empty: what the client named
    std::filesystem::path platforms;  ///< folder of platform folders
    bool boots_images = false;        ///< the service can do the boot check
    std::function<std::vector<std::string>()> accelerators;
    InstanceService* instances = nullptr;  ///< null: the servers are Nova's
    /// Whether there is such a domain. Errors: invalid, unavailable. Empty: there are none.
    std::function<Result<void>(const std::string& id)> check_domain;
    std::function<void()> wake_loop;  ///< a person gave an order; empty: the loop does not run
    ProjectPlaces looks{limits::looks, limits::project_looks};
};

// One function per route; see routes.cc.
Response discover(Context& context, const Request& request);
Response get_version(Context& context, const Request& request);
Response healthcheck(Context& context, const Request& request);
Response post_bundle(Context& context, const Request& request);
Response post_build(Context& context, const Request& request);
Response list_builds(Context& context, const Request& request);
Response get_build(Context& context, const Request& request);
Response delete_build(Context& context, const Request& request);
Response get_events(Context& context, const Request& request);
Response post_image(Context& context, const Request& request);
Response list_images(Context& context, const Request& request);
Response get_image(Context& context, const Request& request);
Response delete_image(Context& context, const Request& request);
Response get_image_file(Context& context, const Request& request);
Response list_requirements(Context& context, const Request& request);
Response post_requirement(Context& context, const Request& request);
Response get_requirement(Context& context, const Request& request);
Response put_requirement(Context& context, const Request& request);
Response delete_requirement(Context& context, const Request& request);
Response get_audit(Context& context, const Request& request);
Response list_instances(Context& context, const Request& request);
Response post_instance(Context& context, const Request& request);
Response get_instance(Context& context, const Request& request);
Response put_instance(Context& context, const Request& request);
Response delete_instance(Context& context, const Request& request);
Response get_instance_console(Context& context, const Request& request);
Response list_rollouts(Context& context, const Request& request);
Response get_rollout(Context& context, const Request& request);
Response act_on_rollout(Context& context, const Request& request);
Response get_compliance(Context& context, const Request& request);
Response list_modules(Context& context, const Request& request);
Response get_module(Context& context, const Request& request);
Response list_repositories(Context& context, const Request& request);
Response list_platforms(Context& context, const Request& request);

/// Runs what looks at all servers, and may wait for Nova as long as that is silent: of such there are at most
/// `limits::looks` at once, so that the handlers' threads are there for others.
Response with_look(Context& context, const Request& request, const std::function<Response()>& look);

/// Reads the whole body as JSON. Errors: invalid (with the position), unavailable.
Result<nlohmann::json> json_body(const Request& request);

/// With which absolute URLs of this service begin, for links: public-url, else what the client called it.
std::string public_base(const Context& context, const Request& request);

}  // namespace unikernel::api
