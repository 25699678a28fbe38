// SPDX-License-Identifier: Apache-2.0
#include "builder_service/builds/build_repository.hh"

#include <mutex>

#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include "builder_service/artifacts/timestamp.hh"

namespace unikernel
{

namespace
{

using soci::into;
using soci::use;

/// Step i brings user_version from i to i + 1. Never changed once released, only appended to.
constexpr const char* migrations[][3] = {
    {"CREATE TABLE builds (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
     " created TEXT NOT NULL, updated TEXT NOT NULL, state TEXT NOT NULL, request_digest TEXT NOT NULL,"
     " bundle TEXT NOT NULL, spec TEXT NOT NULL, requirements TEXT NOT NULL, boot_check INTEGER NOT NULL,"
     " phase TEXT NOT NULL DEFAULT '', phases TEXT NOT NULL DEFAULT '[]', error TEXT NOT NULL DEFAULT '',"
     " image TEXT NOT NULL DEFAULT '', attempts INTEGER NOT NULL DEFAULT 0,"
     " compiled INTEGER NOT NULL DEFAULT 0, cached INTEGER NOT NULL DEFAULT 0)",
     "CREATE INDEX builds_by_state ON builds (state, number)",
     "CREATE TABLE events (build INTEGER NOT NULL REFERENCES builds (number) ON DELETE CASCADE,"
     " n INTEGER NOT NULL, time TEXT NOT NULL, phase TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL,"
     " state TEXT NOT NULL, image TEXT NOT NULL, error TEXT NOT NULL, PRIMARY KEY (build, n)) WITHOUT ROWID"},
    {"CREATE INDEX builds_by_request ON builds (request_digest, number)", nullptr, nullptr},
};
constexpr int schema_version = static_cast<int>(std::size(migrations));

constexpr const char* select_build =
    "SELECT number, id, created, updated, state, request_digest, bundle, spec, requirements, boot_check,"
    " phase, phases, error, image, attempts, compiled, cached FROM builds ";

/// The columns of `select_build`, as SOCI fills them in.
struct BuildRow {
    long long number = 0, boot_check = 0, attempts = 0, compiled = 0, cached = 0;
    std::string id, created, updated, state, request_digest, bundle, spec, requirements, phase, phases, error,
        image;

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
         into(row.attempts), into(row.compiled), into(row.cached));
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

}  // namespace

class BuildRepository::Database
{
public:
    explicit Database(const std::filesystem::path& file)
        : sql_(soci::sqlite3, "db=\"" + file.string() + "\" timeout=10 shared_cache=false")
    {
        std::string mode;
        sql_ << "PRAGMA journal_mode=WAL", into(mode);
        sql_ << "PRAGMA foreign_keys=ON";
        sql_ << "PRAGMA synchronous=NORMAL";
    }

