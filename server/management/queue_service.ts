/**
 * Stored requests as people see them: the queue and the dead letters.
 *
 * @module
 */

import { z } from "zod";
import { ALWAYS_MASKED_HEADERS, maskHeaders } from "../../shared/http/masking.ts";
import {
  ACKNOWLEDGE_MODES,
  type Actor,
  DEAD_LETTER_REASONS,
  type StoredCounts,
  type StoredRequest,
  type StoredState,
} from "../persistence/mod.ts";
import { record } from "./audit_trail.ts";
import { ManagementError } from "./management_error.ts";
import type { Store } from "./store.ts";
import { requireTenant } from "./tenant_service.ts";

/** One of the two lists. */
export type StoredList = "queue" | "deadLetters";

const STATES: Readonly<Record<StoredList, readonly StoredState[]>> = {
  queue: ["waiting", "delivering"],
  deadLetters: ["dead"],
};
const REMOVALS = { queue: "queue.remove", deadLetters: "dead_letter.remove" } as const;

/** What becomes of stored requests that somebody has changed by hand. */
export interface StoredRequestEvents {
  /** Something of a tenant waits to be delivered. */
  waits(tenantId: string): void;
  /** Requests are gone, and their bodies are needed no longer. */
  removed(requests: readonly { readonly id: string; readonly bodyKey: string | null }[]): void;
}

/** A stored request as it is shown. */
export const storedRequestDocumentSchema = z.object({
  id: z.guid(),
  state: z.enum(["waiting", "delivering", "dead"]),
  source: z.enum(["relay", "queue"]).meta({ description: "Where it came in." }),
  acknowledgeMode: z.enum(ACKNOWLEDGE_MODES),
  method: z.string(),
  target: z.string(),
  path: z.string().meta({ description: "Without the query, which may hold secrets." }),
  bodyBytes: z.int(),
  created: z.iso.datetime(),
  expires: z.iso.datetime(),
  attempts: z.int().meta({ description: "Deliveries that were begun." }),
  nextAttempt: z.iso.datetime().nullable(),
  originId: z.guid().nullable().meta({ description: "The server instance that delivers it now." }),
  reason: z.enum(DEAD_LETTER_REASONS).nullable().meta({ description: "Why it was given up." }),
  lastError: z.string().nullable(),
}).meta({ id: "StoredRequest" });

/** A stored request as it is shown. */
export type StoredRequestDocument = z.output<typeof storedRequestDocumentSchema>;

/** One stored request, with what is too much for a list. */
export const storedRequestDetailsSchema = storedRequestDocumentSchema.extend({
  headers: z.array(z.object({ name: z.string(), value: z.string() })).meta({
    description: "As the target is to get them; credentials are masked.",
  }),
}).meta({ id: "StoredRequestDetails" });

/** One stored request, with what is too much for a list. */
export type StoredRequestDetails = z.output<typeof storedRequestDetailsSchema>;

/** Shows a stored request. Its body stays where it is. */
export function toStoredRequestDetails(request: StoredRequest): StoredRequestDetails {
  const headers = maskHeaders(request.headers, (name) => ALWAYS_MASKED_HEADERS.has(name));
  return { ...toStoredRequestDocument(request), headers: headers.map(([name, value]) => ({ name, value })) };
}

/** Shows a stored request as one of many. */
export function toStoredRequestDocument(request: StoredRequest): StoredRequestDocument {
  const { path, state, nextAttemptAt } = request;
  const queryAt = path.indexOf("?");
  return {
    id: request.id,
    state,
    source: request.kind,
    acknowledgeMode: request.mode,
    method: request.method,
    target: request.target,
    path: queryAt === -1 ? path : path.slice(0, queryAt),
    bodyBytes: request.bodyBytes,
    created: new Date(request.createdAt).toISOString(),
    expires: new Date(request.expiresAt).toISOString(),
    attempts: request.attempts,
    nextAttempt: state === "waiting" ? new Date(nextAttemptAt).toISOString() : null,
    originId: request.holder,
    reason: request.reason,
    lastError: request.lastError,
  };
}

