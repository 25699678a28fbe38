// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace unikernel
{

/// How one finds out that a server does its work after it was replaced.
struct HealthCheck {
    enum class Kind { http, tcp, console };
    Kind kind = Kind::console;
    std::uint16_t port = 80;  ///< http, tcp: the guest's port
    std::string path = "/";   ///< http: what GET asks for
    int status = 200;         ///< http: of a healthy answer
    std::string marker;       ///< console: text that must be in the log of the boot that is running

    bool operator==(const HealthCheck&) const = default;
};

}  // namespace unikernel
