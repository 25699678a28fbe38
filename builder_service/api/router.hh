// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "builder_service/api/http_types.hh"

namespace unikernel::api
{

/// What a route takes as a body.
enum class Body { none, json, archive, image };

struct Route {
    std::string_view method;
    std::string_view path;  ///< "/v1/builds/{id}": a segment in braces takes any one segment
    std::string_view rule;  ///< of the policy, "unikernel:builds:create"; "": open, without a token
    Body body;
    std::vector<std::string_view> query;  ///< names it knows; any other is refused
    std::function<Response(const Request&)> handler;

    bool is_upload() const { return body == Body::archive || body == Body::image; }
};

/// Finds the route of a request. Immutable, hence thread-safe. HEAD goes to the GET route.
class Router
{
public:
    explicit Router(std::vector<Route> routes);

    const std::vector<Route>& routes() const { return routes_; }

    /// Fills in `request.parameters` and `request.query` from the target ("path?query").
    /// The alternative is the refusal: 400 (encoding, unknown query), 404, 405, 411, 413, 415.
    std::variant<const Route*, Response> match(Request& request, std::string_view target) const;

private:
    std::vector<Route> routes_;
};

/// Percent-decoding (RFC 3986, 2.1). Nothing for bad escapes, encoded '/' and NUL.
std::optional<std::string> percent_decoded(std::string_view text);

}  // namespace unikernel::api
