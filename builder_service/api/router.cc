// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/router.hh"

#include <algorithm>
#include <set>

#include "builder_service/api/errors.hh"
#include "builder_service/api/limits.hh"

namespace unikernel::api
{

namespace
{

int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::vector<std::string_view> split(std::string_view text, char separator)
{
    std::vector<std::string_view> parts;
    for (;;) {
        const auto at = text.find(separator);
        parts.push_back(text.substr(0, at));
        if (at == std::string_view::npos)
            return parts;
        text.remove_prefix(at + 1);
    }
}

bool is_parameter(std::string_view segment)
{
    return segment.starts_with('{');
}

bool fits(std::string_view pattern, const std::vector<std::string>& segments)
{
    const auto wanted = split(pattern, '/');
    return std::equal(wanted.begin(), wanted.end(), segments.begin(), segments.end(),
                      [](std::string_view want, const std::string& have) {
                          return is_parameter(want) ? !have.empty() : want == have;
                      });
}

std::optional<std::vector<std::string>> decoded_segments(std::string_view path)
{
    std::vector<std::string> segments;
    for (const auto part : split(path, '/')) {
        auto text = percent_decoded(part);
        if (!text)
            return std::nullopt;
        segments.push_back(std::move(*text));
    }
    return segments;
}

std::optional<Response> read_query(Request& request, std::string_view query, const Route& route)
{
    if (query.empty())
        return std::nullopt;
    for (const auto pair : split(query, '&')) {
        const auto equals = pair.find('=');
        const auto name = percent_decoded(pair.substr(0, equals));
        const auto value = percent_decoded(equals == std::string_view::npos ? "" : pair.substr(equals + 1));
        if (!name || !value)
            return error(400, "query.invalid", "the query holds a bad percent escape");
        if (std::find(route.query.begin(), route.query.end(), *name) == route.query.end()) {
            std::string known;
            for (const auto each : route.query)
                known += (known.empty() ? "" : ", ") + std::string(each);
            return error(400, "query.unknown",
                         "query parameter " + *name +
                             " is not known here; known: " + (known.empty() ? "none" : known));
        }
        if (!request.query.emplace(*name, *value).second)
            return error(400, "query.invalid", "query parameter " + *name + " is given twice");
    }
    return std::nullopt;
}

std::uint64_t limit_of(Body body)
{
    switch (body) {
    case Body::json:
        return limits::json_bytes;
    case Body::archive:
        return limits::bundle_bytes;
    case Body::image:
        return limits::image_bytes;
    case Body::none:
        break;
    }
    return 0;
}

/// "application/json; charset=utf-8" -> "application/json"
std::string media_type(std::string_view header)
{
    auto type = std::string(header.substr(0, header.find(';')));
    while (!type.empty() && type.back() == ' ')
        type.pop_back();
    std::transform(type.begin(), type.end(), type.begin(), [](unsigned char c) { return std::tolower(c); });
    return type;
}

std::optional<Response> check_body(const Request& request, const Route& route)
{
    const auto limit = limit_of(route.body);
    if (request.body_bytes > limit)
        return error(413, "body.too-large",
                     "body of " + std::to_string(request.body_bytes) + " bytes is over the maximum of " +
                         std::to_string(limit) + " for " + std::string(route.path));
    if (route.body == Body::none)
        return std::nullopt;
    const auto type = media_type(request.header("Content-Type"));
    static const std::set<std::string> archives = {"application/x-tar", "application/gzip",
                                                   "application/x-gzip", "application/zstd",
                                                   "application/octet-stream"};
    if (route.body == Body::json && type != "application/json")
        return error(415, "body.media-type",
                     "Content-Type is '" + type + "'; this route takes application/json");
    if (route.body == Body::image && type != "application/octet-stream")
        return error(415, "body.media-type",
                     "Content-Type is '" + type + "'; this route takes application/octet-stream");
    if (route.body == Body::archive && !archives.contains(type))
        return error(415, "body.media-type",
                     "Content-Type is '" + type +
                         "'; this route takes a tar archive as "
                         "application/x-tar, application/gzip, application/zstd or application/octet-stream");
    return std::nullopt;
}

}  // namespace

std::optional<std::string> percent_decoded(std::string_view text)
{
    std::string decoded;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            decoded += text[at];
            continue;
        }
        if (at + 2 >= text.size())
            return std::nullopt;
        const int high = hex_value(text[at + 1]);
        const int low = hex_value(text[at + 2]);
        const int byte = high * 16 + low;
        if (high < 0 || low < 0 || byte == 0 || byte == '/')
            return std::nullopt;
        decoded += static_cast<char>(byte);
        at += 2;
    }
    return decoded;
}

Router::Router(std::vector<Route> routes) : routes_(std::move(routes)) {}

std::variant<const Route*, Response> Router::match(Request& request, std::string_view target) const
{
    const auto mark = target.find('?');
    const auto path = target.substr(0, mark);
    request.path = path;
    const auto segments = decoded_segments(path);
    if (!segments)
        return error(400, "path.invalid", "the path holds a bad percent escape or an encoded '/'");

    std::set<std::string_view> allowed;
    const Route* found = nullptr;
    const std::string_view method = request.method == "HEAD" ? "GET" : std::string_view(request.method);
    for (const auto& route : routes_) {
        if (!fits(route.path, *segments))
            continue;
        allowed.insert(route.method);
        if (route.method == method)
            found = &route;
    }
    if (allowed.empty())
        return error(404, "route.not-found", "no such resource: " + std::string(path));
    if (found == nullptr) {
        if (allowed.contains("GET"))
            allowed.insert("HEAD");
        std::string list;
        for (const auto each : allowed)
            list += (list.empty() ? "" : ", ") + std::string(each);
        auto refusal =
            error(405, "route.method", request.method + " is not possible here; possible: " + list);
        refusal.headers["Allow"] = list;
        return refusal;
    }
    if (auto refusal = check_body(request, *found))
        return *refusal;
    const auto query = mark == std::string_view::npos ? "" : target.substr(mark + 1);
    if (auto refusal = read_query(request, query, *found))
        return *refusal;
    const auto pattern = split(found->path, '/');
    for (std::size_t at = 0; at < pattern.size(); ++at)
        if (is_parameter(pattern[at]))
            request.parameters.push_back((*segments)[at]);
    return found;
}

}  // namespace unikernel::api
