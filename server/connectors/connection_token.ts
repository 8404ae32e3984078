/**
 * The token of a connection: it must be renewed before it ends, and a renewed one must be as good as the first.
 *
 * What cannot be checked at present ends no connection: a renewed token is checked again later, and one that ends while its tenant cannot be
 * looked up, because the database is away, holds on until it can.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { getLogger } from "../../shared/log/mod.ts";
import type { ConnectorConnection } from "./connection.ts";

const RETRY_MS = 5_000;
/** Timers take at most 2^31 - 1 ms. */
const MAXIMUM_TIMER_MS = 2_147_483_647;

const logger = getLogger("connectors");

/** What the token of a connection is checked with. */
export interface TokenCheck {
  /**
   * Checks a renewed token.
   *
   * @returns Until when it holds, in milliseconds since 1970.
   * @throws {RelayError} `authentication_unavailable` when it cannot be checked at present; any other code when it is refused.
   */
  renew(token: string): Promise<number>;
  /** Whether tenants can be looked up at present. */
  isPossible(): Promise<boolean>;
  /** The time in milliseconds since 1970. */
  now(): number;
}

/** Watches the token of one connection, until that ends. */
export class ConnectionToken {
  readonly #connection: ConnectorConnection;
  readonly #check: TokenCheck;
  #endTimer: ReturnType<typeof setTimeout> | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  /** The newest token; the check of an older one no longer matters. */
  #renewals = 0;
  #isOver = false;

  constructor(connection: ConnectorConnection, check: TokenCheck) {
    this.#connection = connection;
    this.#check = check;
    connection.ended.then(() => {
      this.#isOver = true;
      clearTimeout(this.#endTimer);
      clearTimeout(this.#retryTimer);
    });
  }

  /** The token holds until then, in milliseconds since 1970. Without a renewed one the connection ends politely. */
  holdUntil(expiresAt: number): void {
    if (this.#isOver) return;
    clearTimeout(this.#endTimer);
    const delayMs = Math.max(0, expiresAt - this.#check.now());
    this.#endTimer = delayMs > MAXIMUM_TIMER_MS
      ? setTimeout(() => this.holdUntil(expiresAt), MAXIMUM_TIMER_MS)
      : setTimeout(() => this.#end(), delayMs);
  }

  /** The connector has sent a renewed token. */
  renew(token: string): void {
    this.#renewals++;
    clearTimeout(this.#retryTimer);
    void this.#renew(token, this.#renewals);
  }

  async #renew(token: string, renewal: number): Promise<void> {
    const { tenantName } = this.#connection.facts;
    try {
      const expiresAt = await this.#check.renew(token);
      if (renewal === this.#renewals) this.holdUntil(expiresAt);
    } catch (error) {
      if (renewal !== this.#renewals || this.#isOver) return;
      if (error instanceof RelayError && error.code === "authentication_unavailable") {
        this.#retryTimer = setTimeout(() => void this.#renew(token, renewal), RETRY_MS);
        return;
      }
      logger.warn("A renewed token of {tenant} was refused: {error}", { tenant: tenantName, error });
      const isDisabled = error instanceof RelayError && error.code === "tenant_disabled";
      this.#connection.drain(isDisabled ? "tenant_disabled" : "authentication_failed", "later");
    }
  }

  async #end(): Promise<void> {
    const timer = this.#endTimer;
    const isPossible = await this.#check.isPossible();
    // A renewed token has come meanwhile.
    if (timer !== this.#endTimer) return;
    if (isPossible) return this.#connection.drain("authentication_failed", "later");
    this.holdUntil(this.#check.now() + RETRY_MS);
  }
}
