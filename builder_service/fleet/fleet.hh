// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/model/rollout_policy.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// A guest that runs, or could run, an image.
struct Server {
    std::string id, name, project;
    std::string image;     ///< Glance's image id (Nova), "sha256:..." (the service's own instances)
    std::string status;    ///< the fleet's own word, for people
    bool settled = false;  ///< running or stopped and nothing under way: it may be replaced now
    bool running = false;
    /// The owner's word (Nova: metadata unikernel:pinned=true): it is never touched.
    bool pinned = false;
    std::string fault;  ///< the fleet's own message, when it failed
    /// It is one for certain, whatever image it runs; else it may as well be an ordinary virtual machine.
    bool unikernel = false;
};

/// Those who run servers, as the rollout of a new image needs them. Thread-safe; blocks.
///
/// Nothing is remembered between calls: every answer is what the fleet says now, so that a rollout can go
/// on after the service was killed at any point.
class Fleet
{
public:
    virtual ~Fleet() = default;

    /// Every server there is; `image` says which of them concern the caller. Errors: unavailable, cancelled.
    virtual Result<std::vector<Server>> list(std::stop_token stop) = 0;
    /// Nothing: it was deleted. Errors: unavailable, cancelled.
    virtual Result<std::optional<Server>> find(const std::string& id, std::stop_token stop) = 0;
    /// Asks that the server run `image` (as in Server::image) from now on, and keep its id, name, ports and
    /// addresses. Does not wait for the end: find() tells, by `image` and `settled`.
    /// Errors: conflict (not in this state: later), invalid (refused for good), not_found, unavailable,
    /// cancelled.
    virtual Result<void> replace(const std::string& id, const std::string& image, std::stop_token stop) = 0;
    /// Asked of a server that runs, before it is touched: whether check() can be tried at all. Errors:
    /// invalid (it cannot, in a sentence), not_found, unavailable, cancelled.
    virtual Result<void> can_check(const Server& /*server*/, const HealthCheck& /*check*/,
                                   std::stop_token /*stop*/)
    {
        return {};
    }
    /// One try, of a few seconds at most. Errors: unavailable (not healthy yet, in a sentence), invalid
    /// (cannot be checked this way), not_found, cancelled.
    virtual Result<void> check(const Server& server, const HealthCheck& check, std::stop_token stop) = 0;
};

}  // namespace unikernel
