// SPDX-License-Identifier: Apache-2.0
#pragma once

// Databases for tests: of each engine, empty, and gone when the test ends.
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "builder_service/database/database.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel::test
{

enum class EngineKind { sqlite, mariadb };

/// One database. MariaDB's lie in one server, which the first of them starts, and which ends with the
/// program.
class TestDatabase
{
public:
    explicit TestDatabase(EngineKind kind);
    ~TestDatabase();
    TestDatabase(const TestDatabase&) = delete;
    TestDatabase& operator=(const TestDatabase&) = delete;

    /// One more connection to it, as another builder would have one.
    std::unique_ptr<Database> open() const;
    const DatabaseLocation& location() const { return location_; }
    std::unique_ptr<Engine> engine() const;
    /// As an administrator, who is not of the service.
    void execute(const std::string& sql) const;

private:
    TemporaryDirectory folder_ = std::move(*TemporaryDirectory::create());
    DatabaseLocation location_;
};

/// To be instantiated with `each_engine` and `engine_name`.
class OnEachEngine : public testing::TestWithParam<EngineKind>
{
protected:
    TestDatabase test_database_{GetParam()};
    std::unique_ptr<Database> database_ = test_database_.open();
};

inline const auto each_engine = testing::Values(EngineKind::sqlite, EngineKind::mariadb);
/// CMake runs the tests by these names: those of MariaDB together, which share a server.
inline std::string engine_name(const testing::TestParamInfo<EngineKind>& info)
{
    return info.param == EngineKind::sqlite ? "SQLite" : "MariaDB";
}

}  // namespace unikernel::test
