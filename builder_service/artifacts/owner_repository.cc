// SPDX-License-Identifier: Apache-2.0
#include "builder_service/artifacts/owner_repository.hh"

#include "builder_service/database/timestamp.hh"

namespace unikernel
{

namespace
{

using soci::into;
using soci::use;

std::string name_of(Owned kind)
{
    return kind == Owned::bundle ? "bundle" : "image";
}

}  // namespace

Result<bool> OwnerRepository::add(Owned kind, Owner owner, const std::string& holder)
{
    return database_.transact(true, [&](soci::session& sql) {
        const auto name = name_of(kind);
        if (kind == Owned::image)
            sql << "REPLACE INTO holds (digest, project, holder) VALUES (:digest, :project, :holder)",
                use(owner.digest), use(owner.project), use(holder);
        int known = 0;
        sql << "SELECT COUNT(*) FROM owners WHERE kind = :kind AND digest = :digest AND project = :project",
            use(name), use(owner.digest), use(owner.project), into(known);
        if (known != 0)
            return false;
        owner.created = timestamp();
        sql << "INSERT INTO owners (kind, digest, project, created, build)"
               " VALUES (:kind, :digest, :project, :created, :build)",
            use(name), use(owner.digest), use(owner.project), use(owner.created), use(owner.build);
        return true;
    });
}

Result<void> OwnerRepository::remove(Owned kind, const std::string& digest, const std::string& project)
{
    return database_.transact(true, [&](soci::session& sql) {
        const auto name = name_of(kind);
        sql << "DELETE FROM owners WHERE kind = :kind AND digest = :digest AND project = :project", use(name),
            use(digest), use(project);
        if (kind == Owned::image)
            sql << "DELETE FROM holds WHERE digest = :digest AND project = :project", use(digest),
                use(project);
    });
}

Result<std::multimap<std::string, std::string>> OwnerRepository::holders(const std::string& digest)
{
    return database_.transact(false, [&](soci::session& sql) {
        std::string project;
        std::string holder;
        soci::statement statement =
            (sql.prepare << "SELECT project, holder FROM holds WHERE digest = :digest", use(digest),
             into(project), into(holder));
        std::multimap<std::string, std::string> found;
        statement.execute();
        while (statement.fetch())
            found.emplace(project, holder);
        return found;
    });
}

Result<void> OwnerRepository::release(const std::string& digest, const std::string& project,
                                      const std::string& holder)
{
    return database_.transact(true, [&](soci::session& sql) {
        sql << "DELETE FROM holds WHERE digest = :digest AND project = :project AND holder = :holder",
            use(digest), use(project), use(holder);
    });
}

Result<std::vector<Owner>> OwnerRepository::owners(Owned kind, const std::string& digest)
{
    return database_.transact(false, [&](soci::session& sql) {
        const auto name = name_of(kind);
        Owner owner;
        owner.digest = digest;
        soci::statement statement =
            (sql.prepare << "SELECT project, created, build FROM owners WHERE kind = :kind AND"
                            " digest = :digest ORDER BY project",
             use(name), use(digest), into(owner.project), into(owner.created), into(owner.build));
        std::vector<Owner> found;
        statement.execute();
        while (statement.fetch())
            found.push_back(owner);
        return found;
    });
}

Result<std::vector<std::string>> OwnerRepository::digests(Owned kind, const std::string& project)
{
    return database_.transact(false, [&](soci::session& sql) {
        const auto name = name_of(kind);
        std::string digest;
        soci::statement statement =
            (sql.prepare << "SELECT digest FROM owners WHERE kind = :kind AND project = :project", use(name),
             use(project), into(digest));
        std::vector<std::string> found;
        statement.execute();
        while (statement.fetch())
            found.push_back(digest);
        return found;
    });
}

Result<std::multimap<std::string, Owner>> OwnerRepository::all(Owned kind)
{
    return database_.transact(false, [&](soci::session& sql) {
        const auto name = name_of(kind);
        Owner owner;
        soci::statement statement =
            (sql.prepare << "SELECT digest, project, created, build FROM owners WHERE kind = :kind",
             use(name), into(owner.digest), into(owner.project), into(owner.created), into(owner.build));
        std::multimap<std::string, Owner> found;
        statement.execute();
        while (statement.fetch())
            found.emplace(owner.digest, owner);
        return found;
    });
}

}  // namespace unikernel
