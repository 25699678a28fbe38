// SPDX-License-Identifier: Apache-2.0
#include "builder_service/builds/build_repository.hh"

#include <soci/soci.h>

#include "builder_service/database/timestamp.hh"

namespace unikernel
{

namespace
{

using soci::into;
using soci::use;

constexpr const char* select_build =
    "SELECT number, id, created, updated, state, request_digest, bundle, spec, requirements, boot_check,"
    " phase, phases, error, image, attempts, compiled, cached, project, user, request_id, applied, publish,"
    " publish_state, origin, domain, not_after, epoch, builder FROM builds ";

/// Of the waiting builds the oldest one of the project of which no build began or ended for longest, so that
/// who submits many does not hold up those who submit one.
constexpr const char* most_patient =
    "AS b WHERE state = 'queued' ORDER BY (SELECT COALESCE(MAX(updated), '') FROM builds AS other"
    " WHERE other.project = b.project AND other.state != 'queued'), number LIMIT 1";

/// The columns of `select_build`, as SOCI fills them in.
struct BuildRow {
    long long number = 0, boot_check = 0, attempts = 0, compiled = 0, cached = 0, epoch = 0;
    std::string id, created, updated, state, request_digest, bundle, spec, requirements, phase, phases, error,
        image, project, user, request_id, applied, publish, publish_state, origin, domain, not_after, builder;

