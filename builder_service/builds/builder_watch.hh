// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "builder_service/builds/builder_repository.hh"

namespace unikernel
{

/// Says that this builder is alive, and finds those that are not: whose count stayed the same for the whole
/// lease, by the steady clock of the one who looked all the time. So no clocks of two machines are compared,
/// and a database that was away makes nobody dead. Used by one thread.
class BuilderWatch
{
public:
    using Clock = std::function<std::chrono::steady_clock::time_point()>;

    /// `name`: unique among the builders of the database. `lease`: after which the builds of a silent builder
    /// are others' to take. `builders` outlives it.
    BuilderWatch(BuilderRepository& builders, std::string name, std::chrono::milliseconds lease,
                 Clock now = std::chrono::steady_clock::now)
        : builders_(builders), name_(std::move(name)), lease_(lease), now_(std::move(now))
    {
    }

    /// To be called several times in a lease. Answers whom nobody has heard of for a lease, each of them once
    /// in a lease. Errors: as the database.
    Result<std::vector<std::string>> look();
    /// Nothing is left of that one.
    void forget(const std::string& silent) { (void)builders_.leave(silent); }
    std::chrono::milliseconds lease() const { return lease_; }

private:
    struct Seen {
        std::int64_t beat = 0;
        std::chrono::steady_clock::time_point since;
    };
    BuilderRepository& builders_;
    const std::string name_;
    const std::chrono::milliseconds lease_;
    const Clock now_;
    std::map<std::string, Seen> seen_;
};

}  // namespace unikernel
