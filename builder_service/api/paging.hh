// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include <nlohmann/json.hpp>

#include "builder_service/api/http_types.hh"
#include "builder_service/database/scope.hh"
#include "common/util/result.hh"

namespace unikernel::api
{

/// ?marker, ?limit and ?all_projects of a listing.
struct Page {
    std::string marker;  ///< empty: from the beginning
    std::size_t limit = 0;
    Scope scope;
};

/// ?name=true or false; absent is false. Errors: invalid.
Result<bool> flag_of(const Request& request, const std::string& name);

/// What the caller of a resource by its name may see: his project's, an administrator everything.
Scope scope_of(const Request& request);

/// A listing shows one project; all of them if an administrator asks for it. The alternative is the
/// refusal: 400, 403.
tl::expected<Page, Response> page_of(const Request& request);

/// {"<plural>": [...], "links": [...]}: at most `page.limit` of the items, of which one more was read if
/// there are more; then with the link to the next page, whose marker is the last item's `key`.
/// `public_url`: with which links begin.
nlohmann::json paged(const Request& request, const Page& page, const std::string& plural,
                     nlohmann::json::array_t items, const std::string& key, const std::string& public_url);
/// The same of items that no key alone tells apart.
nlohmann::json paged(const Request& request, const Page& page, const std::string& plural,
                     nlohmann::json::array_t items,
                     const std::function<std::string(const nlohmann::json&)>& marker_of,
                     const std::string& public_url);

}  // namespace unikernel::api
