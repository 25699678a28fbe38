// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "builder_service/openstack/endpoint_client.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// A server as Nova shows it (Compute API v2.1).
struct NovaServer {
    struct Address {
        std::string address;    ///< IPv4 or IPv6
        bool floating = false;  ///< else fixed
    };
    std::string id, name, project;
    std::string image;       ///< id; empty: of a volume
    std::string status;      ///< "ACTIVE", "REBUILD", "ERROR" ...
    std::string task_state;  ///< "rebuild_spawning" ...; empty: nothing is under way
    bool locked = false;
    std::map<std::string, std::string> metadata;
    std::vector<Address> addresses;
    std::string fault;  ///< the message of what put it into ERROR
};

/// The servers of all projects, by the service's own account, which Nova's policy must take for an
/// administrator's. Thread-safe; blocks.
///
/// Errors: unavailable (no answer, or 5xx: trying again may help), conflict (409: not in this state),
/// not_found, invalid (refused for good, with Nova's own words), cancelled.
class Nova
{
public:
    /// What is asked for is there since Train and not changed since: also in Zed (2.93) and in today's.
    static constexpr const char* microversion = "2.79";

    struct Settings {
        std::string
            endpoint_override;  ///< URL with its version, "http://host:8774/v2.1"; empty: by the catalogue
        std::string region;
        std::string interface = "public";
        std::chrono::seconds silence{60};  ///< without a byte of Nova's
        unsigned page = 200;               ///< servers of one listing; Nova's own limit (1000) also holds
    };
    /// `session` outlives it.
    Nova(Session& session, const Settings& settings);
    Nova(const Nova&) = delete;
    Nova& operator=(const Nova&) = delete;

    /// All there are, of all projects; those that are being deleted may be among them.
    Result<std::vector<NovaServer>> list(const std::stop_token& stop);
    /// Nothing: there is no such server (any more).
    Result<std::optional<NovaServer>> find(const std::string& id, std::stop_token stop);
    /// Asks for another image under the same server: its id, name, ports, addresses, metadata stay. Nova
    /// takes it in ACTIVE, SHUTOFF and ERROR while no task is under way; else conflict.
    Result<void> rebuild(const std::string& id, const std::string& image, std::stop_token stop);
    /// What Nova shows of the console log: of the boot that is running, its last 100 KiB at most.
    Result<std::string> console(const std::string& id, std::stop_token stop);

private:
    Result<nlohmann::json> ask(const RestClient::Call& call);
    RestClient::Call act(const std::string& id, nlohmann::json action, std::stop_token stop) const;

    EndpointClient client_;
    const unsigned page_;
};

}  // namespace unikernel
