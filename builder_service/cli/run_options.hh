// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include <boost/program_options.hpp>

#include "builder_service/hypervisor/hypervisor.hh"

namespace unikernel::cli
{

boost::program_options::options_description run_options();

/// What `unikernel run` was asked for; name, image, description and console are still to be filled in.
/// Throws UsageError.
InstanceSpec instance_spec(const boost::program_options::variables_map& values);

/// "8080:80", "0.0.0.0:8080:80", "80" (any free host port). Throws UsageError.
PortForward parse_forward(const std::string& text);

/// --grace. Throws UsageError.
std::chrono::milliseconds grace_period(const boost::program_options::variables_map& values);

}  // namespace unikernel::cli
