// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <soci/soci.h>

#include "builder_service/database/engine.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// Thrown inside of a transaction: it has no effect, and `transact` answers this failure.
struct Refusal : std::runtime_error {
    explicit Refusal(Failure why) : std::runtime_error(why.message), failure(std::move(why)) {}
    Failure failure;
};

/// The service's one database, which its repositories share; each of them holds all SQL of its own
/// tables. What engines differ in is behind Engine. Thread-safe.
class Database
{
public:
    /// Creates the tables or brings them up to date. Errors: internal; unavailable; invalid (the settings);
    /// conflict, when a newer version of the program wrote it.
    static Result<std::unique_ptr<Database>> open(std::unique_ptr<Engine> engine);
    /// SQLite in this file, which is made if need be.
    static Result<std::unique_ptr<Database>> open(const std::filesystem::path& file);
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    /// Runs `work(soci::session&)` in one serializable transaction under the lock and turns exceptions into
    /// failures: that of a Refusal; no_space when the disk is full; unavailable when the database is away;
    /// else internal. `work` is run again, after a rollback, when another transaction was in its way or the
    /// connection was found broken, so it must not move out of what it needs. `durable`: on the disk,
    /// also after a power cut, when this returns. Without it a power cut may lose the last transactions, a
    /// killed process never does.
    template <typename Work>
    auto transact(bool durable, Work work) -> Result<std::invoke_result_t<Work, soci::session&>>
    {
        using Value = std::invoke_result_t<Work, soci::session&>;
        if constexpr (std::is_void_v<Value>) {
            return run(durable, work);
        } else {
            std::optional<Value> value;
            const auto done = run(durable, [&](soci::session& sql) { value.emplace(work(sql)); });
            if (!done)
                return tl::unexpected(done.error());
            return std::move(*value);
        }
    }

    /// Whether it answers. Errors: as transact.
    Result<void> check();
    /// Whether builders on other machines may use it too.
    bool is_shared() const { return engine_->is_shared(); }
    std::string_view engine() const { return engine_->name(); }
    /// Engine and place, for people; without secrets.
    std::string name() const { return std::string(engine_->name()) + " " + engine_->place(); }

private:
    explicit Database(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}
    Result<void> run(bool durable, const std::function<void(soci::session&)>& work);
    void connect();
    void roll_back();
    Failure failure_of(const std::exception& problem, bool committing) const;

    std::mutex mutex_;
    const std::unique_ptr<Engine> engine_;
    std::unique_ptr<soci::session> sql_;  ///< null: there is no connection
    std::optional<Failure> away_;         ///< the answer until `next_try_`
    std::chrono::steady_clock::time_point next_try_;
};

}  // namespace unikernel
