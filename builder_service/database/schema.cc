// SPDX-License-Identifier: Apache-2.0
#include "builder_service/database/schema.hh"

#include <vector>

namespace unikernel
{

namespace
{

/// Step i brings user_version from i to i + 1. Never changed once released, only appended to.
const std::vector<std::vector<const char*>>& migrations()
{
    static const std::vector<std::vector<const char*>> steps{
        {"CREATE TABLE builds (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
         " created TEXT NOT NULL, updated TEXT NOT NULL, state TEXT NOT NULL, request_digest TEXT NOT NULL,"
         " bundle TEXT NOT NULL, spec TEXT NOT NULL, requirements TEXT NOT NULL, boot_check INTEGER NOT NULL,"
         " phase TEXT NOT NULL DEFAULT '', phases TEXT NOT NULL DEFAULT '[]', error TEXT NOT NULL DEFAULT '',"
         " image TEXT NOT NULL DEFAULT '', attempts INTEGER NOT NULL DEFAULT 0,"
         " compiled INTEGER NOT NULL DEFAULT 0, cached INTEGER NOT NULL DEFAULT 0)",
         "CREATE INDEX builds_by_state ON builds (state, number)",
         "CREATE TABLE events (build INTEGER NOT NULL REFERENCES builds (number) ON DELETE CASCADE,"
         " n INTEGER NOT NULL, time TEXT NOT NULL, phase TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT "
         "NULL,"
         " state TEXT NOT NULL, image TEXT NOT NULL, error TEXT NOT NULL, PRIMARY KEY (build, n)) WITHOUT "
         "ROWID"},
        {"CREATE INDEX builds_by_request ON builds (request_digest, number)"},
        // Projects: what was there before belongs to "", the project of a service without identity.
        {"ALTER TABLE builds ADD COLUMN project TEXT NOT NULL DEFAULT ''",
         "ALTER TABLE builds ADD COLUMN user TEXT NOT NULL DEFAULT ''",
         "ALTER TABLE builds ADD COLUMN request_id TEXT NOT NULL DEFAULT ''",
         "ALTER TABLE builds ADD COLUMN applied TEXT NOT NULL DEFAULT '[]'",
         "ALTER TABLE builds ADD COLUMN publish TEXT NOT NULL DEFAULT ''",
         "ALTER TABLE builds ADD COLUMN publish_state TEXT NOT NULL DEFAULT ''",
         "DROP INDEX builds_by_request",
         "CREATE INDEX builds_by_request ON builds (project, request_digest, number)",
         "CREATE INDEX builds_by_project ON builds (project, number)",
         "CREATE INDEX builds_by_publish_state ON builds (publish_state, number)",
         "CREATE TABLE owners (kind TEXT NOT NULL, digest TEXT NOT NULL, project TEXT NOT NULL,"
         " created TEXT NOT NULL, build TEXT NOT NULL, PRIMARY KEY (kind, digest, project)) WITHOUT ROWID",
         "CREATE INDEX owners_by_project ON owners (kind, project, digest)",
         "CREATE TABLE requirements (number INTEGER PRIMARY KEY AUTOINCREMENT, global INTEGER NOT NULL, "
         "project TEXT NOT NULL,"
         " name TEXT NOT NULL, revision INTEGER NOT NULL, document TEXT NOT NULL, deleted INTEGER NOT NULL,"
         " created TEXT NOT NULL, author TEXT NOT NULL)",
         "CREATE INDEX requirements_by_name ON requirements (name, global, project, revision)"},
        {"CREATE TABLE instances (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, image TEXT NOT NULL,"
         " settings TEXT NOT NULL, pinned INTEGER NOT NULL, boots INTEGER NOT NULL, created TEXT NOT NULL,"
         " updated TEXT NOT NULL) WITHOUT ROWID"},
        // The loop. One row is the lease that all builders of a database ask for.
        {"ALTER TABLE builds ADD COLUMN name TEXT GENERATED ALWAYS AS (json_extract(spec, '$.name')) VIRTUAL",
         "CREATE INDEX builds_by_line ON builds (project, name, state, number)",
         "CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, epoch INTEGER NOT NULL,"
         " beat INTEGER NOT NULL, until INTEGER NOT NULL)",
         "INSERT INTO leases VALUES ('reconcile', '', 0, 0, 0)",
         "CREATE TABLE line_images (build TEXT PRIMARY KEY, number INTEGER NOT NULL, project TEXT NOT NULL,"
         " name TEXT NOT NULL, image TEXT NOT NULL, image_id TEXT NOT NULL, plan_digest TEXT NOT NULL,"
         " created TEXT NOT NULL, not_after TEXT NOT NULL, retired INTEGER NOT NULL DEFAULT 0)",
         "CREATE INDEX line_images_by_digest ON line_images (image)",
         "CREATE INDEX line_images_by_id ON line_images (image_id)",
         "CREATE TABLE rollouts (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
         " project TEXT NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL, active INTEGER NOT NULL,"
         " wish TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL, cause TEXT NOT NULL,"
         " requirements TEXT NOT NULL, from_build TEXT NOT NULL, build TEXT NOT NULL, image TEXT NOT NULL,"
         " image_id TEXT NOT NULL, plan_digest TEXT NOT NULL, request TEXT NOT NULL, created TEXT NOT NULL,"
         " updated TEXT NOT NULL)",
         "CREATE UNIQUE INDEX rollouts_of_line ON rollouts (project, name) WHERE active = 1",
         "CREATE INDEX rollouts_by_state ON rollouts (state, number)",
         "CREATE TABLE rollout_servers (rollout INTEGER NOT NULL REFERENCES rollouts (number) ON DELETE "
         "CASCADE,"
         " place INTEGER NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL,"
         " from_image TEXT NOT NULL, was_running INTEGER NOT NULL, attempts INTEGER NOT NULL,"
         " started TEXT NOT NULL, ended TEXT NOT NULL, downtime_ms INTEGER NOT NULL, error TEXT NOT NULL,"
         " PRIMARY KEY (rollout, id)) WITHOUT ROWID",
         "CREATE TABLE line_back_off (project TEXT NOT NULL, name TEXT NOT NULL, request TEXT NOT NULL,"
         " failures INTEGER NOT NULL, next_try INTEGER NOT NULL, until_changed INTEGER NOT NULL,"
         " reason TEXT NOT NULL, PRIMARY KEY (project, name)) WITHOUT ROWID"},
        // Requirements of a domain (global = 2), who asked for a change of one, and the chain of digests;
        // builds of the service's own, and those that expire.
        {"ALTER TABLE requirements ADD COLUMN domain TEXT NOT NULL DEFAULT ''",
         "ALTER TABLE requirements ADD COLUMN author_project TEXT NOT NULL DEFAULT ''",
         "ALTER TABLE requirements ADD COLUMN request_id TEXT NOT NULL DEFAULT ''",
         "ALTER TABLE requirements ADD COLUMN previous TEXT NOT NULL DEFAULT ''",
         "ALTER TABLE requirements ADD COLUMN digest TEXT NOT NULL DEFAULT ''",
         "ALTER TABLE builds ADD COLUMN origin TEXT NOT NULL DEFAULT 'user'",
         "ALTER TABLE builds ADD COLUMN domain TEXT NOT NULL DEFAULT ''",
         "ALTER TABLE builds ADD COLUMN not_after TEXT NOT NULL DEFAULT ''"},
        // A project's share in an image lasts as long as somebody in it has use for the image.
        {"CREATE TABLE holds (digest TEXT NOT NULL, project TEXT NOT NULL, holder TEXT NOT NULL,"
         " PRIMARY KEY (digest, project, holder)) WITHOUT ROWID",
         "INSERT INTO holds (digest, project, holder) SELECT digest, project, '' FROM owners WHERE kind = "
         "'image'"},
    };
    return steps;
}

}  // namespace

int schema_version()
{
    return static_cast<int>(migrations().size());
}

int migrate(soci::session& sql)
{
    int found = 0;
    sql << "PRAGMA user_version", soci::into(found);
    for (auto at = static_cast<std::size_t>(found); at < migrations().size(); ++at)
        for (const char* step : migrations()[at])
            sql << step;
    if (found < schema_version())
        sql << "PRAGMA user_version = " << schema_version();
    return found;
}

}  // namespace unikernel
