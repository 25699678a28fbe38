// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <map>
#include <stdexcept>

#include <soci/mysql/soci-mysql.h>

#include "builder_service/database/engine.hh"

namespace unikernel
{

namespace
{

// In seconds. A transaction waits for locks shorter than for an answer at all.
constexpr const char* connect_timeout = "5";
constexpr const char* answer_timeout = "60";
constexpr const char* lock_timeout = "5";
constexpr const char* migration_timeout = "50";

/// Error numbers of the client library (from 2000 on) and of the server, see its "MariaDB Error Codes".
constexpr unsigned lost_errors[] = {
    2002, 2003, 2004, 2005, 2006, 2012, 2013, 2026, 2055,  // connecting, or talking
    1040,                                                  // too many connections
    1047,                                                  // a node that is not in its cluster
    1053, 1077, 1152, 1927,                                // it stops, or has cut us off
    1290,                                                  // it is read-only: another one leads now
};
constexpr unsigned again_errors[] = {1205, 1213, 1020};
constexpr unsigned full_errors[] = {1021, 1114};
constexpr unsigned settings_errors[] = {1044, 1045, 1049, 1142, 1227, 1524, 1698};

template <std::size_t size>
bool is_one_of(unsigned code, const unsigned (&codes)[size])
{
    return std::find(std::begin(codes), std::end(codes), code) != std::end(codes);
}

unsigned code_of(const std::exception& problem)
{
    const auto* error = dynamic_cast<const soci::mysql_soci_error*>(&problem);
    return error == nullptr ? 0 : error->err_num_;
}

/// As a value in SOCI's connection string.
std::string soci_value(const std::string& value)
{
    std::string text = "'";
    for (const char c : value) {
        if (c == '\'' || c == '\\')
            text += '\\';
        text += c;
    }
    return text + "'";
}

/// As an option in the connection string of MariaDB's client library.
std::string option(const char* name, const std::string& value)
{
    if (value.find('}') != std::string::npos)
        throw std::runtime_error(std::string(name) + ": '" + value +
                                 "' holds a }, which cannot be passed on");
    return value.empty() ? "" : std::string(name) + "={" + value + "};";
}

/// SOCI knows few of the client library's options. But the library takes a whole connection string where
/// it expects a host's name (its mariadb_connect); what else SOCI passes on - account, password, that rows
/// count which an UPDATE found - holds beside it.
std::string connection_string(const DatabaseLocation& location)
{
    auto options = option("database", location.name) + option("default-character-set", "utf8mb4") +
                   option("connect-timeout", connect_timeout) + option("read-timeout", answer_timeout) +
                   option("write-timeout", answer_timeout);
    if (location.socket.empty())
        options += option("host", location.host) + option("port", std::to_string(location.port));
    else
        options += option("socket", location.socket.string());
    if (!location.ssl_ca.empty())
        options += option("ssl-ca", location.ssl_ca.string()) +
                   option("ssl-cert", location.ssl_cert.string()) +
                   option("ssl-key", location.ssl_key.string()) + option("ssl-verify-server-cert", "1");
    return "user=" + soci_value(location.user) +
           (location.password.empty() ? "" : " pass=" + soci_value(location.password)) +
           " host=" + soci_value(options);
}

/// A server which several builders may use.
class MariaDb final : public Engine
{
public:
    explicit MariaDb(DatabaseLocation location) : location_(std::move(location)) {}

    std::string_view name() const override { return "MariaDB"; }
    std::string place() const override { return location_.url(); }
    bool is_shared() const override { return true; }

    std::unique_ptr<soci::session> connect() override
    {
        auto sql = std::make_unique<soci::session>(soci::mysql, connection_string(location_));
        std::string version;
        *sql << "SELECT VERSION()", soci::into(version);
        if (version.find("MariaDB") == std::string::npos)
            throw std::runtime_error("the server is " + version + ", and MariaDB is what the builder knows");
        // As in SQLite: text is bytes, what does not fit is an error, transactions are serializable.
        *sql << "SET NAMES utf8mb4 COLLATE utf8mb4_nopad_bin";
        *sql << "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', "
                "innodb_lock_wait_timeout = "
             << lock_timeout;
        *sql << "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE";
        return sql;
    }

