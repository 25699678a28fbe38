// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "builder_service/api/access_control.hh"
#include "builder_service/api/http_types.hh"
#include "builder_service/api/router.hh"
#include "common/util/result.hh"

namespace unikernel::api
{

/// Serves a router's routes over HTTP/1.1 to those whom an AccessControl lets pass. The only file pair that
/// knows cpprestsdk (its listener parses requests and writes answers); a Gate stands in front of it. Handlers
/// run on threads of this class, at most `limits::handler_threads` at once, and may block. The listener keeps
/// bodies in memory, so at most `limits::uploads` routes that take one for the store are under way at once,
/// and `limits::project_uploads` of a project. Thread-safe. One object per process: cpprestsdk has one thread
/// pool.
class HttpServer
{
public:
    struct Address {
        std::string host;  ///< numeric
        std::uint16_t port = 0;
        bool loopback = true;
    };
    /// "127.0.0.1:8770", "[::1]:0". Errors: invalid.
    static Result<Address> parse_address(const std::string& text);

    /// Errors: conflict (port in use), unavailable. `router` and `access` outlive the server. `any_host`: do
    /// not insist on a Host that names this machine.
    static Result<std::unique_ptr<HttpServer>> open(const Address& address, const Router& router,
                                                    AccessControl& access, bool any_host);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    std::uint16_t port() const;
    /// Ends in at most `limit`: takes nothing new, lets answers end, then closes. False: some
    /// connection did not end, and the process should leave by std::_Exit.
    bool stop(std::chrono::milliseconds limit);

private:
    class Implementation;
    explicit HttpServer(std::unique_ptr<Implementation> implementation);
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace unikernel::api
