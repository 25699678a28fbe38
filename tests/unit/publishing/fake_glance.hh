// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/unit/openstack/fake_server.hh"

namespace unikernel
{

/// Keystone's tokens and Glance's images on one port, by the rules of Glance that publishing rests on:
/// the states queued and active, ids that are never given out twice, filters. A test of the service uses
/// the real one.
class FakeGlance
{
public:
    /// Called with "list", "get", "create", "upload", "update", "delete", "deactivate" or "reactivate" before
    /// it is done; an answer other than 0 refuses with that status, -1 closes the connection after it was
    /// done.
    std::function<int(const std::string& step)> hook = [](const std::string&) { return 0; };
    std::map<std::string, nlohmann::json> images;
    std::vector<std::string> steps;

    std::string url() const { return server_.url(); }
    /// An active image that is there already.
    void add(const std::string& id, nlohmann::json image);
    int count(const std::string& step) const;

private:
    FakeServer::Response answer(const FakeServer::Request& request);
    FakeServer::Response serve(const std::string& step, const std::string& id, const std::string& query,
                               const std::string& body);
    FakeServer::Response list(const std::string& query) const;
    FakeServer::Response create(const std::string& body);
    static FakeServer::Response set_active(nlohmann::json& image, bool active);
    FakeServer::Response upload(nlohmann::json& image, const std::string& body);

    std::set<std::string> used_;
    mutable std::mutex mutex_;
    FakeServer server_{[this](const FakeServer::Request& request) { return answer(request); }};
};

}  // namespace unikernel
