/**
 * Reads and writes the audit: who changed what, and when.
 *
 * @module
 */

import { NO_LIMIT, type Page, type PageOptions } from "./page.ts";
import type { ActorKind, AuditTable, Database } from "./schema.ts";

/** Who changes something. */
export interface Actor {
  readonly kind: ActorKind;
  /** UUID of the user or the API key; for the others a word that says who it is. */
  readonly id: string;
  readonly name: string;
  /** Where the request came from; null when there was none. */
  readonly clientAddress: string | null;
}

/** What is changed. */
export interface AuditSubject {
  /** For example `tenant`. */
  readonly kind: string;
  readonly id: string;
  readonly name: string;
}

/** A change that somebody made. */
export interface AuditEntry {
  /** UUID. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly actor: Actor;
  /** For example `tenant.create`. */
  readonly action: string;
  readonly subject: AuditSubject;
  /** A JSON value without secrets; null when there was nothing before. */
  readonly before: unknown;
  /** A JSON value without secrets; null when there is nothing any more. */
  readonly after: unknown;
}

/** What is said about a new entry. */
export type NewAuditEntry = Omit<AuditEntry, "id" | "at">;

/** Which entries to find. All conditions must hold. */
export interface AuditFilter {
  readonly actorId?: string;
  readonly action?: string;
  readonly subjectKind?: string;
  readonly subjectId?: string;
  /** At or after, in milliseconds since 1970. */
  readonly fromMs?: number;
  /** Before, in milliseconds since 1970. */
  readonly toMs?: number;
}

/** Which page of which entries. */
export interface FindAuditOptions extends PageOptions {
  readonly filter?: AuditFilter;
}

/** Reads and writes the audit. Entries never change. */
export class AuditRepository {
  readonly #db: Database;
  readonly #now: () => number;

  /**
   * @param db A migrated database.
   * @param now The time in milliseconds since 1970.
   */
  constructor(db: Database, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  /** Adds an entry. */
  async insert({ actor, action, subject, before, after }: NewAuditEntry): Promise<AuditEntry> {
    const row = await this.#db.insertInto("audit")
      .values({
        id: crypto.randomUUID(),
        at: this.#now(),
        actor_kind: actor.kind,
        actor_id: actor.id,
        actor_name: actor.name,
        client_address: actor.clientAddress,
        action,
        subject_kind: subject.kind,
        subject_id: subject.id,
        subject_name: subject.name,
        before: toJson(before),
        after: toJson(after),
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    return toEntry(row);
  }

  /** Finds entries, newest first. */
  async find({ filter = {}, skip = 0, take = NO_LIMIT }: FindAuditOptions = {}): Promise<Page<AuditEntry>> {
    let found = this.#db.selectFrom("audit");
    if (filter.actorId !== undefined) found = found.where("actor_id", "=", filter.actorId);
    if (filter.action !== undefined) found = found.where("action", "=", filter.action);
    if (filter.subjectKind !== undefined) found = found.where("subject_kind", "=", filter.subjectKind);
    if (filter.subjectId !== undefined) found = found.where("subject_id", "=", filter.subjectId);
    if (filter.fromMs !== undefined) found = found.where("at", ">=", filter.fromMs);
    if (filter.toMs !== undefined) found = found.where("at", "<", filter.toMs);
    const rows = await found.selectAll().orderBy("at", "desc").orderBy("id", "desc").offset(skip).limit(take).execute();
    const { count } = await found.select(({ fn }) => fn.countAll<number>().as("count")).executeTakeFirstOrThrow();
    return { results: rows.map(toEntry), totalCount: count };
  }

  /**
   * Removes entries from before a moment, oldest first.
   *
   * @param beforeMs Milliseconds since 1970.
   * @param limit How many at most.
   * @returns How many were removed; as long as it is the limit, there may be more.
   */
  async prune(beforeMs: number, limit: number): Promise<number> {
    const { numDeletedRows } = await this.#db.deleteFrom("audit")
      .where(
        "id",
        "in",
        ({ selectFrom }) => selectFrom("audit").select("id").where("at", "<", beforeMs).orderBy("at").limit(limit),
      )
      .executeTakeFirstOrThrow();
    return Number(numDeletedRows);
  }
}

function toJson(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}

function toEntry(row: AuditTable): AuditEntry {
  return {
    id: row.id,
    at: row.at,
    actor: { kind: row.actor_kind, id: row.actor_id, name: row.actor_name, clientAddress: row.client_address },
    action: row.action,
    subject: { kind: row.subject_kind, id: row.subject_id, name: row.subject_name },
    before: row.before === null ? null : JSON.parse(row.before),
    after: row.after === null ? null : JSON.parse(row.after),
  };
}
