// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/publishing/fake_glance.hh"

#include <algorithm>

#include "common/util/hex.hh"

namespace unikernel
{

using nlohmann::json;

namespace
{

FakeServer::Response token()
{
    auto reply = FakeServer::reply(
        201,
        json{{"token", {{"expires_at", "2999-01-01T00:00:00.000000Z"}, {"catalog", json::array()}}}}.dump());
    reply.set("X-Subject-Token", "a-token");
    return reply;
}

std::string decoded(const std::string& text)
{
    std::string plain;
    for (std::size_t at = 0; at < text.size(); ++at)
        if (text[at] == '%') {
            plain += static_cast<char>(from_hex(text.substr(at + 1, 2))->at(0));
            at += 2;
        } else {
            plain += text[at];
        }
    return plain;
}

}  // namespace

void FakeGlance::add(const std::string& id, json image)
{
    image["id"] = id;
    image["status"] = "active";
    image["os_hidden"] = false;
    image["created_at"] = "2020-01-01T00:00:00Z";
    used_.insert(id);
    images[id] = std::move(image);
}

int FakeGlance::count(const std::string& step) const
{
    return static_cast<int>(std::count(steps.begin(), steps.end(), step));
}

FakeServer::Response FakeGlance::answer(const FakeServer::Request& request)
{
    const std::string target(request.target());
    if (target.find("/auth/tokens") != std::string::npos)
        return token();
    const auto path = target.substr(0, target.find('?'));
    const auto query = path.size() == target.size() ? "" : target.substr(path.size() + 1);
    constexpr std::string_view folder = "/v2/images";
    auto id = path.size() > folder.size() ? path.substr(folder.size() + 1) : "";
    id = id.substr(0, id.find('/'));
    const std::map<std::string, std::string> names{{"POST", "create"},
                                                   {"PUT", "upload"},
                                                   {"PATCH", "update"},
                                                   {"DELETE", "delete"},
                                                   {"GET", id.empty() ? "list" : "get"}};
    const auto action = path.find("/actions/");
    const auto step = action == path.npos ? names.at(std::string(request.method_string()))
                                          : path.substr(action + std::string("/actions/").size());
    const std::scoped_lock lock(mutex_);
    steps.push_back(step);
    const int refusal = hook(step);
    if (refusal > 0)
        return FakeServer::reply(static_cast<unsigned>(refusal), R"({"message": "the test wants it so"})");
    auto done = serve(step, id, query, request.body());
    return refusal < 0 ? FakeServer::nothing() : done;
}

FakeServer::Response FakeGlance::serve(const std::string& step, const std::string& id,
                                       const std::string& query, const std::string& body)
{
    if (step == "list")
        return list(query);
    if (step == "create")
        return create(body);
    const auto image = images.find(id);
    if (image == images.end())
        return FakeServer::reply(404, R"({"message": "there is no such image"})");
    if (step == "upload")
        return upload(image->second, body);
    if (step == "deactivate" || step == "reactivate")
        return set_active(image->second, step == "reactivate");
    if (step == "delete") {
        images.erase(image);
        return FakeServer::reply(204);
    }
    if (step == "update")
        for (const auto& change : json::parse(body))
            image->second[change["path"].get<std::string>().substr(1)] = change["value"];
    return FakeServer::reply(200, image->second.dump());
}

FakeServer::Response FakeGlance::list(const std::string& query) const
{
    auto found = json::array();
    for (const auto& [id, image] : images) {
        bool fits = true;
        for (std::size_t at = 0; at < query.size();) {
            const auto end = std::min(query.find('&', at), query.size());
            const auto equals = query.find('=', at);
            const auto name = query.substr(at, equals - at);
            const auto value = decoded(query.substr(equals + 1, end - equals - 1));
            const auto own = image.value(name, json());
            fits = fits && (name == "limit" || (own.is_string() ? own == value : own.dump() == value));
            at = end + 1;
        }
        if (fits)
            found.push_back(image);
    }
    return FakeServer::reply(200, json{{"images", found}}.dump());
}

FakeServer::Response FakeGlance::create(const std::string& body)
{
    auto image = json::parse(body);
    const std::string id = image["id"];
    if (used_.contains(id))
        return FakeServer::reply(409, R"({"message": "the id exists"})");
    add(id, image);
    images[id]["status"] = "queued";
    images[id]["created_at"] = "2026-01-01T00:00:00Z";
    return FakeServer::reply(201, images[id].dump());
}

FakeServer::Response FakeGlance::set_active(json& image, bool active)
{
    if (image["status"] != "active" && image["status"] != "deactivated")
        return FakeServer::reply(403, R"({"message": "it has no data yet"})");
    image["status"] = active ? "active" : "deactivated";
    return FakeServer::reply(204);
}

FakeServer::Response FakeGlance::upload(json& image, const std::string& body)
{
    if (image["status"] != "queued")
        return FakeServer::reply(409, R"({"message": "it is not queued"})");
    image["status"] = "active";
    image["size"] = body.size();
    image["data"] = body;  // a real one does not show this
    return FakeServer::reply(204);
}

}  // namespace unikernel
