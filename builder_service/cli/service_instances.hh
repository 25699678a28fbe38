// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <boost/program_options.hpp>

#include "builder_service/cli/exit_code.hh"
#include "builder_service/cli/output.hh"

namespace unikernel::cli
{

/// `unikernel run --detach`: the builder service runs the image, until it is told to stop. A file is given
/// to the service first. Throws UsageError for options that belong to the foreground.
ExitCode run_detached(const boost::program_options::variables_map& values, Output& output);

/// The instances that the builder service runs, in the form of running_instances() (without "pid", with
/// "status" and "image"). A service that does not answer has none, unless --service names it.
Result<std::vector<nlohmann::json>> service_instances(const boost::program_options::variables_map& values);

/// Ends one of them. Errors: not_found, unavailable.
Result<void> stop_service_instance(const boost::program_options::variables_map& values,
                                   const std::string& name, bool at_once);

}  // namespace unikernel::cli
