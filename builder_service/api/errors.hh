// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "builder_service/api/http_types.hh"
#include "common/util/result.hh"

namespace unikernel::api
{

/// "req-" and a random UUID (RFC 9562, version 4), as OpenStack's services name requests.
std::string new_request_id();

/// One error in the API-SIG form; the request id is filled in by whoever sends it.
/// `code` is for programs ("spec.invalid"), `detail` for people.
Response error(int status, std::string_view code, std::string_view detail);

/// The answer to a failure; `thing` begins the code ("spec" -> "spec.invalid").
Response error(const Failure& failure, std::string_view thing);

/// The refusal of one more than `limit` things ("uploads") at once: 429 of a project's, else 503; both with
/// Retry-After.
Response too_many(std::string_view things, std::size_t limit, bool of_project);

/// Adds Retry-After to an answer 503 or 429.
Response with_retry(Response response);

Response json_response(int status, const nlohmann::json& body);

/// Puts what every answer carries into its headers (request id, version), and the id into its errors.
void stamp(Response& response, const std::string& request_id);

std::string_view reason_phrase(int status);

}  // namespace unikernel::api
