// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <stdexcept>

#include <soci/sqlite3/soci-sqlite3.h>

#include "builder_service/database/engine.hh"

namespace unikernel
{

namespace
{

/// A file that one process at a time writes to. Its transactions are serializable by nature.
class Sqlite final : public Engine
{
public:
    explicit Sqlite(std::filesystem::path file) : file_(std::move(file)) {}

    std::string_view name() const override { return "SQLite"; }
    std::string place() const override { return file_.string(); }
    bool is_shared() const override { return false; }

    std::unique_ptr<soci::session> connect() override
    {
        auto sql = std::make_unique<soci::session>(soci::sqlite3, "db=\"" + file_.string() +
                                                                      "\" timeout=10 shared_cache=false");
        std::string mode;
        *sql << "PRAGMA journal_mode=WAL", soci::into(mode);
        *sql << "PRAGMA foreign_keys=ON";
        return sql;
    }

    void begin(soci::session& sql, bool durable) override
    {
        sql << (durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
        sql << "BEGIN";
    }

    Trouble trouble(const std::exception& problem) const override
    {
        const std::string_view text = problem.what();
        const auto* sqlite = dynamic_cast<const soci::sqlite3_soci_error*>(&problem);
        const int code = sqlite == nullptr ? SQLITE_OK : sqlite->result() & 0xff;
        if (code == SQLITE_FULL || text.find("disk is full") != std::string_view::npos)
            return Trouble::full;
        return code == SQLITE_BUSY ? Trouble::again : Trouble::other;
    }
    std::string advice(const std::exception&) const override { return {}; }

    std::string_view word(std::string_view neutral) const override
    {
        static const std::map<std::string_view, std::string_view> words{
            {"sequence", "INTEGER PRIMARY KEY AUTOINCREMENT"},
            {"integer", "INTEGER"},
            {"id", "TEXT"},
            {"name", "TEXT"},
            {"text", "TEXT"},
            {"rows", ""},
            {"keyed", "WITHOUT ROWID"},
            {"if new", ""},  // changes of tables can be undone here
            {"if there", ""},
            {"insert", "INSERT INTO"},
            {"of builds", ""},
            {"spec's name", "json_extract(spec, '$.name')"},
            {"active line", ""},
            {"active lines", "(project, name) WHERE active = 1"},
        };
        return words.at(neutral);
    }
    int version(soci::session& sql) override
    {
        int found = 0;
        sql << "PRAGMA user_version", soci::into(found);
        return found;
    }
    void set_version(soci::session& sql, int version) override { sql << "PRAGMA user_version = " << version; }
    void begin_migration(soci::session& sql) override { sql << "BEGIN IMMEDIATE"; }
    void end_migration(soci::session& sql) override { sql << "COMMIT"; }

private:
    const std::filesystem::path file_;
};

}  // namespace

std::unique_ptr<Engine> sqlite_engine(std::filesystem::path file)
{
    return std::make_unique<Sqlite>(std::move(file));
}

}  // namespace unikernel
