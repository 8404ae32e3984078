/**
 * Tells other origins that stored requests wait. A ticket is a hint only: one that is lost is made up for when the others look by themselves.
 *
 * @module
 */

import { getLogger } from "../../shared/log/logger.ts";
import type { TenantQueues } from "../transport/transport.ts";

const logger = getLogger("queue");

/** One ticket of a tenant in this time stands for all requests, in milliseconds. */
const INTERVAL_MS = 50;
/** A ticket that nobody took by then is useless, in milliseconds. */
const EXPIRES_IN_MS = 60_000;

/** Publishes tickets, not more often than is useful. */
export class Tickets {
  readonly #queues: Pick<TenantQueues, "publish">;
  /** Tenants whose ticket is on its way, or was published just now, and whether they need another. */
  readonly #recent = new Map<string, { timer: ReturnType<typeof setTimeout>; isDue: boolean }>();
  #isStopped = false;

  constructor(queues: Pick<TenantQueues, "publish">) {
    this.#queues = queues;
  }

  /** Something of a tenant waits that this origin cannot deliver. */
  publish(tenantId: string): void {
    const recent = this.#recent.get(tenantId);
    if (recent !== undefined) {
      recent.isDue = true;
      return;
    }
    if (this.#isStopped) return;
    const ticket = { requestId: crypto.randomUUID(), expiresInMs: EXPIRES_IN_MS };
    const published = this.#queues.publish(tenantId, ticket).catch((error) =>
      logger.debug("Cannot publish ticket: {error}", { tenantId, error })
    );
    // While the carrier is away one waits for it: more would take the places of requests that wait as well.
    const timer = setTimeout(() => void published.then(() => this.#over(tenantId)), INTERVAL_MS);
    this.#recent.set(tenantId, { timer, isDue: false });
  }

  /** Publishes nothing more. */
  stop(): void {
    this.#isStopped = true;
    for (const { timer } of this.#recent.values()) clearTimeout(timer);
    this.#recent.clear();
  }

  #over(tenantId: string): void {
    const isDue = this.#recent.get(tenantId)?.isDue;
    this.#recent.delete(tenantId);
    if (isDue) this.publish(tenantId);
  }
}