    /// How durable a transaction is, innodb_flush_log_at_trx_commit decides for the whole server.
    void begin(soci::session& sql, bool) override { sql << "START TRANSACTION"; }

    Trouble trouble(const std::exception& problem) const override
    {
        const auto code = code_of(problem);
        if (is_one_of(code, lost_errors))
            return Trouble::lost;
        if (is_one_of(code, again_errors))
            return Trouble::again;
        if (is_one_of(code, full_errors))
            return Trouble::full;
        return is_one_of(code, settings_errors) ? Trouble::settings : Trouble::other;
    }

    std::string advice(const std::exception& problem) const override
    {
        switch (code_of(problem)) {
        case 1045:
        case 1524:
        case 1698:
            return "; check user and password in [database] connection or password_file";
        case 1044:
        case 1142:
            return "; as its administrator: GRANT ALL ON " + location_.name + ".* TO this user";
        case 1049:
            return "; as its administrator: CREATE DATABASE " + location_.name;
        case 2026:
            return "; check ssl_ca, ssl_cert and ssl_key in [database] connection, and the server's "
                   "certificate";
        case 2002:
        case 2003:
        case 2005:
            return "; check that MariaDB runs there, and the host, port or unix_socket in [database] "
                   "connection";
        default:
            return {};
        }
    }

    std::string_view word(std::string_view neutral) const override
    {
        static constexpr std::string_view table =
            "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin";
        // An index takes at most 3072 bytes, 4 for each character.
        static const std::map<std::string_view, std::string_view> words{
            {"sequence", "BIGINT AUTO_INCREMENT PRIMARY KEY"},
            {"integer", "BIGINT"},
            {"id", "VARCHAR(80)"},
            {"name", "VARCHAR(255)"},
            {"text", "LONGTEXT"},
            {"rows", table},
            {"keyed", table},
            {"if new", "IF NOT EXISTS"},
            {"if there", "IF EXISTS"},
            {"insert", "INSERT IGNORE INTO"},
            {"of builds", "ON builds"},
            {"spec's name", "json_value(spec, '$.name')"},
            // An index of some rows only is one in which the others are null.
            {"active line",
             ", active_line BIGINT GENERATED ALWAYS AS (CASE active WHEN 1 THEN 1 END) VIRTUAL"},
            {"active lines", "(project, name, active_line)"},
        };
        return words.at(neutral);
    }

    int version(soci::session& sql) override
    {
        int tables = 0;
        int ours = 0;
        sql << "SELECT COUNT(*), COALESCE(SUM(table_name = 'schema_version'), 0) FROM "
               "information_schema.tables"
               " WHERE table_schema = DATABASE()",
            soci::into(tables), soci::into(ours);
        if (ours == 0 && tables > 0)
            throw std::runtime_error("it holds " + std::to_string(tables) +
                                     " tables of something else; the builder needs a database of its own");
        int found = 0;
        if (ours > 0)
            sql << "SELECT COALESCE(MAX(version), 0) FROM schema_version", soci::into(found);
        return found;
    }
    void set_version(soci::session& sql, int version) override
    {
        const int row = 1;
        sql << "REPLACE INTO schema_version (id, version) VALUES (:id, :version)", soci::use(row),
            soci::use(version);
    }
    void begin_migration(soci::session& sql) override
    {
        int taken = 0;
        sql << "SELECT COALESCE(GET_LOCK(CONCAT('unikernel.', SHA1(DATABASE())), " << migration_timeout
            << "), 0)",
            soci::into(taken);
        if (taken != 1)
            throw std::runtime_error(std::string("another builder has been changing its tables for ") +
                                     migration_timeout + " s");
        sql << "CREATE TABLE IF NOT EXISTS schema_version (id INTEGER PRIMARY KEY, version INTEGER NOT NULL) "
            << word("rows");
    }
    void end_migration(soci::session& sql) override
    {
        sql << "DO RELEASE_LOCK(CONCAT('unikernel.', SHA1(DATABASE())))";
    }

private:
    const DatabaseLocation location_;
};

}  // namespace

std::unique_ptr<Engine> mariadb_engine(DatabaseLocation location)
{
    return std::make_unique<MariaDb>(std::move(location));
}

}  // namespace unikernel
