// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "builder_service/database/database.hh"
#include "builder_service/reconcile/line_images.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// Whether a server runs what is wanted of it.
enum class Standing {
    in_compliance,
    out_of_compliance,
    unknown,   ///< nobody knows what is wanted of its image
    undecided  ///< it cannot be told just now
};

/// `validity`: how long an image of the line may live; nothing: for ever.
Standing standing(const LineImage& image, const std::string& wanted_plan_digest,
                  const std::optional<std::chrono::seconds>& validity,
                  std::chrono::system_clock::time_point now);

/// Since when each server has been what it is: table server_standings, whose SQL is all here. It is written
/// when something changed alone. Thread-safe. Failures: internal, no_space.
class StandingRepository
{
public:
    using Standings = std::map<std::string, Standing>;  ///< by the server's id
    using Times = std::map<std::string, std::string>;   ///< RFC 3339

    /// `database` outlives it.
    explicit StandingRepository(Database& database) : database_(database) {}
    StandingRepository(const StandingRepository&) = delete;
    StandingRepository& operator=(const StandingRepository&) = delete;

    /// Takes note of what is seen at `now`, and answers since when that has been so, as far as it was seen
    /// before; what is undecided stays as it was, and has no time. `all`: there are no other servers, and
    /// what is remembered of others is forgotten.
    Result<Times> note(const Standings& seen, bool all, std::chrono::system_clock::time_point now);

private:
    Database& database_;
};

}  // namespace unikernel