/** What a {@link QueueService} works with. */
export interface QueueServiceParts {
  readonly store: Store;
  readonly events: StoredRequestEvents;
  /** How long a dead letter that is sent again waits at most, in milliseconds. */
  readonly expirationMs: number;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

/** Which stored request. */
export interface StoredRequestName {
  readonly tenantName: string;
  readonly list: StoredList;
  readonly id: string;
}

/** Lists stored requests, removes them, and sends dead letters again. */
export class QueueService {
  readonly #parts: QueueServiceParts;

  constructor(parts: QueueServiceParts) {
    this.#parts = parts;
  }

  /** @throws {ManagementError} `tenant_unknown`. */
  async list(
    tenantName: string,
    { list, skip, take }: { readonly list: StoredList; readonly skip: number; readonly take: number },
  ): Promise<{ results: StoredRequest[]; totalCount: number }> {
    const { store } = this.#parts;
    const { id } = await requireTenant(store, tenantName);
    return await store.stored.list(id, { states: STATES[list], skip, take });
  }

  /** How many requests a tenant has stored. @throws {ManagementError} `tenant_unknown`. */
  async count(tenantName: string): Promise<StoredCounts> {
    const { store } = this.#parts;
    const { id } = await requireTenant(store, tenantName);
    return await store.stored.count(id);
  }

  /** @throws {ManagementError} `tenant_unknown`; `not_found`. */
  async get({ tenantName, list, id }: StoredRequestName): Promise<StoredRequest> {
    const { store } = this.#parts;
    const tenant = await requireTenant(store, tenantName);
    const found = await store.stored.find(tenant.id, { id, states: STATES[list] });
    if (found === undefined) throw notFound();
    return found;
  }

  /** A request of a tenant that may be gone, as long as it is stored. */
  async find(tenantId: string, id: string): Promise<StoredRequest | undefined> {
    const states = [...STATES.queue, ...STATES.deadLetters];
    return await this.#parts.store.stored.find(tenantId, { id, states });
  }

  /**
   * Removes one request, or all of a list. What is being delivered may reach its target all the same.
   *
   * @returns How many were removed.
   * @throws {ManagementError} `tenant_unknown`; `not_found` when the one that was named is not there.
   */
  async remove(
    { tenantName, list, id }: Omit<StoredRequestName, "id"> & { readonly id?: string },
    actor: Actor,
  ): Promise<number> {
    const { store, events } = this.#parts;
    const removed = await store.transaction(async (repositories) => {
      const tenant = await requireTenant(repositories, tenantName);
      const removed = await repositories.stored.discard(tenant.id, { id, states: STATES[list] });
      if (removed.length === 0) return removed;
      const subject = { id: id ?? tenant.id, name: tenant.name };
      await record(repositories, { actor, action: REMOVALS[list], subject, before: { requests: removed.length } });
      return removed;
    });
    if (id !== undefined && removed.length === 0) throw notFound();
    events.removed(removed);
    return removed.length;
  }

  /**
   * Sends a dead letter on its way again, as if it were new.
   *
   * @throws {ManagementError} `tenant_unknown`; `not_found`.
   */
  async resend(tenantName: string, { id, actor }: { readonly id: string; readonly actor: Actor }): Promise<void> {
    const { store, events, expirationMs, now } = this.#parts;
    const tenantId = await store.transaction(async (repositories) => {
      const tenant = await requireTenant(repositories, tenantName);
      const nowMs = now();
      if (!await repositories.stored.revive(tenant.id, { id, nowMs, expiresAt: nowMs + expirationMs })) {
        throw notFound();
      }
      await record(repositories, { actor, action: "dead_letter.resend", subject: { id, name: tenant.name } });
      return tenant.id;
    });
    events.waits(tenantId);
  }
}

function notFound(): ManagementError {
  return new ManagementError("not_found", "The tenant has no such request");
}
