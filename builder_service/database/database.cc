// SPDX-License-Identifier: Apache-2.0
#include "builder_service/database/database.hh"

#include <string_view>

#include <soci/sqlite3/soci-sqlite3.h>

#include "builder_service/database/schema.hh"

namespace unikernel
{

Database::Database(const std::filesystem::path& file)
    : sql_(soci::sqlite3, "db=\"" + file.string() + "\" timeout=10 shared_cache=false")
{
    std::string mode;
    sql_ << "PRAGMA journal_mode=WAL", soci::into(mode);
    sql_ << "PRAGMA foreign_keys=ON";
    sql_ << "PRAGMA synchronous=NORMAL";
}

Failure Database::failure_of(const std::exception& problem)
{
    const std::string_view text = problem.what();
    const auto* sqlite = dynamic_cast<const soci::sqlite3_soci_error*>(&problem);
    const bool full = (sqlite != nullptr && (sqlite->result() & 0xff) == SQLITE_FULL) ||
                      text.find("disk is full") != std::string_view::npos;
    return {full ? FailureKind::no_space : FailureKind::internal, "database: " + std::string(text)};
}

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& file)
{
    std::unique_ptr<Database> database;
    try {
        database.reset(new Database(file));
    } catch (const std::exception& problem) {
        return fail(FailureKind::internal, file.string() + ": " + problem.what());
    }
    const auto version = database->transact(true, [](soci::session& sql) { return migrate(sql); });
    if (!version)
        return tl::unexpected(version.error());
    if (*version > schema_version())
        return fail(FailureKind::conflict, file.string() + " was written by a newer version (its schema is " +
                                               std::to_string(*version) + ", this program knows " +
                                               std::to_string(schema_version()) +
                                               "); use that version or give --state another folder");
    return database;
}

}  // namespace unikernel
