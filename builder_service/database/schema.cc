// SPDX-License-Identifier: Apache-2.0
#include "builder_service/database/schema.hh"

#include <string>
#include <string_view>
#include <vector>

namespace unikernel
{

namespace
{

/// Step i brings the version from i to i + 1. Never changed once released, only appended to. The words in
/// braces are the engine's (Engine::word); all else is SQL that each of them takes. Parentheses tell a
/// statement of several literals from statements without a comma between them.
const std::vector<std::vector<const char*>>& migrations()
{
    static const std::vector<std::vector<const char*>> steps{
        {("CREATE TABLE {if new} builds (number {sequence}, id {id} NOT NULL UNIQUE, created {id} NOT NULL,"
          " updated {id} NOT NULL, state {id} NOT NULL, request_digest {id} NOT NULL, bundle {id} NOT NULL,"
          " spec {text} NOT NULL, requirements {text} NOT NULL, boot_check {integer} NOT NULL,"
          " phase {id} NOT NULL DEFAULT '', phases {text} NOT NULL DEFAULT '[]',"
          " error {text} NOT NULL DEFAULT '', image {id} NOT NULL DEFAULT '',"
          " attempts {integer} NOT NULL DEFAULT 0, compiled {integer} NOT NULL DEFAULT 0,"
          " cached {integer} NOT NULL DEFAULT 0) {rows}"),
         "CREATE INDEX {if new} builds_by_state ON builds (state, number)",
         ("CREATE TABLE {if new} events (build {integer} NOT NULL REFERENCES builds (number)"
          " ON DELETE CASCADE, n {integer} NOT NULL, time {id} NOT NULL, phase {id} NOT NULL,"
          " kind {id} NOT NULL, text {text} NOT NULL, state {id} NOT NULL, image {id} NOT NULL,"
          " error {text} NOT NULL, PRIMARY KEY (build, n)) {keyed}")},
        {"CREATE INDEX {if new} builds_by_request ON builds (request_digest, number)"},
        // Projects: what was there before belongs to "", the project of a service without identity.
        {"ALTER TABLE builds ADD COLUMN {if new} project {id} NOT NULL DEFAULT ''",
         "ALTER TABLE builds ADD COLUMN {if new} user {name} NOT NULL DEFAULT ''",
         "ALTER TABLE builds ADD COLUMN {if new} request_id {id} NOT NULL DEFAULT ''",
         "ALTER TABLE builds ADD COLUMN {if new} applied {text} NOT NULL DEFAULT '[]'",
         "ALTER TABLE builds ADD COLUMN {if new} publish {text} NOT NULL DEFAULT ''",
         "ALTER TABLE builds ADD COLUMN {if new} publish_state {id} NOT NULL DEFAULT ''",
         "DROP INDEX {if there} builds_by_request {of builds}",
         "CREATE INDEX {if new} builds_by_request ON builds (project, request_digest, number)",
         "CREATE INDEX {if new} builds_by_project ON builds (project, number)",
         "CREATE INDEX {if new} builds_by_publish_state ON builds (publish_state, number)",
         ("CREATE TABLE {if new} owners (kind {id} NOT NULL, digest {id} NOT NULL, project {id} NOT NULL,"
          " created {id} NOT NULL, build {id} NOT NULL, PRIMARY KEY (kind, digest, project)) {keyed}"),
         "CREATE INDEX {if new} owners_by_project ON owners (kind, project, digest)",
         ("CREATE TABLE {if new} requirements (number {sequence}, global {integer} NOT NULL,"
          " project {id} NOT NULL, name {name} NOT NULL, revision {integer} NOT NULL,"
          " document {text} NOT NULL, deleted {integer} NOT NULL, created {id} NOT NULL,"
          " author {name} NOT NULL) {rows}"),
         "CREATE INDEX {if new} requirements_by_name ON requirements (name, global, project, revision)"},
        {("CREATE TABLE {if new} instances (id {id} PRIMARY KEY, name {name} NOT NULL UNIQUE,"
          " image {id} NOT NULL, settings {text} NOT NULL, pinned {integer} NOT NULL,"
          " boots {integer} NOT NULL, created {id} NOT NULL, updated {id} NOT NULL) {keyed}")},
        // The loop. One row is the lease that all builders of a database ask for.
        {"ALTER TABLE builds ADD COLUMN {if new} name {name} GENERATED ALWAYS AS ({spec's name}) VIRTUAL",
         "CREATE INDEX {if new} builds_by_line ON builds (project, name, state, number)",
         ("CREATE TABLE {if new} leases (name {id} PRIMARY KEY, holder {text} NOT NULL,"
          " epoch {integer} NOT NULL, beat {integer} NOT NULL, until {integer} NOT NULL) {rows}"),
         "{insert} leases VALUES ('reconcile', '', 0, 0, 0)",
         ("CREATE TABLE {if new} line_images (build {id} PRIMARY KEY, number {integer} NOT NULL,"
          " project {id} NOT NULL, name {name} NOT NULL, image {id} NOT NULL, image_id {id} NOT NULL,"
          " plan_digest {id} NOT NULL, created {id} NOT NULL, not_after {id} NOT NULL,"
          " retired {integer} NOT NULL DEFAULT 0) {rows}"),
         "CREATE INDEX {if new} line_images_by_digest ON line_images (image)",
         "CREATE INDEX {if new} line_images_by_id ON line_images (image_id)",
         ("CREATE TABLE {if new} rollouts (number {sequence}, id {id} NOT NULL UNIQUE,"
          " project {id} NOT NULL, name {name} NOT NULL, state {id} NOT NULL, active {integer} NOT NULL,"
          " wish {id} NOT NULL DEFAULT '', reason {text} NOT NULL, cause {text} NOT NULL,"
          " requirements {text} NOT NULL, from_build {id} NOT NULL, build {id} NOT NULL,"
          " image {id} NOT NULL, image_id {id} NOT NULL, plan_digest {id} NOT NULL,"
          " request {text} NOT NULL, created {id} NOT NULL, updated {id} NOT NULL{active line}) {rows}"),
         "CREATE UNIQUE INDEX {if new} rollouts_of_line ON rollouts {active lines}",
         "CREATE INDEX {if new} rollouts_by_state ON rollouts (state, number)",
         ("CREATE TABLE {if new} rollout_servers (rollout {integer} NOT NULL REFERENCES rollouts (number)"
          " ON DELETE CASCADE, place {integer} NOT NULL, id {id} NOT NULL, name {name} NOT NULL,"
          " state {id} NOT NULL, from_image {id} NOT NULL, was_running {integer} NOT NULL,"
          " attempts {integer} NOT NULL, started {id} NOT NULL, ended {id} NOT NULL,"
          " downtime_ms {integer} NOT NULL, error {text} NOT NULL, PRIMARY KEY (rollout, id)) {keyed}"),
         ("CREATE TABLE {if new} line_back_off (project {id} NOT NULL, name {name} NOT NULL,"
          " request {text} NOT NULL, failures {integer} NOT NULL, next_try {integer} NOT NULL,"
          " until_changed {integer} NOT NULL, reason {text} NOT NULL, PRIMARY KEY (project, name)) {keyed}")},
        // Requirements of a domain (global = 2), who asked for a change of one, and the chain of digests;
        // builds of the service's own, and those that expire.
        {"ALTER TABLE requirements ADD COLUMN {if new} domain {id} NOT NULL DEFAULT ''",
         "ALTER TABLE requirements ADD COLUMN {if new} author_project {id} NOT NULL DEFAULT ''",
         "ALTER TABLE requirements ADD COLUMN {if new} request_id {id} NOT NULL DEFAULT ''",
         "ALTER TABLE requirements ADD COLUMN {if new} previous {id} NOT NULL DEFAULT ''",
         "ALTER TABLE requirements ADD COLUMN {if new} digest {id} NOT NULL DEFAULT ''",
         "ALTER TABLE builds ADD COLUMN {if new} origin {id} NOT NULL DEFAULT 'user'",
         "ALTER TABLE builds ADD COLUMN {if new} domain {id} NOT NULL DEFAULT ''",
         "ALTER TABLE builds ADD COLUMN {if new} not_after {id} NOT NULL DEFAULT ''"},
        // A project's share in an image lasts as long as somebody in it has use for the image.
        {("CREATE TABLE {if new} holds (digest {id} NOT NULL, project {id} NOT NULL,"
          " holder {name} NOT NULL, PRIMARY KEY (digest, project, holder)) {keyed}"),
         ("{insert} holds (digest, project, holder) SELECT digest, project, ''"
          " FROM owners WHERE kind = 'image'")},
        // Several builders: who runs a build, of which claim a change is, and who is alive.
        {"ALTER TABLE builds ADD COLUMN {if new} builder {name} NOT NULL DEFAULT ''",
         "ALTER TABLE builds ADD COLUMN {if new} epoch {integer} NOT NULL DEFAULT 0",
         "ALTER TABLE builds ADD COLUMN {if new} stopping {integer} NOT NULL DEFAULT 0",
         "CREATE TABLE {if new} builders (name {name} PRIMARY KEY, beat {integer} NOT NULL) {keyed}"},
        // Since when a server runs what is wanted of it, or does not.
        {("CREATE TABLE {if new} server_standings (server {id} PRIMARY KEY, state {id} NOT NULL,"
          " since {id} NOT NULL) {keyed}")},
        // How far the record of changes goes. What was there before is counted by the program that comes
        // first.
        {("CREATE TABLE {if new} audit_heads (name {id} PRIMARY KEY, revisions {integer} NOT NULL,"
          " digest {id} NOT NULL) {keyed}"),
         "{insert} audit_heads (name, revisions, digest) VALUES ('requirements', -1, '')"},
    };
    return steps;
}

std::string expanded(std::string_view neutral, const Engine& engine)
{
    std::string statement;
    for (std::size_t at = 0; at < neutral.size();) {
        const auto open = neutral.find('{', at);
        statement += neutral.substr(at, open - at);
        if (open == std::string_view::npos)
            break;
        const auto close = neutral.find('}', open);
        statement += engine.word(neutral.substr(open + 1, close - open - 1));
        at = close + 1;
    }
    return statement;
}

}  // namespace

int schema_version()
{
    return static_cast<int>(migrations().size());
}

int migrate(soci::session& sql, Engine& engine)
{
    if (const int found = engine.version(sql); found >= schema_version())
        return found;
    engine.begin_migration(sql);
    const int found = engine.version(sql);  // another builder may have been faster
    for (int at = found; at < schema_version(); ++at) {
        for (const char* statement : migrations()[static_cast<std::size_t>(at)])
            sql << expanded(statement, engine);
        engine.set_version(sql, at + 1);
    }
    engine.end_migration(sql);
    return found;
}

}  // namespace unikernel
