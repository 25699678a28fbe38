// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/paging.hh"

#include <charconv>

#include "builder_service/api/errors.hh"
#include "builder_service/api/limits.hh"

namespace unikernel::api
{

namespace
{

std::string value_of(const Request& request, const std::string& name)
{
    const auto found = request.query.find(name);
    return found == request.query.end() ? "" : found->second;
}

Result<std::size_t> limit_of(const Request& request)
{
    if (!request.query.contains("limit"))
        return limits::page_items;
    const auto text = value_of(request, "limit");
    std::size_t value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc{} || end != text.data() + text.size() || value < 1 ||
        value > limits::page_items_most)
        return fail(FailureKind::invalid, "limit: '" + text + "' is not a number from 1 to " +
                                              std::to_string(limits::page_items_most));
    return value;
}

}  // namespace

Result<bool> flag_of(const Request& request, const std::string& name)
{
    if (!request.query.contains(name))
        return false;
    const auto text = value_of(request, name);
    if (text != "true" && text != "false")
        return fail(FailureKind::invalid, name + ": '" + text + "' is neither true nor false");
    return text == "true";
}

Scope scope_of(const Request& request)
{
    return {request.caller.project_id, request.caller.admin, request.caller.domain_id};
}

tl::expected<Page, Response> page_of(const Request& request)
{
    const auto limit = limit_of(request);
    if (!limit)
        return tl::unexpected(error(limit.error(), "query"));
    const auto all = flag_of(request, "all_projects");
    if (!all)
        return tl::unexpected(error(all.error(), "query"));
    if (*all && !request.caller.admin)
        return tl::unexpected(error(403, "policy.forbidden", "all_projects is for administrators"));
    return Page{
        value_of(request, "marker"), *limit, {request.caller.project_id, *all, request.caller.domain_id}};
}

nlohmann::json paged(const Request& request, const Page& page, const std::string& plural,
                     nlohmann::json::array_t items, const std::string& key, const std::string& public_url)
{
    const auto marker_of = [&key](const nlohmann::json& item) { return item.at(key).get<std::string>(); };
    return paged(request, page, plural, std::move(items), marker_of, public_url);
}

nlohmann::json paged(const Request& request, const Page& page, const std::string& plural,
                     nlohmann::json::array_t items,
                     const std::function<std::string(const nlohmann::json&)>& marker_of,
                     const std::string& public_url)
{
    auto links = nlohmann::json::array();
    if (items.size() > page.limit) {
        items.resize(page.limit);
        links.push_back({{"rel", "next"},
                         {"href", public_url + request.path + "?limit=" + std::to_string(page.limit) +
                                      "&marker=" + marker_of(items.back()) +
                                      (page.scope.all_projects ? "&all_projects=true" : "")}});
    }
    return {{plural, std::move(items)}, {"links", std::move(links)}};
}

}  // namespace unikernel::api
