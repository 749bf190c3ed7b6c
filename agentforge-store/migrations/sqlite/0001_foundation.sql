-- Written from the declarations in agentforge-core by agentforge-store's test
-- `the_committed_migration_is_what_the_declarations_say`; AGENTFORGE_BLESS=1 rewrites it.

CREATE TABLE "store_meta" (
    "key" TEXT NOT NULL,
    "value" BLOB NOT NULL,
    PRIMARY KEY ("key")
) STRICT, WITHOUT ROWID;

CREATE TABLE "migrations" (
    "number" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "checksum" BLOB NOT NULL,
    "at" INTEGER NOT NULL,
    PRIMARY KEY ("number")
) STRICT, WITHOUT ROWID;

CREATE TABLE "host_collections" (
    "name" TEXT NOT NULL,
    "checksum" BLOB NOT NULL,
    "at" INTEGER NOT NULL,
    PRIMARY KEY ("name")
) STRICT, WITHOUT ROWID;

CREATE TABLE "change_sets" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "receipt" TEXT NOT NULL,
    "at" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT, WITHOUT ROWID;

CREATE TABLE "journal" (
    "tenant" BLOB NOT NULL,
    "run" BLOB NOT NULL,
    "seq" INTEGER NOT NULL,
    "epoch" INTEGER NOT NULL,
    "kind" TEXT NOT NULL,
    "node_path" TEXT NOT NULL,
    "iteration" INTEGER NOT NULL,
    "attempt" INTEGER NOT NULL,
    "effect_key" TEXT,
    "payload" TEXT NOT NULL,
    "at" INTEGER NOT NULL,
    "v" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "run", "seq")
) STRICT, WITHOUT ROWID;

CREATE TABLE "leases" (
    "tenant" BLOB NOT NULL,
    "run" BLOB NOT NULL,
    "epoch" INTEGER NOT NULL,
    "owner" TEXT NOT NULL,
    "until" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "run")
) STRICT, WITHOUT ROWID;

CREATE TABLE "timers" (
    "tenant" BLOB NOT NULL,
    "run" BLOB NOT NULL,
    "key" TEXT NOT NULL,
    "due" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "run", "key")
) STRICT, WITHOUT ROWID;

CREATE TABLE "signals" (
    "arrival" INTEGER NOT NULL,
    "tenant" BLOB NOT NULL,
    "run" BLOB NOT NULL,
    "name" TEXT NOT NULL,
    "dedup" TEXT NOT NULL,
    "payload" TEXT,
    "consumed_at" INTEGER,
    PRIMARY KEY ("arrival" AUTOINCREMENT)
) STRICT;
CREATE UNIQUE INDEX "signals_run_name_dedup_key" ON "signals" ("tenant", "run", "name", "dedup");
CREATE INDEX "signals_run_arrival_index" ON "signals" ("tenant", "run", "arrival") WHERE payload IS NOT NULL;
CREATE INDEX "signals_consumed_at_index" ON "signals" ("tenant", "consumed_at") WHERE consumed_at IS NOT NULL;

CREATE TABLE "counters" (
    "tenant" BLOB NOT NULL,
    "key" TEXT NOT NULL,
    "value" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "key")
) STRICT, WITHOUT ROWID;

CREATE TABLE "segments" (
    "tenant" BLOB NOT NULL,
    "knowledge_base" BLOB NOT NULL,
    "kind" TEXT NOT NULL,
    "segment" BLOB NOT NULL,
    "bytes" BLOB NOT NULL,
    PRIMARY KEY ("tenant", "knowledge_base", "kind", "segment")
) STRICT;

CREATE TABLE "segment_manifests" (
    "tenant" BLOB NOT NULL,
    "knowledge_base" BLOB NOT NULL,
    "kind" TEXT NOT NULL,
    "generation" INTEGER NOT NULL,
    "segments" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "knowledge_base", "kind")
) STRICT, WITHOUT ROWID;

CREATE TABLE "blobs" (
    "tenant" BLOB NOT NULL,
    "sha256" BLOB NOT NULL,
    "content" BLOB NOT NULL,
    "size" INTEGER NOT NULL,
    "elsewhere" INTEGER NOT NULL,
    "refs" INTEGER NOT NULL,
    "unreferenced_since" INTEGER,
    PRIMARY KEY ("tenant", "sha256")
) STRICT, WITHOUT ROWID;
CREATE INDEX "blobs_content_index" ON "blobs" ("tenant", "content");
CREATE INDEX "blobs_unreferenced_since_index" ON "blobs" ("tenant", "unreferenced_since") WHERE unreferenced_since IS NOT NULL;

CREATE TABLE "blob_chunks" (
    "tenant" BLOB NOT NULL,
    "content" BLOB NOT NULL,
    "ordinal" INTEGER NOT NULL,
    "bytes" BLOB NOT NULL,
    PRIMARY KEY ("tenant", "content", "ordinal")
) STRICT;

CREATE TABLE "dispatch" (
    "tenant" BLOB NOT NULL,
    "kind" TEXT NOT NULL,
    "id" BLOB NOT NULL,
    "due" INTEGER NOT NULL,
    "epoch" INTEGER NOT NULL,
    "claim" INTEGER,
    "again" INTEGER,
    PRIMARY KEY ("tenant", "kind", "id")
) STRICT, WITHOUT ROWID;
CREATE INDEX "dispatch_kind_due_id_index" ON "dispatch" ("kind", "due", "id");

CREATE TABLE "dispatch_epochs" (
    "one" INTEGER NOT NULL,
    "last" INTEGER NOT NULL,
    PRIMARY KEY ("one")
) STRICT, WITHOUT ROWID;

CREATE TABLE "outbox" (
    "seq" INTEGER NOT NULL,
    "tenant" BLOB NOT NULL,
    "key" TEXT NOT NULL,
    "event" TEXT NOT NULL,
    "at" INTEGER NOT NULL,
    PRIMARY KEY ("seq" AUTOINCREMENT)
) STRICT;
CREATE INDEX "outbox_seq_index" ON "outbox" ("tenant", "seq");

