// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "builder_service/api/handlers.hh"
#include "builder_service/api/http_types.hh"
#include "builder_service/artifacts/incoming_file.hh"

namespace unikernel::api
{

/// Receives the whole body into a file of the store and gives it to `keep`, which makes the answer. How many
/// do so at once, the HttpServer bounds. `thing` begins the codes of errors ("bundle", "image").
Response with_upload(Context& context, const Request& request, std::string_view thing,
                     const std::function<Response(IncomingFile)>& keep);

}  // namespace unikernel::api
