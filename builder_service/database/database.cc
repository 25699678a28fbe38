// SPDX-License-Identifier: Apache-2.0
#include "builder_service/database/database.hh"

#include <random>
#include <thread>

#include <spdlog/spdlog.h>

#include "builder_service/database/schema.hh"

namespace unikernel
{

namespace
{

using Trouble = Engine::Trouble;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds retry_time{15'000};  // for one transaction that others are in the way of
constexpr milliseconds away_time{1'000};    // between two tries to reach a database that is away
constexpr int longest_pause = 64;           // milliseconds

/// Before a transaction is tried again: of different length for each of those that met.
void pause(int attempt)
{
    static thread_local std::minstd_rand random{std::random_device{}()};
    const int most = std::min(longest_pause, 2 << std::min(attempt, 10));
    std::this_thread::sleep_for(milliseconds(std::uniform_int_distribution(1, most)(random)));
}

}  // namespace

Failure Database::failure_of(const std::exception& problem, bool committing) const
{
    const auto text = "database: " + std::string(problem.what());
    switch (engine_->trouble(problem)) {
    case Trouble::full:
        return {FailureKind::no_space, text};
    case Trouble::lost:
        return {FailureKind::unavailable,
                engine_->place() + " does not answer (" + problem.what() + ")" + engine_->advice(problem) +
                    (committing ? ". It went away while a change was stored: look whether it was, before "
                                  "asking again"
                                : ". The service connects again by itself; ask again then")};
    case Trouble::settings:
        return {FailureKind::unavailable, engine_->place() + " refuses the builder (" + problem.what() + ")" +
                                              engine_->advice(problem)};
    case Trouble::again:
        return {FailureKind::unavailable, text + "; it is busy: ask again"};
    case Trouble::other:
        break;
    }
    return {FailureKind::internal, text};
}

/// A session, if there is none. What was just away is not asked again by each of those who wait.
void Database::connect()
{
    if (sql_)
        return;
    if (away_ && steady_clock::now() < next_try_)
        throw Refusal(*away_);
    try {
        sql_ = engine_->connect();
    } catch (const std::exception& problem) {
        if (!away_)
            spdlog::error("{}", failure_of(problem, false).message);
        away_ = failure_of(problem, false);
        next_try_ = steady_clock::now() + away_time;
        throw;
    }
    if (away_)
        spdlog::info("{} answers again", engine_->place());
    away_.reset();
}

void Database::roll_back()
{
    try {
        if (sql_)
            *sql_ << "ROLLBACK";
    } catch (const std::exception&) {
        sql_.reset();
    }
}

Result<void> Database::run(bool durable, const std::function<void(soci::session&)>& work)
{
    const std::scoped_lock lock(mutex_);
    const auto deadline = steady_clock::now() + retry_time;
    for (int attempt = 1;; ++attempt) {
        const bool connected = sql_ != nullptr;
        bool committing = false;
        try {
            connect();
            engine_->begin(*sql_, durable);
            work(*sql_);
            committing = true;
            *sql_ << "COMMIT";
            return {};
        } catch (const Refusal& refusal) {
            roll_back();
            return tl::unexpected(refusal.failure);
        } catch (const std::exception& problem) {
            const auto trouble = engine_->trouble(problem);
            if (trouble == Trouble::lost)
                sql_.reset();
            roll_back();
            // An idle connection is found broken by the first who uses it.
            if (trouble == Trouble::lost && connected && !committing)
                continue;
            if (trouble != Trouble::again || steady_clock::now() >= deadline)
                return tl::unexpected(failure_of(problem, committing));
            pause(attempt);
        }
    }
}

Result<void> Database::check()
{
    return transact(false, [](soci::session& sql) {
        int one = 0;
        sql << "SELECT 1", soci::into(one);
    });
}

Result<std::unique_ptr<Database>> Database::open(std::unique_ptr<Engine> engine)
{
    std::unique_ptr<Database> database(new Database(std::move(engine)));
    int found = 0;
    try {
        database->sql_ = database->engine_->connect();
        found = migrate(*database->sql_, *database->engine_);
    } catch (const std::exception& problem) {
        const auto trouble = database->engine_->trouble(problem);
        const auto kind = trouble == Trouble::full       ? FailureKind::no_space
                          : trouble == Trouble::settings ? FailureKind::invalid
                          : trouble == Trouble::lost     ? FailureKind::unavailable
                                                         : FailureKind::internal;
        return fail(kind, "database " + database->engine_->place() + ": " + problem.what() +
                              database->engine_->advice(problem));
    }
    if (found > schema_version())
        return fail(
            FailureKind::conflict,
            database->engine_->place() + " was written by a newer version (its schema is " +
                std::to_string(found) + ", this program knows " + std::to_string(schema_version()) +
                "); use that version" +
                (database->is_shared() ? ", or another database" : " or give --state another folder"));
    return database;
}

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& file)
{
    return open(sqlite_engine(file));
}

}  // namespace unikernel
