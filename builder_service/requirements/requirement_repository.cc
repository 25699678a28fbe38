// SPDX-License-Identifier: Apache-2.0
#include "builder_service/requirements/requirement_repository.hh"

#include "builder_service/database/timestamp.hh"

namespace unikernel
{

namespace
{

using soci::into;
using soci::use;

constexpr const char* select_revision =
    "SELECT global, project, name, revision, document, deleted, created, author FROM requirements AS r ";

/// Of `r`: there is no later revision, and it is no deletion.
constexpr const char* is_live =
    "deleted = 0 AND revision = (SELECT MAX(revision) FROM requirements AS other WHERE other.name = r.name"
    " AND other.global = r.global AND other.project = r.project) ";

/// `prepared` is a select_revision with its parameters bound.
std::vector<RequirementRevision> fetch(soci::details::prepare_temp_type prepared)
{
    int global = 0;
    int deleted = 0;
    long long revision = 0;
    std::string project;
    std::string document;
    RequirementRevision row;
    soci::statement statement = (prepared, into(global), into(project), into(row.name), into(revision),
                                 into(document), into(deleted), into(row.created), into(row.author));
    std::vector<RequirementRevision> found;
    statement.execute();
    while (statement.fetch()) {
        row.project = global != 0 ? std::nullopt : std::optional(project);
        row.revision = revision;
        row.document = nlohmann::json::parse(document);
        row.deleted = deleted != 0;
        found.push_back(row);
    }
    return found;
}

}  // namespace

Result<void> RequirementRepository::append(RequirementRevision& revision)
{
    return database_.transact(true, [&](soci::session& sql) {
        const int global = revision.project ? 0 : 1;
        const int deleted = revision.deleted ? 1 : 0;
        const auto project = revision.project.value_or("");
        const auto document = revision.document.dump();
        long long last = 0;
        sql << "SELECT COALESCE(MAX(revision), 0) FROM requirements"
               " WHERE name = :name AND global = :global AND project = :project",
            use(revision.name), use(global), use(project), into(last);
        revision.revision = ++last;
        revision.created = timestamp();
        sql << "INSERT INTO requirements (global, project, name, revision, document, deleted, created, "
               "author)"
               " VALUES (:global, :project, :name, :revision, :document, :deleted, :created, :author)",
            use(global), use(project), use(revision.name), use(last), use(document), use(deleted),
            use(revision.created), use(revision.author);
    });
}

Result<std::vector<RequirementRevision>>
RequirementRepository::history(const std::optional<std::string>& project, const std::string& name)
{
    return database_.transact(false, [&](soci::session& sql) {
        const int global = project ? 0 : 1;
        const auto owner = project.value_or("");
        return fetch((sql.prepare << select_revision
                                  << "WHERE name = :name AND global = :global AND project = :project"
                                     " ORDER BY revision DESC",
                      use(name), use(global), use(owner)));
    });
}

Result<std::vector<RequirementRevision>> RequirementRepository::live(const std::string& name)
{
    return database_.transact(false, [&](soci::session& sql) {
        return fetch((sql.prepare << select_revision << "WHERE name = :name AND " << is_live, use(name)));
    });
}

Result<std::vector<RequirementRevision>> RequirementRepository::live(const Scope& scope)
{
    return database_.transact(false, [&](soci::session& sql) {
        const int all = scope.all_projects ? 1 : 0;
        return fetch((sql.prepare << select_revision << "WHERE (:all OR global OR project = :project) AND "
                                  << is_live << "ORDER BY name, global, project",
                      use(all), use(scope.project)));
    });
}

}  // namespace unikernel
