// SPDX-License-Identifier: Apache-2.0
#include "builder_service/requirements/requirement_repository.hh"

#include <limits>

#include <spdlog/spdlog.h>

#include "builder_service/database/timestamp.hh"

namespace unikernel
{

namespace
{

using soci::into;
using soci::use;

// The column `global` says for whom a requirement is; of what is not for one project, `project` is empty.
enum Kind { of_project = 0, of_all = 1, of_domain = 2 };

constexpr const char* select_revision =
    "SELECT global, project, domain, name, revision, document, deleted, created, author, author_project,"
    " request_id, previous, digest FROM requirements AS r ";

/// Of `r`: there is no later revision, and it is no deletion.
constexpr const char* is_live =
    "deleted = 0 AND revision = (SELECT MAX(revision) FROM requirements AS other WHERE other.name = r.name"
    " AND other.global = r.global AND other.project = r.project"
    " AND (other.global < 2 OR other.domain = r.domain)) ";

/// A RequirementScope as the columns have it.
struct Columns {
    explicit Columns(const RequirementScope& scope)
        : kind(scope.project    ? of_project
               : scope.global() ? of_all
                                : of_domain),
          project(scope.project.value_or("")), domain(scope.domain)
    {
    }
    int kind;
    std::string project, domain;
};

constexpr long long all_of_them = std::numeric_limits<long long>::max();

/// `prepared` is a select_revision with its parameters bound.
std::vector<RequirementRevision> fetch(soci::details::prepare_temp_type prepared)
{
    int kind = 0;
    int deleted = 0;
    long long revision = 0;
    std::string project;
    std::string document;
    RequirementRevision row;
    soci::statement statement =
        (prepared, into(kind), into(project), into(row.domain), into(row.name), into(revision),
         into(document), into(deleted), into(row.created), into(row.author), into(row.author_project),
         into(row.request_id), into(row.previous), into(row.digest));
    std::vector<RequirementRevision> found;
    statement.execute();
    while (statement.fetch()) {
        row.project = kind == of_project ? std::optional(project) : std::nullopt;
        row.revision = revision;
        row.document = nlohmann::json::parse(document);
        row.deleted = deleted != 0;
        found.push_back(row);
    }
    return found;
}

std::vector<RequirementRevision> history(soci::session& sql, const RequirementScope& scope,
                                         const std::string& name, long long most)
{
    const Columns columns(scope);
    return fetch((sql.prepare << select_revision
                              << "WHERE name = :name AND global = :kind AND project = :project"
                                 " AND (global < 2 OR domain = :domain) ORDER BY revision DESC LIMIT :most",
                  use(name), use(columns.kind), use(columns.project), use(columns.domain), use(most)));
}

std::vector<RequirementRevision> live_of(soci::session& sql, const std::string& name)
{
    return fetch((sql.prepare << select_revision << "WHERE name = :name AND " << is_live, use(name)));
}

/// Every revision in the order of storing.
std::vector<RequirementRevision> record(soci::session& sql)
{
    return fetch((sql.prepare << select_revision << "ORDER BY number"));
}

/// Nothing: somebody took it away. Nobody else writes it before this transaction ends.
std::optional<AuditHead> locked_head(soci::session& sql)
{
    AuditHead head;
    sql << "UPDATE audit_heads SET revisions = revisions WHERE name = 'requirements'";
    sql << "SELECT revisions, digest FROM audit_heads WHERE name = 'requirements'", into(head.revisions),
        into(head.digest);
    if (!sql.got_data())
        return std::nullopt;
    return head;
}

void set_head(soci::session& sql, const AuditHead& head)
{
    sql << "UPDATE audit_heads SET revisions = :revisions, digest = :digest WHERE name = 'requirements'",
        use(head.revisions), use(head.digest);
}

/// Of a record that is older than its head.
void count_record(soci::session& sql, std::optional<AuditHead>& head)
{
    if (!head || head->revisions >= 0)
        return;
    head = unikernel::audit(record(sql), std::nullopt, std::nullopt).head;
    set_head(sql, *head);
}

}  // namespace

Result<Audit> RequirementRepository::audit(std::optional<long long> at)
{
    return database_.transact(false, [&](soci::session& sql) {
        auto head = locked_head(sql);
        count_record(sql, head);
        return unikernel::audit(record(sql), head, at);
    });
}

Result<void> RequirementRepository::append(RequirementRevision& revision, const Check& check)
{
    std::vector<RequirementRevision> last;
    auto done = database_.transact(true, [&](soci::session& sql) {
        auto head = locked_head(sql);  // first, so that revisions are counted one after another
        if (const auto may = check(live_of(sql, revision.name)); !may)
            throw Refusal(may.error());
        count_record(sql, head);
        const Columns columns(revision.scope());
        const int deleted = revision.deleted ? 1 : 0;
        const auto document = revision.document.dump();
        last = unikernel::history(sql, revision.scope(), revision.name, 1);
        const long long number = last.empty() ? 1 : last.front().revision + 1;
        revision.revision = number;
        revision.created = timestamp();
        if (!last.empty())
            revision.previous = last.front().digest.empty() ? digest_of(last.front()) : last.front().digest;
        revision.digest = digest_of(revision);
        sql << "INSERT INTO requirements (global, project, domain, name, revision, document, deleted, "
               "created,"
               " author, author_project, request_id, previous, digest)"
               " VALUES (:global, :project, :domain, :name, :revision, :document, :deleted, :created, "
               ":author,"
               " :author_project, :request, :previous, :digest)",
            use(columns.kind), use(columns.project), use(columns.domain), use(revision.name), use(number),
            use(document), use(deleted), use(revision.created), use(revision.author),
            use(revision.author_project), use(revision.request_id), use(revision.previous),
            use(revision.digest);
        if (head)
            set_head(sql, next(*head, revision));
    });
    if (done)
        spdlog::info("{}", audit_line(revision, last.empty() ? nullptr : &last.front()));
    return done;
}

Result<std::vector<RequirementRevision>> RequirementRepository::history(const RequirementScope& scope,
                                                                        const std::string& name)
{
    return database_.transact(
        false, [&](soci::session& sql) { return unikernel::history(sql, scope, name, all_of_them); });
}

Result<std::vector<RequirementRevision>> RequirementRepository::everything()
{
    return database_.transact(false, [&](soci::session& sql) {
        return fetch((sql.prepare << select_revision
                                  << "ORDER BY name, global, project, CASE global WHEN 2 THEN domain END,"
                                     " revision DESC"));
    });
}

Result<long long> RequirementRepository::version()
{
    return database_.transact(false, [](soci::session& sql) {
        long long newest = 0;
        sql << "SELECT COALESCE(MAX(number), 0) FROM requirements", into(newest);
        return newest;
    });
}

Result<std::size_t> RequirementRepository::count(const RequirementScope& scope)
{
    return database_.transact(false, [&](soci::session& sql) {
        const Columns columns(scope);
        long long found = 0;
        sql << "SELECT COUNT(*) FROM requirements AS r WHERE global = :kind AND project = :project"
               " AND (global < 2 OR domain = :domain) AND "
            << is_live,
            use(columns.kind), use(columns.project), use(columns.domain), into(found);
        return static_cast<std::size_t>(found);
    });
}

Result<std::vector<RequirementRevision>> RequirementRepository::live(const std::string& name)
{
    return database_.transact(false, [&](soci::session& sql) { return live_of(sql, name); });
}

Result<std::vector<RequirementRevision>> RequirementRepository::live(const Scope& scope)
{
    return database_.transact(false, [&](soci::session& sql) {
        const int all = scope.all_projects ? 1 : 0;
        return fetch((sql.prepare << select_revision
                                  << "WHERE (:all OR global = 1 OR (global = 0 AND project = :project)"
                                     " OR (global = 2 AND domain = :domain)) AND "
                                  << is_live << "ORDER BY name, global, project, domain",
                      use(all), use(scope.project), use(scope.domain)));
    });
}

}  // namespace unikernel
