// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/errors.hh"

#include <algorithm>

#include "builder_service/api/microversion.hh"
#include "builder_service/builds/new_id.hh"

namespace unikernel::api
{

namespace
{

constexpr std::string_view retry_seconds = "10";

/// Text which came from outside may hold any bytes; an answer is always UTF-8.
std::string dump(const nlohmann::json& value)
{
    return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

struct Mapped {
    int status;
    std::string_view code;
};

Mapped mapped(FailureKind kind)
{
    switch (kind) {
    case FailureKind::invalid:
        return {400, "invalid"};
    case FailureKind::not_found:
        return {404, "not-found"};
    case FailureKind::conflict:
        return {409, "conflict"};
    case FailureKind::unresolvable:
        return {409, "unresolvable"};
    case FailureKind::too_large:
        return {413, "too-large"};
    case FailureKind::no_space:
        return {507, "disk-full"};
    case FailureKind::timed_out:
        return {504, "timed-out"};
    case FailureKind::cancelled:
        return {409, "cancelled"};
    case FailureKind::unavailable:
        return {503, "unavailable"};
    case FailureKind::internal:
        break;
    }
    return {500, "internal"};
}

}  // namespace

std::string new_request_id()
{
    return "req-" + new_id();
}

std::string_view reason_phrase(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 202:
        return "Accepted";
    case 204:
        return "No Content";
    case 206:
        return "Partial Content";
    case 300:
        return "Multiple Choices";
    case 304:
        return "Not Modified";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 406:
        return "Not Acceptable";
    case 409:
        return "Conflict";
    case 411:
        return "Length Required";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 415:
        return "Unsupported Media Type";
    case 416:
        return "Range Not Satisfiable";
    case 421:
        return "Misdirected Request";
    case 429:
        return "Too Many Requests";
    case 431:
        return "Request Header Fields Too Large";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    case 505:
        return "HTTP Version Not Supported";
    case 507:
        return "Insufficient Storage";
    default:
        return "Internal Server Error";
    }
}

Response json_response(int status, const nlohmann::json& body)
{
    return {status, {{"Content-Type", "application/json"}}, dump(body)};
}

Response error(int status, std::string_view code, std::string_view detail)
{
    return json_response(status, {{"errors",
                                   {{{"status", status},
                                     {"code", code},
                                     {"title", reason_phrase(status)},
                                     {"detail", detail},
                                     {"request_id", ""}}}}});
}

Response error(const Failure& failure, std::string_view thing)
{
    const auto [status, word] = mapped(failure.kind);
    return error(status, std::string(thing) + "." + std::string(word), failure.message);
}

Response too_many(std::string_view things, std::size_t limit, bool of_project)
{
    const auto what = std::to_string(limit) + " " + std::string(things);
    auto code = std::string(things) + ".too-many";
    std::replace(code.begin(), code.end(), ' ', '-');
    if (of_project)
        return with_retry(
            error(429, code,
                  "the project has " + what +
                      ", as many as one project may have at once; try again when one has ended"));
    return with_retry(
        error(503, code, "there are " + what + " already, the most at once; try again in a moment"));
}

Response with_retry(Response response)
{
    if (response.status == 503 || response.status == 429)
        response.headers["Retry-After"] = retry_seconds;
    return response;
}

void stamp(Response& response, const std::string& request_id)
{
    response.headers["X-Openstack-Request-Id"] = request_id;
    stamp_microversion(response);
    const auto* text = std::get_if<std::string>(&response.body);
    if (response.status < 400 || text == nullptr)
        return;
    auto body = nlohmann::json::parse(*text, nullptr, false);
    if (!body.is_object() || !body.contains("errors"))
        return;
    for (auto& item : body["errors"])
        item["request_id"] = request_id;
    response.body = dump(body);
}

}  // namespace unikernel::api
