// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "builder_service/openstack/rest_client.hh"
#include "builder_service/openstack/session.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// Speaks to one service of the cloud with the token of the builder's own account. Thread-safe; blocks.
///
/// An answer of any status is an answer; the failures are those of Session and RestClient. Nothing is tried
/// again: who asks knows how long to try.
class EndpointClient
{
public:
    struct Settings {
        std::string type;               ///< in the catalogue: "image", "compute"
        std::string endpoint_override;  ///< URL; empty: by the catalogue
        std::string region;             ///< empty: any
        std::string interface = "public";
        std::chrono::seconds silence{60};  ///< without a byte of the service's
    };
    /// `session` outlives it.
    EndpointClient(Session& session, Settings settings) : session_(session), settings_(std::move(settings)) {}
    EndpointClient(const EndpointClient&) = delete;
    EndpointClient& operator=(const EndpointClient&) = delete;

    Result<RestClient::Answer> send(const RestClient::Call& call);
    /// Streams a file as the body.
    Result<RestClient::Answer> send_file(const RestClient::Call& call, const std::filesystem::path& file);

private:
    Result<std::shared_ptr<RestClient>> client(const RestClient::Call& call);
    Result<RestClient::Answer> ask(const RestClient::Call& call, const std::filesystem::path* file);

    Session& session_;
    const Settings settings_;
    std::mutex mutex_;
    std::shared_ptr<RestClient> client_;  ///< of the endpoint that was found last
};

/// What a bad answer says, for people, from any of the forms that OpenStack's services have: {"message":
/// ...}, {"badRequest": {"message": ...}}, or a page.
std::string reason_of(const RestClient::Answer& answer);

/// Failure of a bad answer: unavailable (401, 408, 429, 5xx: trying again may help), conflict (409),
/// not_found (404), else invalid. `service` begins the text: "Glance".
Failure failure_of(const std::string& service, const RestClient::Answer& answer);

}  // namespace unikernel