    /// Runs `work` in one transaction under the lock and turns exceptions into failures.
    /// `durable`: on the disk, also after a power cut, when this returns. Without it a power
    /// cut may lose the last transactions, a killed process never does.
    template <typename Work>
    auto transact(bool durable, Work work) -> Result<decltype(work(std::declval<soci::session&>()))>
    {
        const std::scoped_lock lock(mutex_);
        try {
            sql_ << (durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
            soci::transaction transaction(sql_);
            if constexpr (std::is_void_v<decltype(work(sql_))>) {
                work(sql_);
                transaction.commit();
                return {};
            } else {
                auto result = work(sql_);
                transaction.commit();
                return result;
            }
        } catch (const soci::sqlite3_soci_error& problem) {
            const bool full = (problem.result() & 0xff) == SQLITE_FULL;
            return fail(full ? FailureKind::no_space : FailureKind::internal,
                        std::string("database of builds: ") + problem.what());
        } catch (const std::exception& problem) {
            const std::string_view text = problem.what();
            const bool full = text.find("disk is full") != std::string_view::npos;
            return fail(full ? FailureKind::no_space : FailureKind::internal,
                        "database of builds: " + std::string(text));
        }
    }

    static void insert_events(soci::session& sql, long long build, std::vector<BuildEvent>& events)
    {
        long long n = 0;
        sql << "SELECT COALESCE(MAX(n), 0) FROM events WHERE build = :build", use(build), into(n);
        for (auto& event : events) {
            event.n = ++n;
            sql << "INSERT INTO events VALUES (:build, :n, :time, :phase, :kind, :text, :state, :image, "
                   ":error)",
                use(build), use(n), use(event.time), use(event.phase), use(event.kind), use(event.text),
                use(event.state), use(event.image), use(event.error);
        }
    }

private:
    std::mutex mutex_;
    soci::session sql_;
};

BuildRepository::BuildRepository(std::unique_ptr<Database> database) : database_(std::move(database)) {}
BuildRepository::~BuildRepository() = default;

Result<std::unique_ptr<BuildRepository>> BuildRepository::open(const std::filesystem::path& file)
{
    std::unique_ptr<Database> database;
    try {
        database = std::make_unique<Database>(file);
    } catch (const std::exception& problem) {
        return fail(FailureKind::internal, file.string() + ": " + problem.what());
    }
    auto version = database->transact(true, [](soci::session& sql) {
        int found = 0;
        sql << "PRAGMA user_version", into(found);
        for (int at = found; at < schema_version; ++at)
            for (const char* step : migrations[at])
                if (step != nullptr)
                    sql << step;
        if (found < schema_version)
            sql << "PRAGMA user_version = " << schema_version;
        return found;
    });
    if (!version)
        return tl::unexpected(version.error());
    if (*version > schema_version)
        return fail(FailureKind::conflict, file.string() + " was written by a newer version (its schema is " +
                                               std::to_string(*version) + ", this program knows " +
                                               std::to_string(schema_version) +
                                               "); use that version or give --state another folder");
    return std::unique_ptr<BuildRepository>(new BuildRepository(std::move(database)));
}

Result<void> BuildRepository::add(BuildRecord& build)
{
    return database_->transact(true, [&](soci::session& sql) {
        build.created = build.updated = timestamp();
        const std::string state(to_string(build.state));
        const auto spec = utf8(build.spec);
        const auto requirements = utf8(build.requirements);
        const int boot_check = build.boot_check ? 1 : 0;
        sql << "INSERT INTO builds (id, created, updated, state, request_digest, bundle, spec, requirements,"
               " boot_check) VALUES (:id, :created, :updated, :state, :digest, :bundle, :spec, :requirements,"
               " :boot_check)",
            use(build.id), use(build.created), use(build.updated), use(state), use(build.request_digest),
            use(build.bundle), use(spec), use(requirements), use(boot_check);
        long long number = 0;
        sql << "SELECT last_insert_rowid()", into(number);
        build.number = number;
    });
}

Result<std::optional<BuildRecord>> BuildRepository::find(const std::string& id)
{
    return database_->transact(false, [&](soci::session& sql) {
        return first(fetch((sql.prepare << select_build << "WHERE id = :id", use(id))));
    });
}

Result<std::optional<BuildRecord>> BuildRepository::find_request(const std::string& digest, bool boot_check)
{
    const int check = boot_check ? 1 : 0;
    return database_->transact(false, [&](soci::session& sql) {
        return first(fetch((sql.prepare << select_build
                                        << "WHERE request_digest = :digest AND boot_check = :check"
                                           " ORDER BY number DESC LIMIT 1",
                            use(digest), use(check))));
    });
}

Result<std::vector<BuildRecord>> BuildRepository::list(const std::string& marker, std::size_t limit)
{
    const auto most = static_cast<long long>(limit);
    return database_->transact(false, [&](soci::session& sql) {
        return fetch((sql.prepare << select_build
                                  << "WHERE :marker = '' OR number < (SELECT number FROM builds WHERE id = "
                                     ":id) ORDER BY number DESC LIMIT :most",
                      use(marker), use(marker), use(most)));
    });
}

Result<std::vector<BuildRecord>> BuildRepository::in_state(BuildState state)
{
    const std::string name(to_string(state));
    return database_->transact(false, [&](soci::session& sql) {
        return fetch((sql.prepare << select_build << "WHERE state = :state ORDER BY number", use(name)));
    });
}

Result<std::size_t> BuildRepository::count(BuildState state)
{
    const std::string name(to_string(state));
    return database_->transact(false, [&](soci::session& sql) {
        long long found = 0;
        sql << "SELECT COUNT(*) FROM builds WHERE state = :state", use(name), into(found);
        return static_cast<std::size_t>(found);
    });
}

Result<std::optional<BuildRecord>> BuildRepository::claim()
{
    return database_->transact(true, [&](soci::session& sql) {
        auto build =
            first(fetch((sql.prepare << select_build << "WHERE state = 'queued' ORDER BY number LIMIT 1")));
        if (build) {
            build->state = BuildState::running;
            build->attempts += 1;
            build->updated = timestamp();
            const long long number = build->number;
            sql << "UPDATE builds SET state = 'running', attempts = attempts + 1, phase = '', updated = :now"
                   " WHERE number = :number",
                use(build->updated), use(number);
        }
        return build;
    });
}

Result<void> BuildRepository::requeue(const BuildRecord& build, int attempts, BuildEvent why)
{
    return database_->transact(true, [&](soci::session& sql) {
        const long long number = build.number;
        const auto now = timestamp();
        sql << "UPDATE builds SET state = 'queued', attempts = :attempts, updated = :now WHERE number = "
               ":number",
            use(attempts), use(now), use(number);
        std::vector<BuildEvent> events{std::move(why)};
        Database::insert_events(sql, number, events);
    });
}

Result<void> BuildRepository::set_phase(const BuildRecord& build, const std::string& phase)
{
    return database_->transact(false, [&](soci::session& sql) {
        const long long number = build.number;
        const auto now = timestamp();
        sql << "UPDATE builds SET phase = :phase, updated = :now WHERE number = :number", use(phase),
            use(now), use(number);
    });
}

Result<void> BuildRepository::finish(const BuildRecord& build)
{
    return database_->transact(true, [&](soci::session& sql) {
        const long long number = build.number;
        const std::string state(to_string(build.state));
        const auto now = timestamp();
        const auto phases = utf8(build.phases);
        const long long compiled = build.objects_compiled;
        const long long cached = build.objects_cached;
        sql << "UPDATE builds SET state = :state, updated = :now, phases = :phases, error = :error,"
               " image = :image, compiled = :compiled, cached = :cached WHERE number = :number",
            use(state), use(now), use(phases), use(build.error), use(build.image), use(compiled), use(cached),
            use(number);
        std::vector<BuildEvent> events{{.n = 0,
                                        .time = now,
                                        .phase = build.phase,
                                        .kind = "end",
                                        .text = build.error.empty() ? state : state + ": " + build.error,
                                        .state = state,
                                        .image = build.image,
                                        .error = build.error}};
        Database::insert_events(sql, number, events);
    });
}

Result<void> BuildRepository::append(const BuildRecord& build, std::vector<BuildEvent> events)
{
    return database_->transact(
        false, [&](soci::session& sql) { Database::insert_events(sql, build.number, events); });
}

Result<std::vector<BuildEvent>> BuildRepository::events(const BuildRecord& build, std::int64_t from,
                                                        std::size_t limit)
{
    return database_->transact(false, [&](soci::session& sql) {
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

Result<void> BuildRepository::prune(std::size_t keep)
{
    return database_->transact(false, [&](soci::session& sql) {
        const auto kept = static_cast<long long>(keep);
        sql << "DELETE FROM builds WHERE state NOT IN ('queued', 'running') AND number <="
               " (SELECT MAX(number) FROM builds) - :kept",
            use(kept);
    });
}

}  // namespace unikernel
