/**
 * Reads and writes tenants.
 *
 * @module
 */

import { type Selectable, sql, SqliteAdapter } from "kysely";
import { chunks } from "./chunks.ts";
import { PersistenceError, versionConflict } from "./errors.ts";
import { contains } from "./search.ts";
import type { AcknowledgeMode, BooleanColumn, Database, TenantTable } from "./schema.ts";
import { isTenantName, tenantNameKey } from "./tenant_name.ts";

/** What can be changed about a tenant. Null stands for the server's default. */
export interface TenantSettings {
  readonly displayName: string | null;
  readonly description: string | null;
  /** Whether clients need a token of this tenant. */
  readonly requireAuthentication: boolean;
  /** Per connection; 0 stands for the server's limit. */
  readonly maximumConcurrentConnectorRequests: number;
  readonly keepAliveIntervalMs: number | null;
  readonly enableTracing: boolean | null;
  readonly reconnectMinimumDelayMs: number | null;
  readonly reconnectMaximumDelayMs: number | null;
  readonly acknowledgeMode: AcknowledgeMode | null;
  readonly requireActiveConnection: boolean | null;
  readonly enabled: boolean;
  /** A JSON value. */
  readonly accessPolicy: unknown;
}

/** A site: has credentials, settings, an access policy. */
export interface Tenant extends TenantSettings {
  /** UUID. */
  readonly id: string;
  /** As it was spelled when the tenant was made; never changes. */
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Milliseconds since 1970. */
  readonly updatedAt: number;
  /** 1 at first, raised by every change. */
  readonly version: number;
}

/** What a new tenant has that says nothing else. */
export const DEFAULT_TENANT_SETTINGS: TenantSettings = {
  displayName: null,
  description: null,
  requireAuthentication: false,
  maximumConcurrentConnectorRequests: 0,
  keepAliveIntervalMs: null,
  enableTracing: false,
  reconnectMinimumDelayMs: null,
  reconnectMaximumDelayMs: null,
  acknowledgeMode: null,
  requireActiveConnection: null,
  enabled: true,
  accessPolicy: null,
};

/** One page of tenants. */
export interface TenantPage {
  readonly results: Tenant[];
  /** How many there are on all pages. */
  readonly totalCount: number;
}

/** What tenants can be ordered by. */
export const TENANT_ORDERS = ["name", "displayName", "created", "updated"] as const;

/** One of {@link TENANT_ORDERS}. */
export type TenantOrder = typeof TENANT_ORDERS[number];

/** Which tenants to list. */
export interface ListTenantsOptions {
  /** How many to leave out at the start; default 0. */
  readonly skip?: number;
  /** How many to give at most; default all. */
  readonly take?: number;
  /** Only those whose name or display name contains it, without regard to case. */
  readonly search?: string;
  /** Default: by name. */
  readonly order?: TenantOrder;
  /** Whether the last comes first. */
  readonly isDescending?: boolean;
  /** Only those that are enabled, or that are not. */
  readonly enabled?: boolean;
  /** Only those with one of these ids, some ten thousand at most. */
  readonly ids?: readonly string[];
}

const ORDER_COLUMNS = {
  name: "name_key",
  created: "created_at",
  updated: "updated_at",
} as const;

/** Reads and writes tenants. Names are matched without regard to case. */
export class TenantRepository {
  readonly #db: Database;
  readonly #isSqlite: boolean;
  readonly #now: () => number;

  /**
   * @param db A migrated database.
   * @param now The time in milliseconds since 1970.
   */
  constructor(db: Database, now: () => number) {
    this.#db = db;
    this.#isSqlite = db.getExecutor().adapter instanceof SqliteAdapter;
    this.#now = now;
  }

  /** The tenant of that name, if there is one. */
  async findByName(name: string): Promise<Tenant | undefined> {
    // Anybody can ask for anything, and PostgreSQL fails over some of it.
    if (!isTenantName(name)) return undefined;
    const row = await this.#db.selectFrom("tenants").selectAll().where("name_key", "=", tenantNameKey(name))
      .executeTakeFirst();
    return row && toTenant(row);
  }

