// SPDX-License-Identifier: Apache-2.0
#include "builder_service/database/database.hh"

#include <thread>

#include <gmock/gmock.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include "builder_service/database/schema.hh"
#include "common/util/file.hh"
#include "tests/unit/database/test_database.hh"

namespace unikernel
{
namespace
{

using soci::into;
using soci::use;
using testing::HasSubstr;

class DatabaseTest : public test::OnEachEngine
{
protected:
    void SetUp() override
    {
        test_database_.execute("CREATE TABLE counters (name VARCHAR(80) PRIMARY KEY, value INTEGER)");
        test_database_.execute("INSERT INTO counters VALUES ('one', 0)");
    }
    static int read(soci::session& sql)
    {
        int value = -1;
        sql << "SELECT value FROM counters WHERE name = 'one'", into(value);
        return value;
    }
    static void write(soci::session& sql, int value)
    {
        sql << "UPDATE counters SET value = :value WHERE name = 'one'", use(value);
    }
    int value() { return database_->transact(false, read).value(); }
};

TEST_P(DatabaseTest, keeps_what_a_transaction_did_and_drops_what_one_began_that_failed)
{
    EXPECT_TRUE(database_->transact(true, [](soci::session& sql) { write(sql, 1); }));
    const auto failed = database_->transact(true, [](soci::session& sql) {
        write(sql, 2);
        throw std::runtime_error("no");
    });
    EXPECT_EQ(failed.error().kind, FailureKind::internal);
    const auto refused = database_->transact(true, [](soci::session& sql) -> int {
        write(sql, 3);
        throw Refusal({FailureKind::conflict, "not yours"});
    });
    EXPECT_EQ(refused.error().kind, FailureKind::conflict);
    EXPECT_EQ(refused.error().message, "not yours");
    EXPECT_EQ(value(), 1);
}

TEST_P(DatabaseTest, transactions_of_several_connections_are_as_if_one_came_after_the_other)
{
    constexpr int each = 100;
    const auto count = [](Database& database) {
        for (int n = 0; n < each; ++n) {
            const auto done = database.transact(false, [](soci::session& sql) { write(sql, read(sql) + 1); });
            EXPECT_TRUE(done) << done.error().message;
        }
    };
    const auto other = test_database_.open();
    std::thread rival([&] { count(*other); });
    count(*database_);
    rival.join();
    EXPECT_EQ(value(), 2 * each);
}

TEST_P(DatabaseTest, text_is_compared_as_it_is)
{
    for (const char* name : {"One", "one ", "\u00f6ne", "\U0001f600"})
        EXPECT_TRUE(database_->transact(false, [&](soci::session& sql) {
            const std::string text = name;
            sql << "REPLACE INTO owners (kind, digest, project, created, build) VALUES (:kind, '', '', '', "
                   "'')",
                use(text);
            int same = 0;
            sql << "SELECT COUNT(*) FROM owners WHERE kind = :kind", use(text), into(same);
            EXPECT_EQ(same, 1);
        })) << name;
    EXPECT_EQ(database_
                  ->transact(false,
                             [](soci::session& sql) {
                                 int all = 0;
                                 sql << "SELECT COUNT(*) FROM owners", into(all);
                                 return all;
                             })
                  .value(),
              4);
}

TEST_P(DatabaseTest, refuses_the_tables_of_a_newer_version)
{
    const auto engine = test_database_.engine();
    engine->set_version(*engine->connect(), 99);
    const auto opened = Database::open(test_database_.engine());
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind, FailureKind::conflict);
    EXPECT_THAT(opened.error().message, HasSubstr("newer version (its schema is 99, this program knows " +
                                                  std::to_string(schema_version()) + ")"));
}

TEST_P(DatabaseTest, has_tables_that_are_no_older_when_they_are_opened_again)
{
    const auto again = test_database_.open();
    const auto engine = test_database_.engine();
    EXPECT_EQ(engine->version(*engine->connect()), schema_version());
}

INSTANTIATE_TEST_SUITE_P(Engines, DatabaseTest, test::each_engine, test::engine_name);

/// What a server adds: it may be away, and changes of its tables cannot be undone.
class Server : public DatabaseTest
{
protected:
    static std::string connection(soci::session& sql)
    {
        std::string id;
        sql << "SELECT CONNECTION_ID()", into(id);
        return id;
    }
    std::string refusal(DatabaseLocation location)
    {
        return Database::open(mariadb_engine(std::move(location))).error().message;
    }
};

TEST_P(Server, changes_of_tables_can_be_done_again_from_each_version)
{
    const auto engine = test_database_.engine();
    const auto sql = engine->connect();
    for (int version = 0; version < schema_version(); ++version) {
        engine->set_version(*sql, version);
        const auto opened = Database::open(test_database_.engine());
        EXPECT_TRUE(opened) << "cut off after " << version << ": " << opened.error().message;
    }
}

TEST_P(Server, builders_that_start_at_once_make_the_tables_once)
{
    const test::TestDatabase fresh(test::EngineKind::mariadb);
    const auto open = [&] {
        const auto opened = Database::open(fresh.engine());
        EXPECT_TRUE(opened) << opened.error().message;
    };
    std::thread rival(open);
    open();
    rival.join();
}

TEST_P(Server, a_connection_that_broke_while_idle_is_replaced)
{
    const auto id = database_->transact(false, connection).value();
    test_database_.execute("KILL " + id);
    EXPECT_EQ(value(), 0);
    EXPECT_NE(database_->transact(false, connection).value(), id);
}

TEST_P(Server, work_whose_connection_breaks_is_done_once)
{
    int runs = 0;
    const auto done = database_->transact(true, [&](soci::session& sql) {
        write(sql, read(sql) + 1);
        if (++runs == 1)
            test_database_.execute("KILL " + connection(sql));
        write(sql, read(sql) + 1);
    });
    EXPECT_TRUE(done) << done.error().message;
    EXPECT_EQ(runs, 2);
    EXPECT_EQ(value(), 2);
}

TEST_P(Server, says_what_to_do_when_it_lets_nobody_in)
{
    auto location = test_database_.location();
    location.name = "none";
    EXPECT_THAT(refusal(location), HasSubstr("CREATE DATABASE none"));
    location = test_database_.location();
    location.password = "a}b;c'\\d";
    EXPECT_THAT(refusal(location), HasSubstr("check user and password in [database]"));
    EXPECT_THAT(refusal(location), testing::Not(HasSubstr("a}b")));
    location = test_database_.location();
    location.socket = "/none/socket";
    EXPECT_THAT(refusal(location), HasSubstr("check that MariaDB runs there"));
    test_database_.execute("DROP TABLE schema_version");
    EXPECT_THAT(refusal(test_database_.location()), HasSubstr("tables of something else"));
}

INSTANTIATE_TEST_SUITE_P(Engines, Server, testing::Values(test::EngineKind::mariadb), test::engine_name);

TEST(Sqlite, brings_the_tables_of_the_first_versions_up_to_date)
{
    const auto folder = TemporaryDirectory::create();
    const auto file = folder->path() / "old.sqlite";
    {
        soci::session sql(soci::sqlite3, "db=" + file.string());
        sql << "CREATE TABLE builds (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
               " created TEXT NOT NULL, updated TEXT NOT NULL, state TEXT NOT NULL, request_digest TEXT NOT "
               "NULL,"
               " bundle TEXT NOT NULL, spec TEXT NOT NULL, requirements TEXT NOT NULL,"
               " boot_check INTEGER NOT NULL, phase TEXT NOT NULL DEFAULT '', phases TEXT NOT NULL DEFAULT "
               "'[]',"
               " error TEXT NOT NULL DEFAULT '', image TEXT NOT NULL DEFAULT '',"
               " attempts INTEGER NOT NULL DEFAULT 0, compiled INTEGER NOT NULL DEFAULT 0,"
               " cached INTEGER NOT NULL DEFAULT 0)";
        sql << "CREATE INDEX builds_by_request ON builds (request_digest, number)";
        sql << "CREATE TABLE events (build INTEGER NOT NULL, n INTEGER NOT NULL, time TEXT NOT NULL,"
               " phase TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, state TEXT NOT NULL,"
               " image TEXT NOT NULL, error TEXT NOT NULL, PRIMARY KEY (build, n)) WITHOUT ROWID";
        sql << "INSERT INTO builds (id, created, updated, state, request_digest, bundle, spec, requirements,"
               " boot_check) VALUES ('old', 't', 't', 'succeeded', 'd', 'b', '{}', '[]', 1)";
        sql << "PRAGMA user_version = 2";
    }
    const auto opened = Database::open(file);
    ASSERT_TRUE(opened) << opened.error().message;
    ASSERT_TRUE((*opened)->transact(false, [](soci::session& sql) {
        std::string project = "none";
        sql << "SELECT project FROM builds WHERE id = 'old'", soci::into(project);
        EXPECT_EQ(project, "");
    }));
}

TEST(Sqlite, refuses_what_is_no_database)
{
    const auto folder = TemporaryDirectory::create();
    ASSERT_TRUE(folder);
    ASSERT_TRUE(write_file(folder->path() / "builds.sqlite", std::string(5000, 'x')));
    EXPECT_FALSE(Database::open(folder->path() / "builds.sqlite"));
    EXPECT_FALSE(Database::open(folder->path() / "none" / "builds.sqlite"));
}

}  // namespace
}  // namespace unikernel
