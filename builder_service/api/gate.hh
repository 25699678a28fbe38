// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "builder_service/api/http_types.hh"
#include "common/util/result.hh"

namespace unikernel::api
{

/// Lets one request pass: what the listener finds in `Gate::ticket_header`. Worth nothing once it is gone.
using Ticket = std::shared_ptr<const std::string>;
struct Pass {
    Ticket ticket;
    std::shared_ptr<void>
        upload;  ///< a place for its body, given up when the answer begins; null: needs none
};
/// A refusal, or what lets it pass.
using Admission = std::variant<Response, Pass>;
/// Looks at a request's head before one byte of its body is read. Must not block; calls `decide` once, at
/// once or later, on any thread.
using HeadCheck =
    std::function<void(Request head, const std::string& target, std::function<void(Admission)> decide)>;

/// The door in front of the cpprestsdk listener, which has no limits of its own: it buffers
/// any head and any body, waits for ever, and parses chunk lengths as signed integers. The gate reads the
/// head with a limit and a deadline, refuses what is malformed, oversize, chunked or not
/// addressed to this machine, and passes on a head it wrote itself and exactly Content-Length
/// bytes. The body of a request without a ticket is never taken, and tokens end here. One request per
/// connection. It runs on one thread of its own.
class Gate
{
public:
    struct Settings {
        std::string address;         ///< numeric; loopback is the caller's business
        std::uint16_t port = 0;      ///< 0: any free one
        std::uint16_t upstream = 0;  ///< port of the listener on 127.0.0.1
        bool any_host = false;       ///< also for a Host that is no name of this machine
        HeadCheck check;             ///< called on the gate's thread
    };
    static constexpr std::string_view ticket_header = "X-Unikernel-Gate";

    /// Binds and begins to answer. Errors: conflict (port in use), invalid (not an address of
    /// this machine), unavailable.
    static Result<std::unique_ptr<Gate>> open(Settings settings);
    ~Gate();
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;

    std::uint16_t port() const;
    /// Takes no further connection; those open go on.
    void stop_accepting();
    std::size_t connections() const;

private:
    class Implementation;
    explicit Gate(std::unique_ptr<Implementation> implementation);
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace unikernel::api