    BuildRecord record() const
    {
        BuildRecord build;
        build.number = number;
        build.id = id;
        build.created = created;
        build.updated = updated;
        build.state = build_state(state).value_or(BuildState::failed);
        build.request_digest = request_digest;
        build.bundle = bundle;
        build.spec = nlohmann::json::parse(spec);
        build.requirements = nlohmann::json::parse(requirements);
        build.boot_check = boot_check != 0;
        build.phase = phase;
        build.phases = nlohmann::json::parse(phases);
        build.error = error;
        build.image = image;
        build.attempts = static_cast<int>(attempts);
        build.objects_compiled = static_cast<std::uint32_t>(compiled);
        build.objects_cached = static_cast<std::uint32_t>(cached);
        build.project = project;
        build.user = user;
        build.request_id = request_id;
        build.applied = nlohmann::json::parse(applied);
        build.publish = stored_publication(publish, publish_state);
        build.origin = origin;
        build.domain = domain;
        build.not_after = not_after;
        build.epoch = epoch;
        build.builder = builder;
        return build;
    }
};

/// `statement` is a prepared select_build with its parameters bound.
std::vector<BuildRecord> fetch(soci::details::prepare_temp_type prepared)
{
    BuildRow row;
    soci::statement statement =
        (prepared, into(row.number), into(row.id), into(row.created), into(row.updated), into(row.state),
         into(row.request_digest), into(row.bundle), into(row.spec), into(row.requirements),
         into(row.boot_check), into(row.phase), into(row.phases), into(row.error), into(row.image),
         into(row.attempts), into(row.compiled), into(row.cached), into(row.project), into(row.user),
         into(row.request_id), into(row.applied), into(row.publish), into(row.publish_state),
         into(row.origin), into(row.domain), into(row.not_after), into(row.epoch), into(row.builder));
    std::vector<BuildRecord> builds;
    statement.execute();
    while (statement.fetch())
        builds.push_back(row.record());
    return builds;
}

std::optional<BuildRecord> first(std::vector<BuildRecord> builds)
{
    if (builds.empty())
        return std::nullopt;
    return std::move(builds.front());
}

/// Text with bytes that are not UTF-8 replaced, since all of it is sent as JSON later.
std::string utf8(const nlohmann::json& value)
{
    return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// The same of a text: tools write whatever they like, and not every database takes it.
std::string utf8_text(const std::string& text)
{
    return nlohmann::json::parse(utf8(text)).get<std::string>();
}

/// The two columns of a build's publication, empty without one.
struct PublishColumns {
    explicit PublishColumns(const BuildRecord& build)
        : wish(build.publish ? utf8(stored_form(*build.publish)) : ""),
          state(build.publish ? to_string(build.publish->state) : "")
    {
    }
    std::string wish, state;
};

void insert_events(soci::session& sql, long long build, const std::vector<BuildEvent>& events)
{
    long long n = 0;
    sql << "SELECT COALESCE(MAX(n), 0) FROM events WHERE build = :build", use(build), into(n);
    for (const auto& event : events) {
        ++n;
        const auto text = utf8_text(event.text);
        const auto error = utf8_text(event.error);
        sql << "INSERT INTO events VALUES (:build, :n, :time, :phase, :kind, :text, :state, :image, "
               ":error)",
            use(build), use(n), use(event.time), use(event.phase), use(event.kind), use(text),
            use(event.state), use(event.image), use(error);
    }
}

/// Refuses unless the record's epoch is still the build's.
void require_epoch(soci::session& sql, const BuildRecord& build, bool not_ended = false)
{
    const long long number = build.number;
    long long epoch = -1;
    std::string state;
    sql << "SELECT epoch, state FROM builds WHERE number = :number", use(number), into(epoch), into(state);
    if (epoch != build.epoch)
        throw Refusal({FailureKind::conflict, "build " + build.id + " is no longer this builder's"});
    if (not_ended && has_ended(build_state(state).value_or(BuildState::failed)))
        throw Refusal({FailureKind::conflict, "build " + build.id + " has ended already: it is " + state});
}

bool is_under_way(soci::session& sql, const std::string& project, const std::string& name)
{
    long long found = 0;
    sql << "SELECT COUNT(*) FROM builds WHERE project = :project AND name = :name"
           " AND state IN ('queued', 'running')",
        use(project), use(name), into(found);
    return found != 0;
}

}  // namespace

Result<void> BuildRepository::add(BuildRecord& build, const std::vector<BuildEvent>& events, bool alone)
{
    return database_.transact(true, [&](soci::session& sql) {
        const auto name = build.spec.is_object() ? build.spec.value("name", "") : "";
        if (alone && is_under_way(sql, build.project, name))
            throw Refusal({FailureKind::conflict, "a build of " + name + " waits or runs; it comes first"});
        build.updated = timestamp();
        if (build.created.empty())
            build.created = build.updated;
        const std::string state(to_string(build.state));
        const auto spec = utf8(build.spec);
        const auto requirements = utf8(build.requirements);
        const auto applied = utf8(build.applied);
        const int boot_check = build.boot_check ? 1 : 0;
        const PublishColumns publish(build);
        sql << "INSERT INTO builds (id, created, updated, state, request_digest, bundle, spec, requirements,"
               " boot_check, image, project, user, request_id, applied, publish, publish_state, origin, "
               "domain,"
               " not_after)"
               " VALUES (:id, :created, :updated, :state, :digest, :bundle, :spec, :requirements,"
               " :boot_check, :image, :project, :user, :request, :applied, :publish, :publish_state, :origin,"
               " :domain, :not_after)",
            use(build.id), use(build.created), use(build.updated), use(state), use(build.request_digest),
            use(build.bundle), use(spec), use(requirements), use(boot_check), use(build.image),
            use(build.project), use(build.user), use(build.request_id), use(applied), use(publish.wish),
            use(publish.state), use(build.origin), use(build.domain), use(build.not_after);
        long long number = 0;
        sql << "SELECT number FROM builds WHERE id = :id", use(build.id), into(number);
        build.number = number;
        insert_events(sql, number, events);
    });
}

Result<std::optional<BuildRecord>> BuildRepository::find(const std::string& id, const Scope& scope)
{
    const int all = scope.all_projects ? 1 : 0;
    return database_.transact(false, [&](soci::session& sql) {
        return first(fetch((sql.prepare << select_build << "WHERE id = :id AND (:all OR project = :project)",
                            use(id), use(all), use(scope.project))));
    });
}

Result<std::optional<BuildRecord>> BuildRepository::find_request(const std::string& project,
                                                                 const std::string& digest, bool boot_check)
{
    const int check = boot_check ? 1 : 0;
    return database_.transact(false, [&](soci::session& sql) {
        return first(fetch((sql.prepare << select_build
                                        << "WHERE project = :project AND request_digest = :digest"
                                           " AND boot_check = :check ORDER BY number DESC LIMIT 1",
                            use(project), use(digest), use(check))));
    });
}

Result<std::vector<BuildRecord>> BuildRepository::list(const Scope& scope, const std::string& marker,
                                                       std::size_t limit)
{
    const auto most = static_cast<long long>(limit);
    const int all = scope.all_projects ? 1 : 0;
    return database_.transact(false, [&](soci::session& sql) {
        return fetch((sql.prepare << select_build
                                  << "WHERE (:all OR project = :project) AND (:marker = '' OR number <"
                                     " (SELECT number FROM builds WHERE id = :id))"
                                     " ORDER BY number DESC LIMIT :most",
                      use(all), use(scope.project), use(marker), use(marker), use(most)));
    });
}

Result<std::vector<BuildRecord>> BuildRepository::heads(const Scope& scope, bool published)
{
    const int all = scope.all_projects ? 1 : 0;
    const int any = published ? 0 : 1;
    return database_.transact(false, [&](soci::session& sql) {
        return fetch(
            (sql.prepare << select_build
                         << "WHERE number IN (SELECT MAX(number) FROM builds"
                            " WHERE state = 'succeeded' AND image != '' AND (:all OR project = :project)"
                            " AND (:any OR publish_state = 'active') GROUP BY project, name)"
                            " ORDER BY project, name",
             use(all), use(scope.project), use(any)));
    });
}

Result<std::vector<std::string>> BuildRepository::not_published()
{
    return database_.transact(false, [](soci::session& sql) {
        const soci::rowset<std::string> ids =
            (sql.prepare << "SELECT id FROM builds WHERE publish_state = '' AND state = 'succeeded'"
                            " AND image != '' ORDER BY number DESC");
        return std::vector<std::string>(ids.begin(), ids.end());
    });
}

Result<std::vector<std::string>> BuildRepository::needed_bundles()
{
    return database_.transact(false, [&](soci::session& sql) {
        const soci::rowset<std::string> digests =
            (sql.prepare
             << "SELECT DISTINCT bundle FROM builds WHERE state IN ('queued', 'running')"
                " OR number IN (SELECT MAX(number) FROM builds"
                " WHERE state = 'succeeded' AND image != '' GROUP BY project, name)"
                " OR number IN (SELECT MAX(number) FROM builds WHERE state = 'succeeded' AND image != ''"
                " AND publish_state = 'active' GROUP BY project, name)");
        return std::vector<std::string>(digests.begin(), digests.end());
    });
}

Result<void> BuildRepository::set_image(const BuildRecord& build)
{
    return database_.transact(true, [&](soci::session& sql) {
        require_epoch(sql, build);
        const long long number = build.number;
        const PublishColumns publish(build);
        sql << "UPDATE builds SET image = :image, not_after = :not_after, publish = :publish,"
               " publish_state = :publish_state WHERE number = :number",
            use(build.image), use(build.not_after), use(publish.wish), use(publish.state), use(number);
    });
}

Result<std::vector<BuildRecord>> BuildRepository::in_publish_state(PublishState state)
{
    const std::string name(to_string(state));
    return database_.transact(false, [&](soci::session& sql) {
        return fetch(
            (sql.prepare << select_build << "WHERE publish_state = :state ORDER BY number", use(name)));
    });
}

Result<std::vector<BuildRecord>> BuildRepository::in_state(BuildState state)
{
    const std::string name(to_string(state));
    return database_.transact(false, [&](soci::session& sql) {
        return fetch((sql.prepare << select_build << "WHERE state = :state ORDER BY number", use(name)));
    });
}

Result<std::vector<BuildRecord>> BuildRepository::running_at(const std::string& builder)
{
    return database_.transact(false, [&](soci::session& sql) {
        return fetch(
            (sql.prepare << select_build << "WHERE state = 'running' AND builder = :builder ORDER BY number",
             use(builder)));
    });
}

Result<std::size_t> BuildRepository::count(BuildState state)
{
    const std::string name(to_string(state));
    return database_.transact(false, [&](soci::session& sql) {
        long long found = 0;
        sql << "SELECT COUNT(*) FROM builds WHERE state = :state", use(name), into(found);
        return static_cast<std::size_t>(found);
    });
}

Result<std::size_t> BuildRepository::count(BuildState state, const std::string& project)
{
    const std::string name(to_string(state));
    return database_.transact(false, [&](soci::session& sql) {
        long long found = 0;
        sql << "SELECT COUNT(*) FROM builds WHERE state = :state AND project = :project", use(name),
            use(project), into(found);
        return static_cast<std::size_t>(found);
    });
}

Result<std::optional<BuildRecord>> BuildRepository::claim(const std::string& builder)
{
    return database_.transact(true, [&](soci::session& sql) {
        auto build = first(fetch((sql.prepare << select_build << most_patient)));
        if (build) {
            build->state = BuildState::running;
            build->attempts += 1;
            build->epoch += 1;
            build->builder = builder;
            build->updated = timestamp();
            const long long number = build->number;
            sql << "UPDATE builds SET state = 'running', attempts = attempts + 1, epoch = epoch + 1,"
                   " builder = :builder, phase = '', updated = :now WHERE number = :number",
                use(builder), use(build->updated), use(number);
        }
        return build;
    });
}

Result<void> BuildRepository::ask_to_stop(const BuildRecord& build)
{
    return database_.transact(true, [&](soci::session& sql) {
        const long long number = build.number;
        sql << "UPDATE builds SET stopping = 1 WHERE number = :number AND state = 'running'", use(number);
    });
}

Result<std::vector<BuildRun>> BuildRepository::to_be_stopped(const std::string& builder)
{
    return database_.transact(false, [&](soci::session& sql) {
        std::string id;
        long long epoch = 0;
        soci::statement statement =
            (sql.prepare << "SELECT id, epoch FROM builds WHERE state = 'running' AND builder = :builder"
                            " AND stopping = 1",
             use(builder), into(id), into(epoch));
        std::vector<BuildRun> found;
        statement.execute();
        while (statement.fetch())
            found.push_back({id, epoch});
        return found;
    });
}

Result<void> BuildRepository::requeue(const BuildRecord& build, int attempts, const BuildEvent& why)
{
    return database_.transact(true, [&](soci::session& sql) {
        require_epoch(sql, build);
        const long long number = build.number;
        const auto now = timestamp();
        sql << "UPDATE builds SET state = 'queued', epoch = epoch + 1, attempts = :attempts, updated = :now"
               " WHERE number = :number",
            use(attempts), use(now), use(number);
        insert_events(sql, number, {why});
    });
}

Result<void> BuildRepository::set_phase(const BuildRecord& build, const std::string& phase)
{
    return database_.transact(false, [&](soci::session& sql) {
        require_epoch(sql, build);
        const long long number = build.number;
        const auto now = timestamp();
        sql << "UPDATE builds SET phase = :phase, updated = :now WHERE number = :number", use(phase),
            use(now), use(number);
    });
}

Result<void> BuildRepository::finish(const BuildRecord& build)
{
    return database_.transact(true, [&](soci::session& sql) {
        require_epoch(sql, build, true);
        const long long number = build.number;
        const std::string state(to_string(build.state));
        const auto now = timestamp();
        const auto phases = utf8(build.phases);
        const auto error = utf8_text(build.error);
        const long long compiled = build.objects_compiled;
        const long long cached = build.objects_cached;
        const PublishColumns publish(build);
        sql << "UPDATE builds SET state = :state, updated = :now, phases = :phases, error = :error,"
               " image = :image, not_after = :not_after, compiled = :compiled, cached = :cached, publish = "
               ":publish,"
               " publish_state = :publish_state WHERE number = :number",
            use(state), use(now), use(phases), use(error), use(build.image), use(build.not_after),
            use(compiled), use(cached), use(publish.wish), use(publish.state), use(number);
        const std::vector<BuildEvent> events{
            {.n = 0,
             .time = now,
             .phase = build.phase,
             .kind = "end",
             .text = build.error.empty() ? state : state + ": " + build.error,
             .state = state,
             .image = build.image,
             .error = build.error}};
        insert_events(sql, number, events);
    });
}

Result<void> BuildRepository::append(const BuildRecord& build, const std::vector<BuildEvent>& events)
{
    return database_.transact(false, [&](soci::session& sql) {
        require_epoch(sql, build);
        insert_events(sql, build.number, events);
    });
}

Result<std::vector<BuildEvent>> BuildRepository::events(const BuildRecord& build, std::int64_t from,
                                                        std::size_t limit)
{
    return database_.transact(false, [&](soci::session& sql) {
        const long long number = build.number;
        const long long first_n = from;
        const auto most = static_cast<long long>(limit);
        long long n = 0;
        BuildEvent event;
        soci::statement statement =
            (sql.prepare << "SELECT n, time, phase, kind, text, state, image, error FROM events"
                            " WHERE build = :build AND n >= :n ORDER BY n LIMIT :most",
             use(number), use(first_n), use(most), into(n), into(event.time), into(event.phase),
             into(event.kind), into(event.text), into(event.state), into(event.image), into(event.error));
        std::vector<BuildEvent> found;
        statement.execute();
        while (statement.fetch()) {
            event.n = n;
            found.push_back(event);
        }
        return found;
    });
}

Result<std::vector<BuildRecord>> BuildRepository::not_remembered()
{
    return database_.transact(false, [&](soci::session& sql) {
        return fetch((sql.prepare << select_build
                                  << "WHERE state = 'succeeded' AND image != '' AND NOT EXISTS (SELECT 1"
                                     " FROM line_images WHERE build = builds.id) ORDER BY number"));
    });
}

Result<void> BuildRepository::prune(const std::string& project, std::size_t keep)
{
    return database_.transact(false, [&](soci::session& sql) {
        const auto kept = static_cast<long long>(keep);
        sql << "DELETE FROM builds WHERE project = :project AND state NOT IN ('queued', 'running')"
               " AND publish_state != 'removing' AND number <= (SELECT number FROM builds"
               " WHERE project = :same ORDER BY number DESC LIMIT 1 OFFSET :kept)"
               " AND number NOT IN (SELECT MAX(number) FROM builds WHERE project = :again"
               " AND state = 'succeeded' AND image != '' GROUP BY name)"
               " AND number NOT IN (SELECT MAX(number) FROM builds WHERE project = :once_more"
               " AND state = 'succeeded' AND image != '' AND publish_state = 'active' GROUP BY name)",
            use(project), use(project), use(kept), use(project), use(project);
    });
}

}  // namespace unikernel
