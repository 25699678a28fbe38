// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "builder_service/api/http_types.hh"

namespace unikernel::api
{

/// "[<global id> <id> <user> <project>]", '-' for what is not known: begins each line of the log that is
/// about a request, as in the logs of OpenStack's services.
std::string log_context(const Request& request);

/// The one line that each request gets.
void log_access(const Request& request, int status, std::chrono::milliseconds took = {});

}  // namespace unikernel::api
