// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "builder_service/api/http_types.hh"

namespace unikernel::api
{

/// The version of the API (API-SIG, "Microversion Specification"). There is one.
inline constexpr std::string_view api_version = "1.0";

/// Looks at OpenStack-API-Version ("unikernel 1.0", "unikernel latest"; other services' are not ours).
/// An answer is a refusal: 400 malformed, 406 not a version of this service. Without it: the oldest.
std::optional<Response> check_microversion(const Request& head);

/// Says in an answer's headers which version it is.
void stamp_microversion(Response& response);

}  // namespace unikernel::api