CREATE TABLE "inbox" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "key" TEXT NOT NULL,
    "process" TEXT NOT NULL,
    "input" TEXT,
    "user_id" BLOB,
    "at" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE INDEX "inbox_at_id_index" ON "inbox" ("tenant", "at", "id") WHERE input IS NOT NULL;

CREATE TABLE "audit" (
    "tenant" BLOB NOT NULL,
    "seq" INTEGER NOT NULL,
    "at" INTEGER NOT NULL,
    "scope" TEXT NOT NULL,
    "actor" TEXT NOT NULL,
    "correlation" BLOB NOT NULL,
    "action" TEXT NOT NULL,
    "resource" TEXT NOT NULL,
    "resource_id" TEXT,
    "success" INTEGER NOT NULL,
    "detail" TEXT NOT NULL,
    "salt" BLOB,
    "detail_digest" BLOB NOT NULL,
    "prev" BLOB NOT NULL,
    "hash" BLOB NOT NULL,
    PRIMARY KEY ("tenant", "seq")
) STRICT, WITHOUT ROWID;
CREATE INDEX "audit_actor_seq_index" ON "audit" ("tenant", "actor", "seq");
CREATE INDEX "audit_resource_resource_id_seq_index" ON "audit" ("tenant", "resource", "resource_id", "seq");
CREATE INDEX "audit_action_seq_index" ON "audit" ("tenant", "action", "seq");
CREATE INDEX "audit_at_seq_index" ON "audit" ("tenant", "at", "seq");

CREATE TABLE "tenants" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "name" TEXT,
    "slug" TEXT,
    "domain" TEXT,
    "default" INTEGER,
    "status" TEXT,
    "retain_until" INTEGER,
    "tags" TEXT,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE UNIQUE INDEX "tenants_slug_key" ON "tenants" ("tenant", "slug");
CREATE UNIQUE INDEX "tenants_domain_key" ON "tenants" ("tenant", "domain");

