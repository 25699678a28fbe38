// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include <soci/soci.h>

#include "builder_service/database/location.hh"

namespace unikernel
{

/// What the kinds of database differ in. All SQL of the repositories is written so that each of them takes
/// it, and transactions of each of them are serializable. Used by one thread at a time. What takes a session
/// throws SOCI's exceptions.
class Engine
{
public:
    Engine() = default;
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    virtual ~Engine() = default;

    virtual std::string_view name() const = 0;  ///< "SQLite"
    virtual std::string place() const = 0;      ///< for people, without secrets
    /// Whether builders on other machines may use the same database.
    virtual bool is_shared() const = 0;

    /// A session that is ready for transactions.
    virtual std::unique_ptr<soci::session> connect() = 0;
    /// `durable`: as Database::transact.
    virtual void begin(soci::session& sql, bool durable) = 0;

    /// What a failed operation means.
    enum class Trouble {
        other,
        full,      ///< the disk is full
        lost,      ///< the connection is gone, or no use; a new one may do
        again,     ///< another transaction was in the way of this one, which has had no effect
        settings,  ///< the database does not let us in as we are configured
    };
    virtual Trouble trouble(const std::exception& problem) const = 0;
    /// What an operator does about `settings` and `lost`, as the end of a sentence; "" if there is nothing to
    /// add.
    virtual std::string advice(const std::exception& problem) const = 0;

    // The schema (schema.cc).

    /// What stands for a word of the neutral form of the schema.
    virtual std::string_view word(std::string_view neutral) const = 0;
    /// 0: there are no tables yet. Refuses tables of somebody else by std::runtime_error.
    virtual int version(soci::session& sql) = 0;
    virtual void set_version(soci::session& sql, int version) = 0;
    /// Between these two, nobody else changes the tables. Where changes of tables cannot be undone, they can
    /// be done again.
    virtual void begin_migration(soci::session& sql) = 0;
    virtual void end_migration(soci::session& sql) = 0;
};

std::unique_ptr<Engine> sqlite_engine(std::filesystem::path file);
std::unique_ptr<Engine> mariadb_engine(DatabaseLocation location);

}  // namespace unikernel
