// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "builder_service/api/handlers.hh"
#include "builder_service/api/router.hh"

namespace unikernel::api
{

/// All routes of the service (doc: rest-api.rst, openapi.yaml).
std::vector<Route> routes(Context& context);

}  // namespace unikernel::api
