// SPDX-License-Identifier: Apache-2.0
#include "builder_service/builds/builder_repository.hh"

namespace unikernel
{

using soci::into;
using soci::use;

Result<void> BuilderRepository::beat(const std::string& name)
{
    return database_.transact(false, [&](soci::session& sql) {
        soci::statement count_on =
            (sql.prepare << "UPDATE builders SET beat = beat + 1 WHERE name = :name", use(name));
        count_on.execute(true);
        if (count_on.get_affected_rows() == 0)
            sql << "INSERT INTO builders (name, beat) VALUES (:name, 1)", use(name);
    });
}

Result<void> BuilderRepository::leave(const std::string& name)
{
    return database_.transact(
        false, [&](soci::session& sql) { sql << "DELETE FROM builders WHERE name = :name", use(name); });
}

Result<std::map<std::string, std::int64_t>> BuilderRepository::others(const std::string& name)
{
    return database_.transact(false, [&](soci::session& sql) {
        std::string other;
        long long beat = 0;
        soci::statement statement =
            (sql.prepare << "SELECT name, beat FROM builders WHERE name != :name UNION ALL"
                            " SELECT DISTINCT builder, 0 FROM builds WHERE state = 'running'"
                            " AND builder != :same AND builder NOT IN (SELECT name FROM builders)",
             use(name), use(name), into(other), into(beat));
        std::map<std::string, std::int64_t> found;
        statement.execute();
        while (statement.fetch())
            found[other] = beat;
        return found;
    });
}

}  // namespace unikernel