  /**
   * The tenant of that name, if there is one. Until the transaction ends nobody else changes or removes it, nor adds anything that belongs to it:
   * on SQLite a transaction keeps all others out anyway.
   */
  async lockByName(name: string): Promise<Tenant | undefined> {
    const found = this.#db.selectFrom("tenants").selectAll().where("name_key", "=", tenantNameKey(name));
    const row = await (this.#isSqlite ? found : found.forUpdate()).executeTakeFirst();
    return row && toTenant(row);
  }

  /** The tenant with that id, if there is one. */
  async findById(id: string): Promise<Tenant | undefined> {
    const row = await this.#db.selectFrom("tenants").selectAll().where("id", "=", id).executeTakeFirst();
    return row && toTenant(row);
  }

  /** Tenants in their order. */
  async list(options: ListTenantsOptions = {}): Promise<TenantPage> {
    const { skip = 0, take, search = "", order = "name", isDescending = false, enabled, ids } = options;
    // PostgreSQL knows no empty list.
    if (ids?.length === 0) return { results: [], totalCount: 0 };
    let found = this.#db.selectFrom("tenants");
    if (search !== "") {
      found = found.where(({ or, ref }) =>
        or([contains(ref("name_key"), search), contains(sql`lower(${ref("display_name")})`, search)])
      );
    }
    if (enabled !== undefined) found = found.where("enabled", "=", enabled ? 1 : 0);
    if (ids !== undefined) found = found.where("id", "in", ids);
    // SQLite knows an offset only together with a limit.
    const limit = take ?? Number.MAX_SAFE_INTEGER;
    const direction = isDescending ? "desc" : "asc";
    let ordered = found.selectAll();
    if (order === "displayName") {
      // By itself PostgreSQL has those without one last, and the others as its language has it.
      const key = this.#isSqlite ? sql`lower(display_name)` : sql`lower(display_name) collate "C"`;
      ordered = ordered.orderBy(key, (by) => isDescending ? by.desc().nullsLast() : by.asc().nullsFirst());
    } else {
      ordered = ordered.orderBy(ORDER_COLUMNS[order], direction);
    }
    if (order !== "name") ordered = ordered.orderBy("name_key", direction);
    const rows = await ordered.offset(skip).limit(limit).execute();
    const { count } = await found.select((select) => select.fn.countAll<number>().as("count"))
      .executeTakeFirstOrThrow();
    return { results: rows.map(toTenant), totalCount: count };
  }

  /**
   * Adds a tenant.
   *
   * @param name 1 to 100 of `[A-Za-z0-9._-]`, neither `.` nor `..`.
   * @param settings What differs from {@link DEFAULT_TENANT_SETTINGS}.
   * @throws {RangeError} When the name breaks the rules.
   * @throws {PersistenceError} `name_taken` when there is a tenant of that name.
   */
  async insert(name: string, settings: Partial<TenantSettings> = {}): Promise<Tenant> {
    if (!isTenantName(name)) {
      throw new RangeError(
        "Cannot add tenant: a name has 1 to 100 letters, digits, dots, underscores and hyphens, and is not . or ..",
      );
    }
    const now = this.#now();
    const row = await this.#db.insertInto("tenants")
      .values({
        ...toColumns({ ...DEFAULT_TENANT_SETTINGS, ...settings }),
        id: crypto.randomUUID(),
        name,
        name_key: tenantNameKey(name),
        created_at: now,
        updated_at: now,
      })
      .onConflict((conflict) => conflict.column("name_key").doNothing())
      .returningAll()
      .executeTakeFirst();
    if (row === undefined) {
      throw new PersistenceError("name_taken", `Cannot add tenant: there is a tenant "${name}" already`);
    }
    return toTenant(row);
  }

  /**
   * Changes a tenant's settings; those not given keep their values.
   *
   * @param settings What changes, and in `version` the version that was read, if a change in between must not be overwritten.
   * @returns The tenant as it is now, or undefined when there is none with that id.
   * @throws {PersistenceError} `version_conflict` when the tenant has another version.
   */
  async update(
    id: string,
    { version, ...settings }: Partial<TenantSettings> & { readonly version?: number },
  ): Promise<Tenant | undefined> {
    let update = this.#db.updateTable("tenants")
      .set(({ eb }) => ({ ...toColumns(settings), updated_at: this.#now(), version: eb("version", "+", 1) }))
      .where("id", "=", id);
    if (version !== undefined) update = update.where("version", "=", version);
    const row = await update.returningAll().executeTakeFirst();
    if (row !== undefined) return toTenant(row);
    if (version !== undefined && await this.findById(id) !== undefined) throw versionConflict("tenant");
    return undefined;
  }

  /**
   * Tenants made or changed at or after a moment, in the order of the changes, for servers that keep copies. Clocks of servers differ: ask
   * for some seconds more than have passed. Removed tenants are found with {@link findExistingIds}.
   *
   * @param updatedAtMs Milliseconds since 1970.
   */
  async listChangedSince(updatedAtMs: number): Promise<Tenant[]> {
    const rows = await this.#db.selectFrom("tenants").selectAll().where("updated_at", ">=", updatedAtMs)
      .orderBy("updated_at").orderBy("id").execute();
    return rows.map(toTenant);
  }

  /** Which of these ids are tenants. */
  async findExistingIds(ids: readonly string[]): Promise<Set<string>> {
    const found = new Set<string>();
    for (const some of chunks(ids)) {
      const rows = await this.#db.selectFrom("tenants").select("id").where("id", "in", some).execute();
      for (const { id } of rows) found.add(id);
    }
    return found;
  }

  /**
   * Removes a tenant and its secrets.
   *
   * @returns Whether there was one.
   */
  async remove(id: string): Promise<boolean> {
    const { numDeletedRows } = await this.#db.deleteFrom("tenants").where("id", "=", id).executeTakeFirstOrThrow();
    return numDeletedRows > 0n;
  }
}

type SettingColumns = Omit<TenantTable, "id" | "name" | "name_key" | "created_at" | "updated_at" | "version">;
type Changes<T> = { [Key in keyof T]: T[Key] | undefined };

/** An absent setting becomes undefined, which Kysely leaves out of an update. */
function toColumns(settings: TenantSettings): SettingColumns;
function toColumns(settings: Partial<TenantSettings>): Changes<SettingColumns>;
function toColumns(settings: Partial<TenantSettings>): Changes<SettingColumns> {
  return {
    display_name: settings.displayName,
    description: settings.description,
    require_authentication: toColumn(settings.requireAuthentication),
    maximum_concurrent_connector_requests: settings.maximumConcurrentConnectorRequests,
    keep_alive_interval_ms: settings.keepAliveIntervalMs,
    enable_tracing: settings.enableTracing === null ? null : toColumn(settings.enableTracing),
    reconnect_minimum_delay_ms: settings.reconnectMinimumDelayMs,
    reconnect_maximum_delay_ms: settings.reconnectMaximumDelayMs,
    acknowledge_mode: settings.acknowledgeMode,
    require_active_connection: settings.requireActiveConnection === null
      ? null
      : toColumn(settings.requireActiveConnection),
    enabled: toColumn(settings.enabled),
    access_policy: settings.accessPolicy === null ? null : JSON.stringify(settings.accessPolicy),
  };
}

function toColumn(value: boolean | undefined): BooleanColumn | undefined {
  return value === undefined ? undefined : value ? 1 : 0;
}

function toTenant(row: Selectable<TenantTable>): Tenant {
  return {
    id: row.id,
    name: row.name,
    displayName: row.display_name,
    description: row.description,
    requireAuthentication: row.require_authentication === 1,
    maximumConcurrentConnectorRequests: row.maximum_concurrent_connector_requests,
    keepAliveIntervalMs: row.keep_alive_interval_ms,
    enableTracing: row.enable_tracing === null ? null : row.enable_tracing === 1,
    reconnectMinimumDelayMs: row.reconnect_minimum_delay_ms,
    reconnectMaximumDelayMs: row.reconnect_maximum_delay_ms,
    acknowledgeMode: row.acknowledge_mode,
    requireActiveConnection: row.require_active_connection === null ? null : row.require_active_connection === 1,
    enabled: row.enabled === 1,
    accessPolicy: row.access_policy === null ? null : JSON.parse(row.access_policy),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    version: row.version,
  };
}
