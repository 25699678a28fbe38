// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <soci/soci.h>

#include "builder_service/database/database.hh"
#include "builder_service/reconcile/clock.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// Who of several builders on one database leads: a row with its holder and until when. It is taken over
/// when it ran out. Each time it changes hands its epoch grows, by which whatever a leader of the past still
/// wants to store is refused (`require`).
///
/// Wall clocks jump and differ. So a lease has also run out if nobody renewed it for its whole length by the
/// steady clock of the one who waits; and its holder believes in it only as long as by its own steady clock.
/// A holder that comes back under the same name (one process at a time owns a state folder) goes on at once.
/// Used by one thread.
class Lease
{
public:
    /// `holder`: unique among the builders of the database. Both outlive it.
    Lease(Database& database, std::string holder, std::chrono::milliseconds length, Clock clock = {});

    /// Takes or renews it if need be. False: another builder leads. Errors: as the database.
    Result<bool> keep();
    /// Gives it back, so that another builder need not wait until it ran out.
    void give_back();

    /// Inside of a transaction: throws unless the lease is still this one's.
    void require(soci::session& sql) const;

private:
    bool take(soci::session& sql);

    struct Row {
        std::string holder;
        long long epoch = 0, beat = 0, until = 0;
    };
    static Row read(soci::session& sql);
    bool has_run_out(const Row& row);

    Database& database_;
    const std::string holder_;
    const std::chrono::milliseconds length_;
    const Clock clock_;
    long long epoch_ = 0;  ///< 0: not held
    std::chrono::steady_clock::time_point renewed_;
    long long seen_beat_ = -1;  ///< of the other holder
    std::chrono::steady_clock::time_point seen_;
};

}  // namespace unikernel
