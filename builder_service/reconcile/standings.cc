// SPDX-License-Identifier: Apache-2.0
#include "builder_service/reconcile/standings.hh"

#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "builder_service/database/timestamp.hh"
#include "builder_service/reconcile/lines.hh"

namespace unikernel
{

namespace
{

using soci::into;
using soci::use;

constexpr std::array<std::string_view, 3> words{"in", "out", "unknown"};

std::string word_of(Standing standing)
{
    return std::string(words.at(static_cast<std::size_t>(standing)));
}

using Rows = std::map<std::string, std::pair<std::string, std::string>>;  ///< server -> state, since

Rows read(soci::session& sql)
{
    std::string server;
    std::string state;
    std::string since;
    soci::statement statement = (sql.prepare << "SELECT server, state, since FROM server_standings",
                                 into(server), into(state), into(since));
    Rows rows;
    statement.execute();
    while (statement.fetch())
        rows[server] = {state, since};
    return rows;
}

}  // namespace

Standing standing(const LineImage& image, const std::string& wanted_plan_digest,
                  const std::optional<std::chrono::seconds>& validity,
                  std::chrono::system_clock::time_point now)
{
    const auto end = parse_timestamp(image.not_after);
    const bool over = !image.not_after.empty() && (!end || now >= *end);
    const bool good = !image.plan_digest.empty() && image.plan_digest == wanted_plan_digest && !over &&
                      !outlives(image.created, image.not_after, validity);
    return good ? Standing::in_compliance : Standing::out_of_compliance;
}

Result<StandingRepository::Times> StandingRepository::note(const Standings& seen, bool all,
                                                           std::chrono::system_clock::time_point now)
{
    const auto before = database_.transact(false, read);
    if (!before)
        return tl::unexpected(before.error());
    const auto time = timestamp(now);
    Times times;
    std::vector<std::string> gone;
    Rows changed;
    for (const auto& [server, state] : seen) {
        if (state == Standing::undecided)
            continue;
        const auto known = before->find(server);
        const bool same = known != before->end() && known->second.first == word_of(state);
        times[server] = same ? known->second.second : time;
        if (!same)
            changed[server] = {word_of(state), time};
    }
    for (const auto& [server, row] : *before)
        if (changed.contains(server) || (all && !seen.contains(server)))
            gone.push_back(server);
    if (gone.empty() && changed.empty())
        return times;
    const auto stored = database_.transact(false, [&](soci::session& sql) {
        for (const auto& server : gone)
            sql << "DELETE FROM server_standings WHERE server = :server", use(server);
        for (const auto& [server, row] : changed)
            sql << "INSERT INTO server_standings (server, state, since) VALUES (:server, :state, :since)",
                use(server), use(row.first), use(row.second);
    });
    return stored.map([&] { return times; });
}

}  // namespace unikernel
