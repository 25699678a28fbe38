// SPDX-License-Identifier: Apache-2.0
#include "builder_service/reconcile/lease.hh"

#include <stdexcept>

namespace unikernel
{

namespace
{
using soci::into;
using soci::use;
}  // namespace

Lease::Lease(Database& database, std::string holder, std::chrono::milliseconds length, Clock clock)
    : database_(database), holder_(std::move(holder)), length_(length), clock_(std::move(clock))
{
}

Lease::Row Lease::read(soci::session& sql)
{
    Row row;
    sql << "SELECT holder, epoch, beat, until FROM leases WHERE name = 'reconcile'", into(row.holder),
        into(row.epoch), into(row.beat), into(row.until);
    return row;
}

bool Lease::has_run_out(const Row& row)
{
    const auto now = clock_.steady();
    if (row.beat != seen_beat_) {
        seen_beat_ = row.beat;
        seen_ = now;
    }
    return row.until <= clock_.wall_ms() || now - seen_ >= length_;
}

bool Lease::take(soci::session& sql)
{
    // Written first, so that SQLite lets nobody else write until this is decided.
    sql << "UPDATE leases SET beat = beat WHERE name = 'reconcile'";
    const auto row = read(sql);
    const bool ours = row.holder == holder_;
    if (!ours && !row.holder.empty() && !has_run_out(row))
        return false;
    const auto epoch = ours && row.epoch == epoch_ ? epoch_ : row.epoch + 1;
    const auto beat = row.beat + 1;
    const long long until = clock_.wall_ms() + length_.count();
    sql << "UPDATE leases SET holder = :holder, epoch = :epoch, beat = :beat, until = :until"
           " WHERE name = 'reconcile'",
        use(holder_), use(epoch), use(beat), use(until);
    epoch_ = epoch;
    return true;
}

Result<bool> Lease::keep()
{
    const auto now = clock_.steady();
    if (epoch_ != 0 && now - renewed_ < length_ / 3)
        return true;
    const auto before = epoch_;
    auto taken = database_.transact(false, [this](soci::session& sql) { return take(sql); });
    if (!taken || !*taken) {
        // While the database does not answer it stays ours, but nothing is done under it.
        epoch_ = taken ? 0 : before;
        return taken;
    }
    renewed_ = now;
    return true;
}

void Lease::give_back()
{
    if (epoch_ == 0)
        return;
    [[maybe_unused]] const auto done = database_.transact(false, [this](soci::session& sql) {
        const long long past = 0;
        sql << "UPDATE leases SET until = :past WHERE name = 'reconcile' AND holder = :holder AND epoch = "
               ":epoch",
            use(past), use(holder_), use(epoch_);
    });
    epoch_ = 0;
}

void Lease::require(soci::session& sql) const
{
    soci::statement own =
        (sql.prepare << "UPDATE leases SET beat = beat WHERE name = 'reconcile' AND holder = :holder"
                        " AND epoch = :epoch",
         use(holder_), use(epoch_));
    own.execute(true);
    if (epoch_ == 0 || own.get_affected_rows() != 1)
        throw std::runtime_error("this builder leads no longer; another one goes on from here");
}

}  // namespace unikernel
