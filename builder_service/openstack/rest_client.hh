// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "common/util/result.hh"

namespace unikernel
{

/// Speaks HTTP to one service. The only file pair that knows cpprestsdk's client. Thread-safe; every call
/// blocks its thread, which must not be one of cpprestsdk's.
///
/// An answer of any status is an answer; a failure is the want of one: unavailable (no connection, silence,
/// connection lost, an answer over a limit), cancelled (`stop`), invalid (a header or path that cannot be
/// sent). Redirects are not followed, so that no token goes where it was not meant to.
class RestClient
{
public:
    struct Settings {
        std::string url;               ///< "http://host:port/prefix"; http or https
        std::filesystem::path cafile;  ///< PEM; the only authorities that are trusted. Empty: the system's
        bool insecure = false;         ///< take any certificate
        std::chrono::seconds silence{60};  ///< to connect, and between two bytes
        unsigned retries = 3;              ///< of a repeatable call without an answer, or with 502, 503, 504
        std::chrono::milliseconds first_pause{200};  ///< before the first retry; doubles
        std::uint64_t answer_bytes = 4ULL << 20;     ///< most bytes of an answer that is JSON
    };
    struct Call {
        std::string method = "GET";
        std::string path;  ///< below the URL, percent-encoded, may hold a query: "/v2/images?limit=1"
        std::map<std::string, std::string> headers;
        std::optional<nlohmann::json> body;
        bool repeatable = false;        ///< also without GET, HEAD and PUT, which always are
        std::string global_request_id;  ///< passed on as X-Openstack-Request-Id, unless empty
        std::stop_token stop;
    };
    struct Answer {
        int status = 0;
        std::map<std::string, std::string> headers;  ///< names in lower case
        std::string text;                            ///< the body, unless a sink took it
        std::string header(const std::string& name) const;
        bool good() const { return status >= 200 && status < 300; }
        /// The body as JSON under limits of size, depth and number. Errors: unavailable.
        Result<nlohmann::json> json() const;
    };
    /// Gets pieces of a body in order; false ends the transfer.
    using Sink = std::function<bool(std::string_view piece)>;

    /// Errors: invalid (not an http or https URL, no usable cafile).
    static Result<std::unique_ptr<RestClient>> create(Settings settings);
    ~RestClient();
    RestClient(const RestClient&) = delete;
    RestClient& operator=(const RestClient&) = delete;

    const std::string& url() const;
    Result<Answer> send(const Call& call);
    /// Streams a file as the body, announcing its size; `call.body` is not used. Not retried.
    /// Errors: also not_found, internal (the file cannot be read).
    Result<Answer> send_file(const Call& call, const std::filesystem::path& file,
                             const std::string& content_type);
    /// Streams the body of a good answer into `sink`, on this thread and as it arrives; that of a bad one
    /// stays in the answer. Not retried.
    Result<Answer> receive(const Call& call, const Sink& sink);

private:
    class Implementation;
    explicit RestClient(std::unique_ptr<Implementation> implementation);
    std::unique_ptr<Implementation> implementation_;
};

/// One path segment or query value, percent-encoded (RFC 3986, 2.1).
std::string percent_encoded(std::string_view text);

}  // namespace unikernel
