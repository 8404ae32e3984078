/**
 * What operating the server needs: people, API keys, origins, request log, statistics, audit. Expands only: the release that knows 0002 runs on
 * it too.
 *
 * @module
 */

import { type CreateTableBuilder, sql } from "kysely";
import { type MigratedDatabase, textInOneOrder } from "./dialect.ts";

/** What a program must know to run on this schema. */
export const requires = "0002_signing_keys";

/** Adds columns, tables and indexes. */
export async function up(db: MigratedDatabase): Promise<void> {
  await createSchemaCompatibility(db);
  await expandTenants(db);
  await createPeople(db);
  await createOrigins(db);
  await createRequests(db);
  await createStatistics(db);
  await createAudit(db);
}

async function createSchemaCompatibility(db: MigratedDatabase): Promise<void> {
  await db.schema.createTable("schema_compatibility")
    .addColumn("migration", "text", (column) => column.primaryKey())
    .addColumn("requires", "text", (column) => column.notNull())
    .execute();
}

async function expandTenants(db: MigratedDatabase): Promise<void> {
  await db.schema.alterTable("tenants")
    .addColumn("version", "integer", (column) => column.notNull().defaultTo(1))
    .execute();
  await db.schema.createIndex("tenants_updated_at").on("tenants").columns(["updated_at", "id"]).execute();
  await textInOneOrder(db, { table: "tenants", column: "name_key" });
}

async function createPeople(db: MigratedDatabase): Promise<void> {
  await named(db.schema.createTable("users"))
    .addColumn("password_hash", "text", (column) => column.notNull())
    .addColumn("role", "text", (column) => column.notNull())
    .addColumn("version", "integer", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("updated_at", "bigint", (column) => column.notNull())
    .addColumn("last_login_at", "bigint")
    .execute();
  await textInOneOrder(db, { table: "users", column: "name_key" });

  await named(db.schema.createTable("api_keys"))
    .addColumn("hash", "text", (column) => column.notNull().unique())
    .addColumn("role", "text", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("expires_at", "bigint")
    .addColumn("last_used_at", "bigint")
    .execute();
  await textInOneOrder(db, { table: "api_keys", column: "name_key" });

  await db.schema.createTable("sessions")
    .addColumn("token_hash", "text", (column) => column.primaryKey())
    .addColumn("user_id", "text", (column) => column.notNull().references("users.id").onDelete("cascade"))
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .addColumn("last_seen_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("sessions_user_id").on("sessions").column("user_id").execute();
  await db.schema.createIndex("sessions_expires_at").on("sessions").column("expires_at").execute();
}

function named(table: CreateTableBuilder<string>): CreateTableBuilder<string> {
  return table
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("name_key", "text", (column) => column.notNull().unique());
}

async function createOrigins(db: MigratedDatabase): Promise<void> {
  await db.schema.createTable("origins")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("machine_name", "text", (column) => column.notNull())
    .addColumn("version", "text", (column) => column.notNull())
    .addColumn("public_url", "text")
    .addColumn("state", "text", (column) => column.notNull())
    .addColumn("connections", "integer", (column) => column.notNull())
    .addColumn("started_at", "bigint", (column) => column.notNull())
    .addColumn("last_seen_at", "bigint", (column) => column.notNull())
    .execute();

  await db.schema.createTable("leases")
    .addColumn("name", "text", (column) => column.primaryKey())
    .addColumn("holder", "text", (column) => column.notNull())
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .execute();
}

/** No foreign key: the log outlives the tenant. */
async function createRequests(db: MigratedDatabase): Promise<void> {
  await db.schema.createTable("requests")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("tenant_id", "text")
    .addColumn("tenant_name", "text", (column) => column.notNull())
    .addColumn("origin_id", "text", (column) => column.notNull())
    .addColumn("connection_id", "text")
    .addColumn("started_at", "bigint", (column) => column.notNull())
    .addColumn("duration_ms", "double precision", (column) => column.notNull())
    .addColumn("target", "text", (column) => column.notNull())
    .addColumn("method", "text", (column) => column.notNull())
    .addColumn("path", "text", (column) => column.notNull())
    .addColumn("client_address", "text", (column) => column.notNull())
    .addColumn("status", "integer", (column) => column.notNull())
    .addColumn("outcome", "text", (column) => column.notNull())
    .addColumn("error_code", "text")
    .addColumn("policy_reason", "text")
    .addColumn("request_bytes", "bigint", (column) => column.notNull())
    .addColumn("relayed_request_bytes", "bigint", (column) => column.notNull())
    .addColumn("response_bytes", "bigint", (column) => column.notNull())
    .addColumn("relayed_response_bytes", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("requests_newest").on("requests").columns(["started_at", "id"]).execute();
  await db.schema.createIndex("requests_newest_of_tenant").on("requests").columns(["tenant_id", "started_at", "id"])
    .execute();
  // Most requests succeed, and what is looked for is mostly the others: two small indexes that cost a successful one nothing.
  const isUnsuccessful = sql<boolean>`outcome <> 'succeeded'`;
  await db.schema.createIndex("requests_unsuccessful").on("requests").columns(["started_at", "id"])
    .where(isUnsuccessful).execute();
  await db.schema.createIndex("requests_unsuccessful_of_tenant").on("requests")
    .columns(["tenant_id", "started_at", "id"]).where(isUnsuccessful).execute();
}

async function createStatistics(db: MigratedDatabase): Promise<void> {
  await db.schema.createTable("statistics")
    .addColumn("tenant_id", "text", (column) => column.notNull())
    .addColumn("target", "text", (column) => column.notNull())
    .addColumn("interval_start", "bigint", (column) => column.notNull())
    .addColumn("requests", "bigint", (column) => column.notNull())
    .addColumn("errors", "bigint", (column) => column.notNull())
    .addColumn("expired", "bigint", (column) => column.notNull())
    .addColumn("aborted", "bigint", (column) => column.notNull())
    .addColumn("request_bytes", "bigint", (column) => column.notNull())
    .addColumn("response_bytes", "bigint", (column) => column.notNull())
    .addColumn("duration_ms_sum", "double precision", (column) => column.notNull())
    .addColumn("duration_ms_max", "double precision", (column) => column.notNull())
    .addPrimaryKeyConstraint("statistics_primary_key", ["tenant_id", "target", "interval_start"])
    .execute();
  await db.schema.createIndex("statistics_interval_start").on("statistics").column("interval_start").execute();
  await db.schema.createIndex("statistics_of_tenant").on("statistics").columns(["tenant_id", "interval_start"])
    .execute();
}

async function createAudit(db: MigratedDatabase): Promise<void> {
  await db.schema.createTable("audit")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addColumn("actor_kind", "text", (column) => column.notNull())
    .addColumn("actor_id", "text", (column) => column.notNull())
    .addColumn("actor_name", "text", (column) => column.notNull())
    .addColumn("client_address", "text")
    .addColumn("action", "text", (column) => column.notNull())
    .addColumn("subject_kind", "text", (column) => column.notNull())
    .addColumn("subject_id", "text", (column) => column.notNull())
    .addColumn("subject_name", "text", (column) => column.notNull())
    .addColumn("before", "text")
    .addColumn("after", "text")
    .execute();
  await db.schema.createIndex("audit_newest").on("audit").columns(["at", "id"]).execute();
  await db.schema.createIndex("audit_newest_of_subject").on("audit").columns(["subject_id", "at", "id"]).execute();
}
