// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include <boost/program_options.hpp>
#include <nlohmann/json.hpp>

#include "builder_service/cli/output.hh"
#include "builder_service/cli/service_client.hh"

/// What the commands about requirements, rollouts and compliance have in common.
namespace unikernel::cli
{

/// The service that --service or the environment names. Nothing is asked yet.
Result<std::unique_ptr<ServiceClient>> open_service(const boost::program_options::variables_map& values);

/// "/v1/rollouts/<name>" for "rollout" and what the user calls one of them. Errors: invalid, for what none
/// can be called.
Result<std::string> path_to(const std::string& kind, const std::string& name);

/// `text` without what could steer a terminal; "-" for nothing.
std::string shown(const nlohmann::json& object, const char* key);

/// "2 of 3": servers of a rollout that run the new image, of those that it concerns.
std::string progress_of(const nlohmann::json& rollout);

/// What a dry run answers, line by line: outcomes, modules with their reasons, servers.
void print_changes(const nlohmann::json& changes, const Output& output);

}  // namespace unikernel::cli
