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
    PRIMARY KEY ("arrival")
) STRICT;
CREATE UNIQUE INDEX "signals_run_name_dedup_key" ON "signals" ("tenant", "run", "name", "dedup");
CREATE INDEX "signals_run_arrival_index" ON "signals" ("tenant", "run", "arrival") WHERE payload IS NOT NULL;

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
    "refs" INTEGER NOT NULL,
    "unreferenced_since" INTEGER,
    PRIMARY KEY ("tenant", "sha256")
) STRICT, WITHOUT ROWID;

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
    "tenant" BLOB NOT NULL,
    "seq" INTEGER NOT NULL,
    "key" TEXT NOT NULL,
    "event" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "seq")
) STRICT, WITHOUT ROWID;

CREATE TABLE "audit" (
    "tenant" BLOB NOT NULL,
    "seq" INTEGER NOT NULL,
    "at" INTEGER NOT NULL,
    "scope" TEXT NOT NULL,
    "correlation" BLOB NOT NULL,
    "action" TEXT NOT NULL,
    "resource" TEXT NOT NULL,
    "resource_id" TEXT,
    "success" INTEGER NOT NULL,
    "detail" TEXT NOT NULL,
    "detail_digest" BLOB NOT NULL,
    "prev" BLOB NOT NULL,
    "hash" BLOB NOT NULL,
    PRIMARY KEY ("tenant", "seq")
) STRICT, WITHOUT ROWID;

CREATE TABLE "tenants" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "name" TEXT,
    "slug" TEXT,
    "default" INTEGER,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE UNIQUE INDEX "tenants_slug_key" ON "tenants" ("tenant", "slug");

CREATE TABLE "users" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "name" TEXT,
    "active" INTEGER,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE UNIQUE INDEX "users_name_key" ON "users" ("tenant", "name");

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
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE UNIQUE INDEX "processes_name_number_key" ON "processes" ("tenant", "name", "number");
CREATE INDEX "processes_name_hash_id_index" ON "processes" ("tenant", "name", "hash", "id");

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
    "ended_at" INTEGER,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE INDEX "runs_created_at_id_index" ON "runs" ("tenant", "created_at", "id");
CREATE INDEX "runs_state_created_at_id_index" ON "runs" ("tenant", "state", "created_at", "id");
CREATE INDEX "runs_name_created_at_id_index" ON "runs" ("tenant", "name", "created_at", "id");

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

CREATE TABLE "knowledge_bases" (
    "tenant" BLOB NOT NULL,
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    "name" TEXT,
    "owner" BLOB,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id")
) STRICT;
CREATE UNIQUE INDEX "knowledge_bases_name_key" ON "knowledge_bases" ("tenant", "name");

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
    "body" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "id"),
    FOREIGN KEY (tenant, "knowledge_base") REFERENCES "knowledge_bases" (tenant, id) ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX "documents_knowledge_base_source_key" ON "documents" ("tenant", "knowledge_base", "source");

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
