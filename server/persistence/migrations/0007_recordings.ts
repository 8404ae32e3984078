/**
 * Recordings of tenants' traffic, and the requests in them.
 *
 * @module
 */

import { sql } from "kysely";
import type { MigratedDatabase } from "./dialect.ts";

/** A program of the release before runs on this schema as well. */
export const requires = "0002_signing_keys";

/** Creates the tables. What was recorded goes with its tenant: nobody could look after it any more. */
export async function up(db: MigratedDatabase): Promise<void> {
  await db.schema.createTable("recordings")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("tenant_id", "text", (column) => column.notNull().references("tenants.id").onDelete("cascade"))
    .addColumn("filter", "text", (column) => column.notNull())
    .addColumn("started_by", "text", (column) => column.notNull())
    .addColumn("started_at", "bigint", (column) => column.notNull())
    .addColumn("ends_at", "bigint", (column) => column.notNull())
    .addColumn("ended_at", "bigint")
    .addColumn("end_reason", "text")
    .addColumn("max_requests", "integer", (column) => column.notNull())
    .addColumn("max_bytes", "bigint", (column) => column.notNull())
    .addColumn("request_count", "integer", (column) => column.notNull())
    .addColumn("size_bytes", "bigint", (column) => column.notNull())
    .addColumn("dropped_count", "integer", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("recordings_newest_of_tenant").on("recordings").columns(["tenant_id", "started_at", "id"])
    .execute();
  await db.schema.createIndex("recordings_ends_at").on("recordings").column("ends_at").execute();
  // Every origin asks every second which recordings run: mostly none.
  await db.schema.createIndex("recordings_running").on("recordings").column("ends_at")
    .where(sql<boolean>`ended_at is null`).execute();

  await db.schema.createTable("recorded_requests")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("recording_id", "text", (column) => column.notNull().references("recordings.id").onDelete("cascade"))
    .addColumn("request_id", "text", (column) => column.notNull())
    .addColumn("origin_id", "text", (column) => column.notNull())
    .addColumn("started_at", "bigint", (column) => column.notNull())
    .addColumn("duration_ms", "double precision", (column) => column.notNull())
    .addColumn("target", "text", (column) => column.notNull())
    .addColumn("method", "text", (column) => column.notNull())
    .addColumn("path", "text", (column) => column.notNull())
    .addColumn("client_address", "text", (column) => column.notNull())
    .addColumn("status", "integer", (column) => column.notNull())
    .addColumn("outcome", "text", (column) => column.notNull())
    .addColumn("error_code", "text")
    .addColumn("messages", "text", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("recorded_requests_of_recording").on("recorded_requests")
    .columns(["recording_id", "started_at", "id"]).execute();
}
