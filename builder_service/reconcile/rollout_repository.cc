// SPDX-License-Identifier: Apache-2.0
#include "builder_service/reconcile/rollout_repository.hh"

#include <algorithm>

#include "builder_service/builds/new_id.hh"
#include "builder_service/database/timestamp.hh"

namespace unikernel
{

namespace
{

using soci::into;
using soci::use;

constexpr const char* select_rollout =
    "SELECT number, id, project, name, state, wish, reason, cause, requirements, from_build, build, image,"
    " image_id, plan_digest, request, created, updated FROM rollouts ";

std::vector<RolloutServer> servers_of(soci::session& sql, long long number)
{
    RolloutServer row;
    std::string state;
    int was_running = 0;
    long long downtime = 0;
    soci::statement statement =
        (sql.prepare << "SELECT id, name, state, from_image, was_running, attempts, started, ended,"
                        " downtime_ms, error FROM rollout_servers WHERE rollout = :rollout ORDER BY place",
         use(number), into(row.id), into(row.name), into(state), into(row.from_image), into(was_running),
         into(row.attempts), into(row.started), into(row.ended), into(downtime), into(row.error));
    std::vector<RolloutServer> servers;
    statement.execute();
    while (statement.fetch()) {
        row.state = server_state(state).value_or(ServerState::failed);
        row.was_running = was_running != 0;
        row.downtime_ms = downtime;
        servers.push_back(row);
    }
    return servers;
}

/// `prepared` is a select_rollout with its parameters bound.
std::vector<Rollout> fetch(soci::session& sql, soci::details::prepare_temp_type prepared)
{
    Rollout row;
    long long number = 0;
    std::string state;
    std::string order;
    std::string requirements;
    soci::statement statement =
        (prepared, into(number), into(row.id), into(row.project), into(row.name), into(state), into(order),
         into(row.reason), into(row.cause), into(requirements), into(row.from_build), into(row.build),
         into(row.image), into(row.image_id), into(row.plan_digest), into(row.request), into(row.created),
         into(row.updated));
    std::vector<Rollout> rollouts;
    statement.execute();
    while (statement.fetch()) {
        row.number = number;
        row.state = rollout_state(state).value_or(RolloutState::failed);
        row.order = rollout_order(order).value_or(Order::none);
        row.requirements = nlohmann::json::parse(requirements);
        rollouts.push_back(row);
    }
    for (auto& rollout : rollouts)
        rollout.servers = servers_of(sql, rollout.number);
    return rollouts;
}

std::optional<Rollout> first(std::vector<Rollout> rollouts)
{
    if (rollouts.empty())
        return std::nullopt;
    return std::move(rollouts.front());
}

void write_server(soci::session& sql, long long rollout, const RolloutServer& server)
{
    const std::string state(to_string(server.state));
    const int was_running = server.was_running ? 1 : 0;
    const long long downtime = server.downtime_ms;
    soci::statement update =
        (sql.prepare
             << "UPDATE rollout_servers SET name = :name, state = :state, from_image = :from_image,"
                " was_running = :was_running, attempts = :attempts, started = :started, ended = :ended,"
                " downtime_ms = :downtime, error = :error WHERE rollout = :rollout AND id = :id",
         use(server.name), use(state), use(server.from_image), use(was_running), use(server.attempts),
         use(server.started), use(server.ended), use(downtime), use(server.error), use(rollout),
         use(server.id));
    update.execute(true);
    if (update.get_affected_rows() > 0)
        return;
    long long place = 0;
    sql << "SELECT COUNT(*) FROM rollout_servers WHERE rollout = :rollout", use(rollout), into(place);
    sql << "INSERT INTO rollout_servers (rollout, place, id, name, state, from_image, was_running, attempts,"
           " started, ended, downtime_ms, error) VALUES (:rollout, :place, :id, :name, :state, :from_image,"
           " :was_running, :attempts, :started, :ended, :downtime, :error)",
        use(rollout), use(place), use(server.id), use(server.name), use(state), use(server.from_image),
        use(was_running), use(server.attempts), use(server.started), use(server.ended), use(downtime),
        use(server.error);
}

void write_rollout(soci::session& sql, Rollout& rollout)
{
    rollout.updated = timestamp();
    const long long number = rollout.number;
    const std::string state(to_string(rollout.state));
    const int active = has_ended(rollout.state) ? 0 : 1;
    const auto requirements = rollout.requirements.dump();
    sql << "UPDATE rollouts SET state = :state, active = :active, reason = :reason, cause = :cause,"
           " requirements = :requirements, build = :build, image = :image, image_id = :image_id,"
           " plan_digest = :plan, request = :request, updated = :updated WHERE number = :number",
        use(state), use(active), use(rollout.reason), use(rollout.cause), use(requirements),
        use(rollout.build), use(rollout.image), use(rollout.image_id), use(rollout.plan_digest),
        use(rollout.request), use(rollout.updated), use(number);
}

void write_back_off(soci::session& sql, const std::string& project, const std::string& name,
                    const BackOff& back_off)
{
    const int until_changed = back_off.until_changed ? 1 : 0;
    sql << "REPLACE INTO line_back_off (project, name, request, failures, next_try, until_changed,"
           " reason) VALUES (:project, :name, :request, :failures, :next_try, :until_changed, :reason)",
        use(project), use(name), use(back_off.request), use(back_off.failures), use(back_off.next_try),
        use(until_changed), use(back_off.reason);
}

}  // namespace

std::chrono::milliseconds back_off(int failures)
{
    constexpr std::chrono::milliseconds first_pause{15'000};
    constexpr std::chrono::milliseconds longest = std::chrono::hours(1);
    return std::min<std::chrono::milliseconds>(first_pause * (1LL << std::clamp(failures - 1, 0, 20)),
                                               longest);
}

bool holds(const BackOff& last, const std::string& request, long long now_ms)
{
    if (last.request != request)
        return false;
    if (last.until_changed)
        return true;
    const auto left = last.next_try - now_ms;
    return left > 0 && left <= back_off(last.failures).count();
}

Result<void> RolloutRepository::add(const Lease& lease, Rollout& rollout)
{
    return database_.transact(true, [&](soci::session& sql) {
        lease.require(sql);
        rollout.id = new_id();
        rollout.created = rollout.updated = timestamp();
        const std::string state(to_string(rollout.state));
        const int active = has_ended(rollout.state) ? 0 : 1;
        const auto requirements = rollout.requirements.dump();
        sql << "INSERT INTO rollouts (id, project, name, state, active, reason, cause, requirements,"
               " from_build, build, image, image_id, plan_digest, request, created, updated) VALUES (:id,"
               " :project, :name, :state, :active, :reason, :cause, :requirements, :from_build, :build,"
               " :image, :image_id, :plan, :request, :created, :updated)",
            use(rollout.id), use(rollout.project), use(rollout.name), use(state), use(active),
            use(rollout.reason), use(rollout.cause), use(requirements), use(rollout.from_build),
            use(rollout.build), use(rollout.image), use(rollout.image_id), use(rollout.plan_digest),
            use(rollout.request), use(rollout.created), use(rollout.updated);
        long long number = 0;
        sql << "SELECT number FROM rollouts WHERE id = :id", use(rollout.id), into(number);
        rollout.number = number;
        for (const auto& server : rollout.servers)
            write_server(sql, number, server);
    });
}

Result<void> RolloutRepository::store(const Lease& lease, Rollout& rollout)
{
    return database_.transact(true, [&](soci::session& sql) {
        lease.require(sql);
        write_rollout(sql, rollout);
    });
}

Result<void> RolloutRepository::store(const Lease& lease, const Rollout& rollout, const RolloutServer& server)
{
    return database_.transact(true, [&](soci::session& sql) {
        lease.require(sql);
        write_server(sql, rollout.number, server);
    });
}

Result<void> RolloutRepository::finish(const Lease& lease, Rollout& rollout,
                                       const std::optional<BackOff>& next)
{
    return database_.transact(true, [&](soci::session& sql) {
        lease.require(sql);
        write_rollout(sql, rollout);
        if (next)
            write_back_off(sql, rollout.project, rollout.name, *next);
        else
            sql << "DELETE FROM line_back_off WHERE project = :project AND name = :name",
                use(rollout.project), use(rollout.name);
    });
}

Result<Rollout> RolloutRepository::give_order(const std::string& id, const Scope& scope, Order order)
{
    auto found = find(id, scope);
    if (!found)
        return tl::unexpected(found.error());
    if (!*found)
        return fail(FailureKind::not_found, "no rollout " + id.substr(0, 80) + " is known here");
    const std::string word(to_string(order));
    const auto changed = database_.transact(true, [&](soci::session& sql) {
        soci::statement update =
            (sql.prepare << "UPDATE rollouts SET wish = :wish WHERE id = :id AND active = 1"
                            " AND (wish != 'abort' OR :same = 'abort')",
             use(word), use(id), use(word));
        update.execute(true);
        return update.get_affected_rows();
    });
    if (!changed)
        return tl::unexpected(changed.error());
    if (*changed == 0 && has_ended((*found)->state))
        return fail(FailureKind::conflict,
                    "rollout " + id + " has ended: it is " + std::string(to_string((*found)->state)));
    if (*changed == 0)
        return fail(FailureKind::conflict, "rollout " + id + " has ended, or is being aborted");
    (*found)->order = order;
    return std::move(**found);
}

Result<std::optional<Rollout>> RolloutRepository::find(const std::string& id, const Scope& scope)
{
    const int all = scope.all_projects ? 1 : 0;
    return database_.transact(false, [&](soci::session& sql) {
        return first(
            fetch(sql, (sql.prepare << select_rollout << "WHERE id = :id AND (:all OR project = :project)",
                        use(id), use(all), use(scope.project))));
    });
}

Result<std::vector<Rollout>> RolloutRepository::list(const Scope& scope, std::optional<RolloutState> state,
                                                     const std::string& marker, std::size_t limit)
{
    const auto most = static_cast<long long>(limit);
    const int all = scope.all_projects ? 1 : 0;
    const std::string wanted(state ? to_string(*state) : "");
    return database_.transact(false, [&](soci::session& sql) {
        return fetch(sql,
                     (sql.prepare << select_rollout
                                  << "WHERE (:all OR project = :project) AND (:state = '' OR state = :same)"
                                     " AND (:marker = '' OR number < (SELECT number FROM rollouts"
                                     " WHERE id = :id)) ORDER BY number DESC LIMIT :most",
                      use(all), use(scope.project), use(wanted), use(wanted), use(marker), use(marker),
                      use(most)));
    });
}

Result<std::vector<Rollout>> RolloutRepository::active()
{
    return database_.transact(false, [&](soci::session& sql) {
        return fetch(sql, (sql.prepare << select_rollout << "WHERE active = 1 ORDER BY number"));
    });
}

Result<std::optional<BackOff>> RolloutRepository::find_back_off(const std::string& project,
                                                                const std::string& name)
{
    return database_.transact(false, [&](soci::session& sql) -> std::optional<BackOff> {
        BackOff found;
        int until_changed = 0;
        sql << "SELECT request, failures, next_try, until_changed, reason FROM line_back_off"
               " WHERE project = :project AND name = :name",
            use(project), use(name), into(found.request), into(found.failures), into(found.next_try),
            into(until_changed), into(found.reason);
        if (!sql.got_data())
            return std::nullopt;
        found.until_changed = until_changed != 0;
        return found;
    });
}

Result<void> RolloutRepository::set_back_off(const Lease& lease, const std::string& project,
                                             const std::string& name, const BackOff& next)
{
    return database_.transact(true, [&](soci::session& sql) {
        lease.require(sql);
        write_back_off(sql, project, name, next);
    });
}

Result<void> RolloutRepository::prune(std::size_t keep)
{
    return database_.transact(false, [&](soci::session& sql) {
        const auto kept = static_cast<long long>(keep);
        sql << "DELETE FROM rollouts WHERE active = 0 AND number <= (SELECT number FROM rollouts"
               " ORDER BY number DESC LIMIT 1 OFFSET :kept)",
            use(kept);
    });
}

}  // namespace unikernel