CREATE TABLE "tenants_words" (
    "tenant" BLOB NOT NULL,
    "field" TEXT NOT NULL,
    "word" TEXT NOT NULL,
    "record" BLOB NOT NULL,
    PRIMARY KEY ("tenant", "field", "word", "record"),
    FOREIGN KEY (tenant, "record") REFERENCES "tenants" (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX "tenants_words_record_index" ON "tenants_words" ("tenant", "record");
CREATE VIEW "report_tenants" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, "name", "slug", "domain", "default", "status", strftime('%Y-%m-%dT%H:%M:%fZ', "retain_until" / 1000000.0, 'unixepoch') AS "retain_until", "tags", body FROM "tenants";

CREATE TABLE "users" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "name" TEXT,
    "display_name" TEXT,
    "email" TEXT,
    "status" TEXT,
    "tags" TEXT,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE UNIQUE INDEX "users_name_key" ON "users" ("tenant", "name") WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX "users_email_key" ON "users" ("tenant", "email") WHERE deleted_at IS NULL;
CREATE INDEX "users_deleted_at_index" ON "users" ("tenant", "deleted_at") WHERE deleted_at IS NOT NULL;

CREATE TABLE "users_words" (
    "tenant" BLOB NOT NULL,
    "field" TEXT NOT NULL,
    "word" TEXT NOT NULL,
    "record" BLOB NOT NULL,
    PRIMARY KEY ("tenant", "field", "word", "record"),
    FOREIGN KEY (tenant, "record") REFERENCES "users" (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX "users_words_record_index" ON "users_words" ("tenant", "record");
CREATE VIEW "report_users" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', deleted_at / 1000000.0, 'unixepoch') AS deleted_at, "name", "display_name", "email", "status", "tags", body FROM "users";

CREATE TABLE "teams" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "name" TEXT,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE UNIQUE INDEX "teams_name_key" ON "teams" ("tenant", "name") WHERE deleted_at IS NULL;
CREATE INDEX "teams_deleted_at_index" ON "teams" ("tenant", "deleted_at") WHERE deleted_at IS NOT NULL;
CREATE VIEW "report_teams" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', deleted_at / 1000000.0, 'unixepoch') AS deleted_at, "name", body FROM "teams";

CREATE TABLE "memberships" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "team" BLOB,
    "user" BLOB,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id"),
    FOREIGN KEY (tenant, "team") REFERENCES "teams" (tenant, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, "user") REFERENCES "users" (tenant, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX "memberships_team_id_index" ON "memberships" ("tenant", "team", "id");
CREATE INDEX "memberships_user_id_index" ON "memberships" ("tenant", "user", "id");
CREATE INDEX "memberships_deleted_at_index" ON "memberships" ("tenant", "deleted_at") WHERE deleted_at IS NOT NULL;
CREATE VIEW "report_memberships" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', deleted_at / 1000000.0, 'unixepoch') AS deleted_at, CASE WHEN "team" IS NOT NULL THEN lower(substr(hex("team"), 1, 8) || '-' || substr(hex("team"), 9, 4) || '-' || substr(hex("team"), 13, 4) || '-' || substr(hex("team"), 17, 4) || '-' || substr(hex("team"), 21, 12)) END AS "team", CASE WHEN "user" IS NOT NULL THEN lower(substr(hex("user"), 1, 8) || '-' || substr(hex("user"), 9, 4) || '-' || substr(hex("user"), 13, 4) || '-' || substr(hex("user"), 17, 4) || '-' || substr(hex("user"), 21, 12)) END AS "user", body FROM "memberships";

CREATE TABLE "projects" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "name" TEXT,
    "closed" INTEGER,
    "owner" BLOB,
    "team" BLOB,
    "tags" TEXT,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE UNIQUE INDEX "projects_name_key" ON "projects" ("tenant", "name") WHERE deleted_at IS NULL;
CREATE INDEX "projects_deleted_at_index" ON "projects" ("tenant", "deleted_at") WHERE deleted_at IS NOT NULL;

CREATE TABLE "projects_words" (
    "tenant" BLOB NOT NULL,
    "field" TEXT NOT NULL,
    "word" TEXT NOT NULL,
    "record" BLOB NOT NULL,
    PRIMARY KEY ("tenant", "field", "word", "record"),
    FOREIGN KEY (tenant, "record") REFERENCES "projects" (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX "projects_words_record_index" ON "projects_words" ("tenant", "record");
CREATE VIEW "report_projects" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', deleted_at / 1000000.0, 'unixepoch') AS deleted_at, "name", "closed", CASE WHEN "owner" IS NOT NULL THEN lower(substr(hex("owner"), 1, 8) || '-' || substr(hex("owner"), 9, 4) || '-' || substr(hex("owner"), 13, 4) || '-' || substr(hex("owner"), 17, 4) || '-' || substr(hex("owner"), 21, 12)) END AS "owner", CASE WHEN "team" IS NOT NULL THEN lower(substr(hex("team"), 1, 8) || '-' || substr(hex("team"), 9, 4) || '-' || substr(hex("team"), 13, 4) || '-' || substr(hex("team"), 17, 4) || '-' || substr(hex("team"), 21, 12)) END AS "team", "tags", body FROM "projects";

CREATE TABLE "roles" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "name" TEXT,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE UNIQUE INDEX "roles_name_key" ON "roles" ("tenant", "name");
CREATE VIEW "report_roles" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, "name", body FROM "roles";

CREATE TABLE "access_entries" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "resource" TEXT,
    "resource_id" BLOB,
    "subject" TEXT,
    "expires_at" INTEGER,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE INDEX "access_entries_resource_id_id_index" ON "access_entries" ("tenant", "resource_id", "id");
CREATE INDEX "access_entries_subject_resource_id_index" ON "access_entries" ("tenant", "subject", "resource", "id");
CREATE VIEW "report_access_entries" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, "resource", CASE WHEN "resource_id" IS NOT NULL THEN lower(substr(hex("resource_id"), 1, 8) || '-' || substr(hex("resource_id"), 9, 4) || '-' || substr(hex("resource_id"), 13, 4) || '-' || substr(hex("resource_id"), 17, 4) || '-' || substr(hex("resource_id"), 21, 12)) END AS "resource_id", "subject", strftime('%Y-%m-%dT%H:%M:%fZ', "expires_at" / 1000000.0, 'unixepoch') AS "expires_at", body FROM "access_entries";

CREATE TABLE "settings" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "key" TEXT,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE VIEW "report_settings" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, "key", body FROM "settings";

CREATE TABLE "processes" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "name" TEXT,
    "number" INTEGER,
    "hash" TEXT,
    "owner" BLOB,
    "team" BLOB,
    "project" BLOB,
    "tags" TEXT,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE UNIQUE INDEX "processes_name_number_key" ON "processes" ("tenant", "name", "number");
CREATE INDEX "processes_name_hash_id_index" ON "processes" ("tenant", "name", "hash", "id");

CREATE TABLE "processes_words" (
    "tenant" BLOB NOT NULL,
    "field" TEXT NOT NULL,
    "word" TEXT NOT NULL,
    "record" BLOB NOT NULL,
    PRIMARY KEY ("tenant", "field", "word", "record"),
    FOREIGN KEY (tenant, "record") REFERENCES "processes" (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX "processes_words_record_index" ON "processes_words" ("tenant", "record");
CREATE VIEW "report_processes" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, "name", "number", "hash", CASE WHEN "owner" IS NOT NULL THEN lower(substr(hex("owner"), 1, 8) || '-' || substr(hex("owner"), 9, 4) || '-' || substr(hex("owner"), 13, 4) || '-' || substr(hex("owner"), 17, 4) || '-' || substr(hex("owner"), 21, 12)) END AS "owner", CASE WHEN "team" IS NOT NULL THEN lower(substr(hex("team"), 1, 8) || '-' || substr(hex("team"), 9, 4) || '-' || substr(hex("team"), 13, 4) || '-' || substr(hex("team"), 17, 4) || '-' || substr(hex("team"), 21, 12)) END AS "team", CASE WHEN "project" IS NOT NULL THEN lower(substr(hex("project"), 1, 8) || '-' || substr(hex("project"), 9, 4) || '-' || substr(hex("project"), 13, 4) || '-' || substr(hex("project"), 17, 4) || '-' || substr(hex("project"), 21, 12)) END AS "project", "tags", body FROM "processes";

CREATE TABLE "runs" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "kind" TEXT,
    "name" TEXT,
    "state" TEXT,
    "owner" BLOB,
    "project" BLOB,
    "ended_at" INTEGER,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE INDEX "runs_created_at_id_index" ON "runs" ("tenant", "created_at", "id");
CREATE INDEX "runs_state_created_at_id_index" ON "runs" ("tenant", "state", "created_at", "id");
CREATE INDEX "runs_name_created_at_id_index" ON "runs" ("tenant", "name", "created_at", "id");
CREATE VIEW "report_runs" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, "kind", "name", "state", CASE WHEN "owner" IS NOT NULL THEN lower(substr(hex("owner"), 1, 8) || '-' || substr(hex("owner"), 9, 4) || '-' || substr(hex("owner"), 13, 4) || '-' || substr(hex("owner"), 17, 4) || '-' || substr(hex("owner"), 21, 12)) END AS "owner", CASE WHEN "project" IS NOT NULL THEN lower(substr(hex("project"), 1, 8) || '-' || substr(hex("project"), 9, 4) || '-' || substr(hex("project"), 13, 4) || '-' || substr(hex("project"), 17, 4) || '-' || substr(hex("project"), 21, 12)) END AS "project", strftime('%Y-%m-%dT%H:%M:%fZ', "ended_at" / 1000000.0, 'unixepoch') AS "ended_at", body FROM "runs";

CREATE TABLE "approvals" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "run" BLOB,
    "state" TEXT,
    "expires_at" INTEGER,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE INDEX "approvals_run_id_index" ON "approvals" ("tenant", "run", "id");
CREATE INDEX "approvals_state_created_at_id_index" ON "approvals" ("tenant", "state", "created_at", "id");
CREATE VIEW "report_approvals" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, CASE WHEN "run" IS NOT NULL THEN lower(substr(hex("run"), 1, 8) || '-' || substr(hex("run"), 9, 4) || '-' || substr(hex("run"), 13, 4) || '-' || substr(hex("run"), 17, 4) || '-' || substr(hex("run"), 21, 12)) END AS "run", "state", strftime('%Y-%m-%dT%H:%M:%fZ', "expires_at" / 1000000.0, 'unixepoch') AS "expires_at", body FROM "approvals";

CREATE TABLE "knowledge_bases" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "name" TEXT,
    "owner" BLOB,
    "team" BLOB,
    "project" BLOB,
    "tags" TEXT,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE UNIQUE INDEX "knowledge_bases_name_key" ON "knowledge_bases" ("tenant", "name");

CREATE TABLE "knowledge_bases_words" (
    "tenant" BLOB NOT NULL,
    "field" TEXT NOT NULL,
    "word" TEXT NOT NULL,
    "record" BLOB NOT NULL,
    PRIMARY KEY ("tenant", "field", "word", "record"),
    FOREIGN KEY (tenant, "record") REFERENCES "knowledge_bases" (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX "knowledge_bases_words_record_index" ON "knowledge_bases_words" ("tenant", "record");
CREATE VIEW "report_knowledge_bases" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, "name", CASE WHEN "owner" IS NOT NULL THEN lower(substr(hex("owner"), 1, 8) || '-' || substr(hex("owner"), 9, 4) || '-' || substr(hex("owner"), 13, 4) || '-' || substr(hex("owner"), 17, 4) || '-' || substr(hex("owner"), 21, 12)) END AS "owner", CASE WHEN "team" IS NOT NULL THEN lower(substr(hex("team"), 1, 8) || '-' || substr(hex("team"), 9, 4) || '-' || substr(hex("team"), 13, 4) || '-' || substr(hex("team"), 17, 4) || '-' || substr(hex("team"), 21, 12)) END AS "team", CASE WHEN "project" IS NOT NULL THEN lower(substr(hex("project"), 1, 8) || '-' || substr(hex("project"), 9, 4) || '-' || substr(hex("project"), 13, 4) || '-' || substr(hex("project"), 17, 4) || '-' || substr(hex("project"), 21, 12)) END AS "project", "tags", body FROM "knowledge_bases";

CREATE TABLE "documents" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "knowledge_base" BLOB,
    "source" TEXT,
    "sha256" TEXT,
    "owner" BLOB,
    "team" BLOB,
    "project" BLOB,
    "tags" TEXT,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id"),
    FOREIGN KEY (tenant, "knowledge_base") REFERENCES "knowledge_bases" (tenant, id) ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX "documents_knowledge_base_source_key" ON "documents" ("tenant", "knowledge_base", "source");

CREATE TABLE "documents_words" (
    "tenant" BLOB NOT NULL,
    "field" TEXT NOT NULL,
    "word" TEXT NOT NULL,
    "record" BLOB NOT NULL,
    PRIMARY KEY ("tenant", "field", "word", "record"),
    FOREIGN KEY (tenant, "record") REFERENCES "documents" (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX "documents_words_record_index" ON "documents_words" ("tenant", "record");
CREATE VIEW "report_documents" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, CASE WHEN "knowledge_base" IS NOT NULL THEN lower(substr(hex("knowledge_base"), 1, 8) || '-' || substr(hex("knowledge_base"), 9, 4) || '-' || substr(hex("knowledge_base"), 13, 4) || '-' || substr(hex("knowledge_base"), 17, 4) || '-' || substr(hex("knowledge_base"), 21, 12)) END AS "knowledge_base", "source", "sha256", CASE WHEN "owner" IS NOT NULL THEN lower(substr(hex("owner"), 1, 8) || '-' || substr(hex("owner"), 9, 4) || '-' || substr(hex("owner"), 13, 4) || '-' || substr(hex("owner"), 17, 4) || '-' || substr(hex("owner"), 21, 12)) END AS "owner", CASE WHEN "team" IS NOT NULL THEN lower(substr(hex("team"), 1, 8) || '-' || substr(hex("team"), 9, 4) || '-' || substr(hex("team"), 13, 4) || '-' || substr(hex("team"), 17, 4) || '-' || substr(hex("team"), 21, 12)) END AS "team", CASE WHEN "project" IS NOT NULL THEN lower(substr(hex("project"), 1, 8) || '-' || substr(hex("project"), 9, 4) || '-' || substr(hex("project"), 13, 4) || '-' || substr(hex("project"), 17, 4) || '-' || substr(hex("project"), 21, 12)) END AS "project", "tags", body FROM "documents";

CREATE TABLE "chunks" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "knowledge_base" BLOB,
    "document" BLOB,
    "ordinal" INTEGER,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id"),
    FOREIGN KEY (tenant, "document") REFERENCES "documents" (tenant, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX "chunks_document_ordinal_id_index" ON "chunks" ("tenant", "document", "ordinal", "id");
CREATE INDEX "chunks_knowledge_base_id_index" ON "chunks" ("tenant", "knowledge_base", "id");
CREATE VIEW "report_chunks" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, CASE WHEN "knowledge_base" IS NOT NULL THEN lower(substr(hex("knowledge_base"), 1, 8) || '-' || substr(hex("knowledge_base"), 9, 4) || '-' || substr(hex("knowledge_base"), 13, 4) || '-' || substr(hex("knowledge_base"), 17, 4) || '-' || substr(hex("knowledge_base"), 21, 12)) END AS "knowledge_base", CASE WHEN "document" IS NOT NULL THEN lower(substr(hex("document"), 1, 8) || '-' || substr(hex("document"), 9, 4) || '-' || substr(hex("document"), 13, 4) || '-' || substr(hex("document"), 17, 4) || '-' || substr(hex("document"), 21, 12)) END AS "document", "ordinal", body FROM "chunks";

CREATE TABLE "agents" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "name" TEXT,
    "enabled" INTEGER,
    "owner" BLOB,
    "team" BLOB,
    "project" BLOB,
    "tags" TEXT,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE UNIQUE INDEX "agents_name_key" ON "agents" ("tenant", "name") WHERE deleted_at IS NULL;
CREATE INDEX "agents_deleted_at_index" ON "agents" ("tenant", "deleted_at") WHERE deleted_at IS NOT NULL;

CREATE TABLE "agents_words" (
    "tenant" BLOB NOT NULL,
    "field" TEXT NOT NULL,
    "word" TEXT NOT NULL,
    "record" BLOB NOT NULL,
    PRIMARY KEY ("tenant", "field", "word", "record"),
    FOREIGN KEY (tenant, "record") REFERENCES "agents" (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX "agents_words_record_index" ON "agents_words" ("tenant", "record");
CREATE VIEW "report_agents" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', deleted_at / 1000000.0, 'unixepoch') AS deleted_at, "name", "enabled", CASE WHEN "owner" IS NOT NULL THEN lower(substr(hex("owner"), 1, 8) || '-' || substr(hex("owner"), 9, 4) || '-' || substr(hex("owner"), 13, 4) || '-' || substr(hex("owner"), 17, 4) || '-' || substr(hex("owner"), 21, 12)) END AS "owner", CASE WHEN "team" IS NOT NULL THEN lower(substr(hex("team"), 1, 8) || '-' || substr(hex("team"), 9, 4) || '-' || substr(hex("team"), 13, 4) || '-' || substr(hex("team"), 17, 4) || '-' || substr(hex("team"), 21, 12)) END AS "team", CASE WHEN "project" IS NOT NULL THEN lower(substr(hex("project"), 1, 8) || '-' || substr(hex("project"), 9, 4) || '-' || substr(hex("project"), 13, 4) || '-' || substr(hex("project"), 17, 4) || '-' || substr(hex("project"), 21, 12)) END AS "project", "tags", body FROM "agents";

CREATE TABLE "agent_versions" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "agent" BLOB,
    "number" INTEGER,
    "hash" TEXT,
    "owner" BLOB,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id"),
    FOREIGN KEY (tenant, "agent") REFERENCES "agents" (tenant, id) ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX "agent_versions_agent_number_key" ON "agent_versions" ("tenant", "agent", "number") WHERE deleted_at IS NULL;
CREATE INDEX "agent_versions_agent_id_index" ON "agent_versions" ("tenant", "agent", "id");
CREATE INDEX "agent_versions_deleted_at_index" ON "agent_versions" ("tenant", "deleted_at") WHERE deleted_at IS NOT NULL;
CREATE VIEW "report_agent_versions" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', deleted_at / 1000000.0, 'unixepoch') AS deleted_at, CASE WHEN "agent" IS NOT NULL THEN lower(substr(hex("agent"), 1, 8) || '-' || substr(hex("agent"), 9, 4) || '-' || substr(hex("agent"), 13, 4) || '-' || substr(hex("agent"), 17, 4) || '-' || substr(hex("agent"), 21, 12)) END AS "agent", "number", "hash", CASE WHEN "owner" IS NOT NULL THEN lower(substr(hex("owner"), 1, 8) || '-' || substr(hex("owner"), 9, 4) || '-' || substr(hex("owner"), 13, 4) || '-' || substr(hex("owner"), 17, 4) || '-' || substr(hex("owner"), 21, 12)) END AS "owner", body FROM "agent_versions";

CREATE TABLE "templates" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "kind" TEXT,
    "name" TEXT,
    "owner" BLOB,
    "team" BLOB,
    "project" BLOB,
    "tags" TEXT,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE UNIQUE INDEX "templates_kind_name_key" ON "templates" ("tenant", "kind", "name") WHERE deleted_at IS NULL;
CREATE INDEX "templates_deleted_at_index" ON "templates" ("tenant", "deleted_at") WHERE deleted_at IS NOT NULL;

CREATE TABLE "templates_words" (
    "tenant" BLOB NOT NULL,
    "field" TEXT NOT NULL,
    "word" TEXT NOT NULL,
    "record" BLOB NOT NULL,
    PRIMARY KEY ("tenant", "field", "word", "record"),
    FOREIGN KEY (tenant, "record") REFERENCES "templates" (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX "templates_words_record_index" ON "templates_words" ("tenant", "record");
CREATE VIEW "report_templates" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', deleted_at / 1000000.0, 'unixepoch') AS deleted_at, "kind", "name", CASE WHEN "owner" IS NOT NULL THEN lower(substr(hex("owner"), 1, 8) || '-' || substr(hex("owner"), 9, 4) || '-' || substr(hex("owner"), 13, 4) || '-' || substr(hex("owner"), 17, 4) || '-' || substr(hex("owner"), 21, 12)) END AS "owner", CASE WHEN "team" IS NOT NULL THEN lower(substr(hex("team"), 1, 8) || '-' || substr(hex("team"), 9, 4) || '-' || substr(hex("team"), 13, 4) || '-' || substr(hex("team"), 17, 4) || '-' || substr(hex("team"), 21, 12)) END AS "team", CASE WHEN "project" IS NOT NULL THEN lower(substr(hex("project"), 1, 8) || '-' || substr(hex("project"), 9, 4) || '-' || substr(hex("project"), 13, 4) || '-' || substr(hex("project"), 17, 4) || '-' || substr(hex("project"), 21, 12)) END AS "project", "tags", body FROM "templates";

CREATE TABLE "conversations" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "title" TEXT,
    "agent" TEXT,
    "archived" INTEGER,
    "owner" BLOB,
    "team" BLOB,
    "project" BLOB,
    "tags" TEXT,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE INDEX "conversations_owner_updated_at_id_index" ON "conversations" ("tenant", "owner", "updated_at", "id");
CREATE INDEX "conversations_deleted_at_index" ON "conversations" ("tenant", "deleted_at") WHERE deleted_at IS NOT NULL;

CREATE TABLE "conversations_words" (
    "tenant" BLOB NOT NULL,
    "field" TEXT NOT NULL,
    "word" TEXT NOT NULL,
    "record" BLOB NOT NULL,
    PRIMARY KEY ("tenant", "field", "word", "record"),
    FOREIGN KEY (tenant, "record") REFERENCES "conversations" (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX "conversations_words_record_index" ON "conversations_words" ("tenant", "record");
CREATE VIEW "report_conversations" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', deleted_at / 1000000.0, 'unixepoch') AS deleted_at, "title", "agent", "archived", CASE WHEN "owner" IS NOT NULL THEN lower(substr(hex("owner"), 1, 8) || '-' || substr(hex("owner"), 9, 4) || '-' || substr(hex("owner"), 13, 4) || '-' || substr(hex("owner"), 17, 4) || '-' || substr(hex("owner"), 21, 12)) END AS "owner", CASE WHEN "team" IS NOT NULL THEN lower(substr(hex("team"), 1, 8) || '-' || substr(hex("team"), 9, 4) || '-' || substr(hex("team"), 13, 4) || '-' || substr(hex("team"), 17, 4) || '-' || substr(hex("team"), 21, 12)) END AS "team", CASE WHEN "project" IS NOT NULL THEN lower(substr(hex("project"), 1, 8) || '-' || substr(hex("project"), 9, 4) || '-' || substr(hex("project"), 13, 4) || '-' || substr(hex("project"), 17, 4) || '-' || substr(hex("project"), 21, 12)) END AS "project", "tags", body FROM "conversations";

CREATE TABLE "messages" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "conversation" BLOB,
    "ordinal" INTEGER,
    "owner" BLOB,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id"),
    FOREIGN KEY (tenant, "conversation") REFERENCES "conversations" (tenant, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX "messages_conversation_ordinal_id_index" ON "messages" ("tenant", "conversation", "ordinal", "id");
CREATE INDEX "messages_deleted_at_index" ON "messages" ("tenant", "deleted_at") WHERE deleted_at IS NOT NULL;
CREATE VIEW "report_messages" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', deleted_at / 1000000.0, 'unixepoch') AS deleted_at, CASE WHEN "conversation" IS NOT NULL THEN lower(substr(hex("conversation"), 1, 8) || '-' || substr(hex("conversation"), 9, 4) || '-' || substr(hex("conversation"), 13, 4) || '-' || substr(hex("conversation"), 17, 4) || '-' || substr(hex("conversation"), 21, 12)) END AS "conversation", "ordinal", CASE WHEN "owner" IS NOT NULL THEN lower(substr(hex("owner"), 1, 8) || '-' || substr(hex("owner"), 9, 4) || '-' || substr(hex("owner"), 13, 4) || '-' || substr(hex("owner"), 17, 4) || '-' || substr(hex("owner"), 21, 12)) END AS "owner", body FROM "messages";

CREATE TABLE "shares" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "conversation" BLOB,
    "token" TEXT,
    "expires_at" INTEGER,
    "owner" BLOB,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id"),
    FOREIGN KEY (tenant, "conversation") REFERENCES "conversations" (tenant, id) ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX "shares_token_key" ON "shares" ("tenant", "token");
CREATE INDEX "shares_conversation_id_index" ON "shares" ("tenant", "conversation", "id");
CREATE VIEW "report_shares" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, CASE WHEN "conversation" IS NOT NULL THEN lower(substr(hex("conversation"), 1, 8) || '-' || substr(hex("conversation"), 9, 4) || '-' || substr(hex("conversation"), 13, 4) || '-' || substr(hex("conversation"), 17, 4) || '-' || substr(hex("conversation"), 21, 12)) END AS "conversation", "token", strftime('%Y-%m-%dT%H:%M:%fZ', "expires_at" / 1000000.0, 'unixepoch') AS "expires_at", CASE WHEN "owner" IS NOT NULL THEN lower(substr(hex("owner"), 1, 8) || '-' || substr(hex("owner"), 9, 4) || '-' || substr(hex("owner"), 13, 4) || '-' || substr(hex("owner"), 17, 4) || '-' || substr(hex("owner"), 21, 12)) END AS "owner", body FROM "shares";

CREATE TABLE "memories" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "agent" TEXT,
    "owner" BLOB,
    "text" TEXT,
    "expires_at" INTEGER,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE INDEX "memories_owner_agent_id_index" ON "memories" ("tenant", "owner", "agent", "id");

CREATE TABLE "memories_words" (
    "tenant" BLOB NOT NULL,
    "field" TEXT NOT NULL,
    "word" TEXT NOT NULL,
    "record" BLOB NOT NULL,
    PRIMARY KEY ("tenant", "field", "word", "record"),
    FOREIGN KEY (tenant, "record") REFERENCES "memories" (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX "memories_words_record_index" ON "memories_words" ("tenant", "record");
CREATE VIEW "report_memories" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, "agent", CASE WHEN "owner" IS NOT NULL THEN lower(substr(hex("owner"), 1, 8) || '-' || substr(hex("owner"), 9, 4) || '-' || substr(hex("owner"), 13, 4) || '-' || substr(hex("owner"), 17, 4) || '-' || substr(hex("owner"), 21, 12)) END AS "owner", "text", strftime('%Y-%m-%dT%H:%M:%fZ', "expires_at" / 1000000.0, 'unixepoch') AS "expires_at", body FROM "memories";

CREATE TABLE "tools" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "name" TEXT,
    "kind" TEXT,
    "enabled" INTEGER,
    "owner" BLOB,
    "team" BLOB,
    "project" BLOB,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE UNIQUE INDEX "tools_name_key" ON "tools" ("tenant", "name") WHERE deleted_at IS NULL;
CREATE INDEX "tools_deleted_at_index" ON "tools" ("tenant", "deleted_at") WHERE deleted_at IS NOT NULL;
CREATE VIEW "report_tools" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', deleted_at / 1000000.0, 'unixepoch') AS deleted_at, "name", "kind", "enabled", CASE WHEN "owner" IS NOT NULL THEN lower(substr(hex("owner"), 1, 8) || '-' || substr(hex("owner"), 9, 4) || '-' || substr(hex("owner"), 13, 4) || '-' || substr(hex("owner"), 17, 4) || '-' || substr(hex("owner"), 21, 12)) END AS "owner", CASE WHEN "team" IS NOT NULL THEN lower(substr(hex("team"), 1, 8) || '-' || substr(hex("team"), 9, 4) || '-' || substr(hex("team"), 13, 4) || '-' || substr(hex("team"), 17, 4) || '-' || substr(hex("team"), 21, 12)) END AS "team", CASE WHEN "project" IS NOT NULL THEN lower(substr(hex("project"), 1, 8) || '-' || substr(hex("project"), 9, 4) || '-' || substr(hex("project"), 13, 4) || '-' || substr(hex("project"), 17, 4) || '-' || substr(hex("project"), 21, 12)) END AS "project", body FROM "tools";

CREATE TABLE "tool_versions" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "tool" BLOB,
    "number" INTEGER,
    "hash" TEXT,
    "owner" BLOB,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id"),
    FOREIGN KEY (tenant, "tool") REFERENCES "tools" (tenant, id) ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX "tool_versions_tool_number_key" ON "tool_versions" ("tenant", "tool", "number") WHERE deleted_at IS NULL;
CREATE INDEX "tool_versions_tool_id_index" ON "tool_versions" ("tenant", "tool", "id");
CREATE INDEX "tool_versions_deleted_at_index" ON "tool_versions" ("tenant", "deleted_at") WHERE deleted_at IS NOT NULL;
CREATE VIEW "report_tool_versions" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', deleted_at / 1000000.0, 'unixepoch') AS deleted_at, CASE WHEN "tool" IS NOT NULL THEN lower(substr(hex("tool"), 1, 8) || '-' || substr(hex("tool"), 9, 4) || '-' || substr(hex("tool"), 13, 4) || '-' || substr(hex("tool"), 17, 4) || '-' || substr(hex("tool"), 21, 12)) END AS "tool", "number", "hash", CASE WHEN "owner" IS NOT NULL THEN lower(substr(hex("owner"), 1, 8) || '-' || substr(hex("owner"), 9, 4) || '-' || substr(hex("owner"), 13, 4) || '-' || substr(hex("owner"), 17, 4) || '-' || substr(hex("owner"), 21, 12)) END AS "owner", body FROM "tool_versions";

CREATE TABLE "tool_executions" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "tool" TEXT,
    "key" TEXT,
    "run" BLOB,
    "outcome" TEXT,
    "started_at" INTEGER,
    "owner" BLOB,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE UNIQUE INDEX "tool_executions_tool_key_key" ON "tool_executions" ("tenant", "tool", "key");
CREATE INDEX "tool_executions_tool_started_at_id_index" ON "tool_executions" ("tenant", "tool", "started_at", "id");
CREATE VIEW "report_tool_executions" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, "tool", "key", CASE WHEN "run" IS NOT NULL THEN lower(substr(hex("run"), 1, 8) || '-' || substr(hex("run"), 9, 4) || '-' || substr(hex("run"), 13, 4) || '-' || substr(hex("run"), 17, 4) || '-' || substr(hex("run"), 21, 12)) END AS "run", "outcome", strftime('%Y-%m-%dT%H:%M:%fZ', "started_at" / 1000000.0, 'unixepoch') AS "started_at", CASE WHEN "owner" IS NOT NULL THEN lower(substr(hex("owner"), 1, 8) || '-' || substr(hex("owner"), 9, 4) || '-' || substr(hex("owner"), 13, 4) || '-' || substr(hex("owner"), 17, 4) || '-' || substr(hex("owner"), 21, 12)) END AS "owner", body FROM "tool_executions";

CREATE TABLE "triggers" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "name" TEXT,
    "process" TEXT,
    "kind" TEXT,
    "enabled" INTEGER,
    "next_at" INTEGER,
    "owner" BLOB,
    "team" BLOB,
    "project" BLOB,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE UNIQUE INDEX "triggers_name_key" ON "triggers" ("tenant", "name") WHERE deleted_at IS NULL;
CREATE INDEX "triggers_process_id_index" ON "triggers" ("tenant", "process", "id");
CREATE INDEX "triggers_deleted_at_index" ON "triggers" ("tenant", "deleted_at") WHERE deleted_at IS NOT NULL;
CREATE VIEW "report_triggers" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', deleted_at / 1000000.0, 'unixepoch') AS deleted_at, "name", "process", "kind", "enabled", strftime('%Y-%m-%dT%H:%M:%fZ', "next_at" / 1000000.0, 'unixepoch') AS "next_at", CASE WHEN "owner" IS NOT NULL THEN lower(substr(hex("owner"), 1, 8) || '-' || substr(hex("owner"), 9, 4) || '-' || substr(hex("owner"), 13, 4) || '-' || substr(hex("owner"), 17, 4) || '-' || substr(hex("owner"), 21, 12)) END AS "owner", CASE WHEN "team" IS NOT NULL THEN lower(substr(hex("team"), 1, 8) || '-' || substr(hex("team"), 9, 4) || '-' || substr(hex("team"), 13, 4) || '-' || substr(hex("team"), 17, 4) || '-' || substr(hex("team"), 21, 12)) END AS "team", CASE WHEN "project" IS NOT NULL THEN lower(substr(hex("project"), 1, 8) || '-' || substr(hex("project"), 9, 4) || '-' || substr(hex("project"), 13, 4) || '-' || substr(hex("project"), 17, 4) || '-' || substr(hex("project"), 21, 12)) END AS "project", body FROM "triggers";

CREATE TABLE "model_providers" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "name" TEXT,
    "host" TEXT,
    "active" INTEGER,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE UNIQUE INDEX "model_providers_name_key" ON "model_providers" ("tenant", "name") WHERE deleted_at IS NULL;
CREATE INDEX "model_providers_deleted_at_index" ON "model_providers" ("tenant", "deleted_at") WHERE deleted_at IS NOT NULL;
CREATE VIEW "report_model_providers" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', deleted_at / 1000000.0, 'unixepoch') AS deleted_at, "name", "host", "active", body FROM "model_providers";

CREATE TABLE "enabled_models" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "provider" BLOB,
    "model" TEXT,
    "enabled" INTEGER,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id"),
    FOREIGN KEY (tenant, "provider") REFERENCES "model_providers" (tenant, id) ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX "enabled_models_provider_model_key" ON "enabled_models" ("tenant", "provider", "model") WHERE deleted_at IS NULL;
CREATE INDEX "enabled_models_provider_id_index" ON "enabled_models" ("tenant", "provider", "id");
CREATE INDEX "enabled_models_deleted_at_index" ON "enabled_models" ("tenant", "deleted_at") WHERE deleted_at IS NOT NULL;
CREATE VIEW "report_enabled_models" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', deleted_at / 1000000.0, 'unixepoch') AS deleted_at, CASE WHEN "provider" IS NOT NULL THEN lower(substr(hex("provider"), 1, 8) || '-' || substr(hex("provider"), 9, 4) || '-' || substr(hex("provider"), 13, 4) || '-' || substr(hex("provider"), 17, 4) || '-' || substr(hex("provider"), 21, 12)) END AS "provider", "model", "enabled", body FROM "enabled_models";

CREATE TABLE "usage_entries" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "at" INTEGER,
    "provider" TEXT,
    "model" TEXT,
    "run" BLOB,
    "name" TEXT,
    "owner" BLOB,
    "project" BLOB,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE INDEX "usage_entries_at_id_index" ON "usage_entries" ("tenant", "at", "id");
CREATE INDEX "usage_entries_project_at_id_index" ON "usage_entries" ("tenant", "project", "at", "id");
CREATE VIEW "report_usage_entries" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, strftime('%Y-%m-%dT%H:%M:%fZ', "at" / 1000000.0, 'unixepoch') AS "at", "provider", "model", CASE WHEN "run" IS NOT NULL THEN lower(substr(hex("run"), 1, 8) || '-' || substr(hex("run"), 9, 4) || '-' || substr(hex("run"), 13, 4) || '-' || substr(hex("run"), 17, 4) || '-' || substr(hex("run"), 21, 12)) END AS "run", "name", CASE WHEN "owner" IS NOT NULL THEN lower(substr(hex("owner"), 1, 8) || '-' || substr(hex("owner"), 9, 4) || '-' || substr(hex("owner"), 13, 4) || '-' || substr(hex("owner"), 17, 4) || '-' || substr(hex("owner"), 21, 12)) END AS "owner", CASE WHEN "project" IS NOT NULL THEN lower(substr(hex("project"), 1, 8) || '-' || substr(hex("project"), 9, 4) || '-' || substr(hex("project"), 13, 4) || '-' || substr(hex("project"), 17, 4) || '-' || substr(hex("project"), 21, 12)) END AS "project", body FROM "usage_entries";

CREATE TABLE "budgets" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "name" TEXT,
    "project" BLOB,
    "owner" BLOB,
    "active" INTEGER,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE UNIQUE INDEX "budgets_name_key" ON "budgets" ("tenant", "name");
CREATE VIEW "report_budgets" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, "name", CASE WHEN "project" IS NOT NULL THEN lower(substr(hex("project"), 1, 8) || '-' || substr(hex("project"), 9, 4) || '-' || substr(hex("project"), 13, 4) || '-' || substr(hex("project"), 17, 4) || '-' || substr(hex("project"), 21, 12)) END AS "project", CASE WHEN "owner" IS NOT NULL THEN lower(substr(hex("owner"), 1, 8) || '-' || substr(hex("owner"), 9, 4) || '-' || substr(hex("owner"), 13, 4) || '-' || substr(hex("owner"), 17, 4) || '-' || substr(hex("owner"), 21, 12)) END AS "owner", "active", body FROM "budgets";

CREATE TABLE "data_keys" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "number" INTEGER,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE UNIQUE INDEX "data_keys_number_key" ON "data_keys" ("tenant", "number");
CREATE VIEW "report_data_keys" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, "number", body FROM "data_keys";

CREATE TABLE "secrets" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "name" TEXT,
    "data_key" INTEGER,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE UNIQUE INDEX "secrets_name_key" ON "secrets" ("tenant", "name");
CREATE INDEX "secrets_data_key_id_index" ON "secrets" ("tenant", "data_key", "id");
CREATE VIEW "report_secrets" AS SELECT CASE WHEN tenant IS NOT NULL THEN lower(substr(hex(tenant), 1, 8) || '-' || substr(hex(tenant), 9, 4) || '-' || substr(hex(tenant), 13, 4) || '-' || substr(hex(tenant), 17, 4) || '-' || substr(hex(tenant), 21, 12)) END AS tenant, CASE WHEN id IS NOT NULL THEN lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12)) END AS id, version, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at, "name", "data_key", body FROM "secrets";
