/**
 * Tenants and their secrets.
 *
 * @module
 */

import type { Kysely } from "kysely";

/** Creates the tables. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.createTable("tenants")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("name_key", "text", (column) => column.notNull().unique())
    .addColumn("display_name", "text")
    .addColumn("description", "text")
    .addColumn("require_authentication", "integer", (column) => column.notNull())
    .addColumn("maximum_concurrent_connector_requests", "integer", (column) => column.notNull())
    .addColumn("keep_alive_interval_ms", "bigint")
    .addColumn("enable_tracing", "integer")
    .addColumn("reconnect_minimum_delay_ms", "bigint")
    .addColumn("reconnect_maximum_delay_ms", "bigint")
    .addColumn("acknowledge_mode", "text")
    .addColumn("require_active_connection", "integer")
    .addColumn("enabled", "integer", (column) => column.notNull())
    .addColumn("access_policy", "text")
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("updated_at", "bigint", (column) => column.notNull())
    .execute();

  await db.schema.createTable("secrets")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("tenant_id", "text", (column) => column.notNull().references("tenants.id").onDelete("cascade"))
    .addColumn("hash", "text", (column) => column.notNull())
    .addColumn("use", "text", (column) => column.notNull())
    .addColumn("expires_at", "bigint")
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("last_used_at", "bigint")
    .execute();
  await db.schema.createIndex("secrets_tenant_id").on("secrets").column("tenant_id").execute();
}
