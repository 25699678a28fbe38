// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/microversion.hh"

#include <algorithm>

#include "builder_service/api/errors.hh"

namespace unikernel::api
{

namespace
{

constexpr std::string_view service = "unikernel";

std::string_view trimmed(std::string_view text)
{
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    return text.substr(0, text.find_last_not_of(' ') + 1);
}

/// "1.23"
bool is_version(std::string_view text)
{
    const auto number = [](std::string_view digits) {
        return !digits.empty() && digits.size() <= 9 &&
               digits.find_first_not_of("0123456789") == std::string_view::npos;
    };
    const auto dot = text.find('.');
    return dot != std::string_view::npos && number(text.substr(0, dot)) && number(text.substr(dot + 1));
}

Response not_acceptable(std::string_view wanted)
{
    auto response = error(406, "version.unsupported",
                          "version " + std::string(wanted) + " is not spoken here; the only one is " +
                              std::string(api_version));
    auto body = nlohmann::json::parse(std::get<std::string>(response.body));
    body["errors"][0]["min_version"] = api_version;
    body["errors"][0]["max_version"] = api_version;
    return json_response(406, body);
}

}  // namespace

std::optional<Response> check_microversion(const Request& head)
{
    auto list = head.header("OpenStack-API-Version");
    while (!list.empty()) {
        const auto item = trimmed(list.substr(0, list.find(',')));
        list.remove_prefix(std::min(list.find(','), list.size() - 1) + 1);
        const auto space = item.find(' ');
        if (item.substr(0, space) != service)
            continue;
        const auto version = space == std::string_view::npos ? "" : trimmed(item.substr(space));
        if (version == "latest" || version == api_version)
            continue;
        if (!is_version(version))
            return error(400, "version.malformed",
                         "OpenStack-API-Version must be 'unikernel 1.0' or 'unikernel latest'");
        return not_acceptable(version);
    }
    return std::nullopt;
}

void stamp_microversion(Response& response)
{
    response.headers["OpenStack-API-Version"] = std::string(service) + " " + std::string(api_version);
    response.headers["Vary"] = "OpenStack-API-Version";
}

}  // namespace unikernel::api
