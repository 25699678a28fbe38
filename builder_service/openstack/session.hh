// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "builder_service/openstack/rest_client.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// A name, or an id, which wins when both are given.
struct NameOrId {
    std::string name;
    std::string id;
};

/// An account of Keystone's, as the [keystone_authtoken] section names it.
struct Account {
    std::string auth_url;  ///< "http://host:5000", "https://host/identity/v3"
    NameOrId user;
    NameOrId user_domain;
    std::string password;
    NameOrId project;
    NameOrId project_domain;
    std::filesystem::path cafile;
    bool insecure = false;
    std::chrono::seconds silence{10};  ///< without a byte of Keystone's
    unsigned retries = 3;
};

/// The service's own token of Keystone (Identity API v3, "Password authentication with scoped
/// authorization") and the catalogue that comes with it. The token is made when first asked for, and again
/// a minute before it expires. Thread-safe; blocks.
///
/// Errors: unavailable, whether Keystone does not answer or refuses the account: the text says which, and
/// never holds a secret; cancelled, when `stop` is requested.
class Session
{
public:
    /// Errors: invalid (no auth_url ..., no usable cafile). Asks Keystone nothing yet.
    static Result<std::unique_ptr<Session>> create(Account account);
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// A token that is good for a minute at least.
    Result<std::string> token(const std::string& global_request_id = {}, std::stop_token stop = {});
    /// Calls with X-Auth-Token's value; a 401 brings one more call with a new token.
    using WithToken = std::function<Result<RestClient::Answer>(const std::string& token)>;
    Result<RestClient::Answer> authorized(const WithToken& call, const std::string& global_request_id = {},
                                          const std::stop_token& stop = {});

    struct Endpoint {
        std::string type;                  ///< "image"
        std::string interface = "public";  ///< public, internal or admin
        std::string region;                ///< empty: any
    };
    /// URL of a service by the catalogue, without a '/' at its end. Errors: also not_found.
    Result<std::string> endpoint(const Endpoint& wanted, const std::string& global_request_id = {},
                                 std::stop_token stop = {});

    /// For calls to Keystone itself; its URL ends before "/v3".
    RestClient& keystone() { return *keystone_; }
    const Account& account() const { return account_; }

private:
    struct Token {
        std::string id;
        std::chrono::system_clock::time_point expires;
        nlohmann::json catalog;
    };
    Session(Account account, std::unique_ptr<RestClient> keystone);
    Result<Token> current(const std::string& global_request_id, std::stop_token stop);
    Result<Token> issue(const std::string& global_request_id, std::stop_token stop);
    void forget(const std::string& token);

    const Account account_;
    const std::unique_ptr<RestClient> keystone_;
    std::mutex mutex_;  ///< held while a token is made, so that it is made once
    std::optional<Token> token_;
};

/// URL of `wanted` in a Keystone catalogue; nothing when it is not there.
std::optional<std::string> find_endpoint(const nlohmann::json& catalog, const Session::Endpoint& wanted);

/// RFC 3339, or without a zone, which Keystone leaves out of some times and which then is UTC; before 1970 is
/// 1970. Errors: invalid.
Result<std::chrono::system_clock::time_point> parse_time(const std::string& text);

}  // namespace unikernel
