/**
 * The connections to one target: which a call may use, so that a kept one that the target is about to close does no harm.
 *
 * @module
 */

import { Deadline, Deadlines } from "../../../shared/time/deadlines.ts";
import { Connection } from "./connection.ts";

/** More would only be in the target's way, in connections of either kind. */
const MAX_FREE = 256;

/** Connections that wait for the next call of their kind. */
class Free implements Disposable {
  readonly #idle: Deadlines;
  readonly #idleLimitMs: number;
  /** The last is the one that was used last. */
  readonly #connections: Connection[] = [];
  readonly #deadlineOf = new WeakMap<Connection, Deadline>();

  constructor(idleLimitMs: number) {
    this.#idleLimitMs = idleLimitMs;
    this.#idle = new Deadlines(idleLimitMs);
  }

  get count(): number {
    return this.#connections.length;
  }

  take(): Connection | undefined {
    const connection = this.#connections.pop();
    if (connection !== undefined) this.#idle.stop(this.#deadline(connection));
    return connection;
  }

  /** Whether it waits from here on. */
  add(connection: Connection, keptSeconds = Infinity): boolean {
    if (this.#connections.length >= MAX_FREE || keptSeconds * 1000 <= this.#idleLimitMs) return false;
    this.#connections.push(connection);
    this.#idle.start(this.#deadline(connection));
    return true;
  }

  remove(connection: Connection): void {
    const index = this.#connections.indexOf(connection);
    if (index === -1) return;
    this.#connections.splice(index, 1);
    this.#idle.stop(this.#deadline(connection));
  }

  closeAll(): void {
    for (const connection of [...this.#connections]) connection.close();
  }

  [Symbol.dispose](): void {
    this.#idle[Symbol.dispose]();
  }

  #deadline(connection: Connection): Deadline {
    let deadline = this.#deadlineOf.get(connection);
    if (deadline === undefined) this.#deadlineOf.set(connection, deadline = new Deadline(() => connection.close()));
    return deadline;
  }
}

/** How long a connection is kept without use, in milliseconds. */
export interface IdleLimits {
  /** For calls that are simply repeated when the target closes at the wrong moment. */
  readonly repeatableMs: number;
  /** For calls that cannot be. They have connections of their own. */
  readonly unrepeatableMs: number;
}

/** All connections to one address. */
export class Connections implements Disposable {
  readonly #address: { readonly hostname: string; readonly port: number };
  readonly #repeatable: Free;
  readonly #unrepeatable: Free;
  readonly #all = new Set<Connection>();
  /** Ends what is being opened. */
  readonly #opening = new Set<AbortController>();
  #isRetired = false;

  constructor(address: { readonly hostname: string; readonly port: number }, limits: IdleLimits) {
    this.#address = address;
    this.#repeatable = new Free(limits.repeatableMs);
    this.#unrepeatable = new Free(limits.unrepeatableMs);
  }

  /** Whether no call is under way. */
  get isIdle(): boolean {
    return this.#opening.size === 0 && this.#all.size === this.#repeatable.count + this.#unrepeatable.count;
  }

  /** A connection that an earlier call has left, if there is one. */
  take(isRepeatable: boolean): Connection | undefined {
    return this.#free(isRepeatable).take();
  }

  /**
   * Opens a connection.
   *
   * @throws {Error} `Deno.errors` or the signal's reason.
   */
  async open(signal: AbortSignal): Promise<Connection> {
    const opening = new AbortController();
    const abort = () => opening.abort(signal.reason);
    signal.addEventListener("abort", abort);
    this.#opening.add(opening);
    try {
      const connection = new Connection(await connect(this.#address, opening.signal));
      if (opening.signal.aborted) {
        connection.close();
        throw opening.signal.reason;
      }
      this.#all.add(connection);
      connection.onClose = () => {
        this.#all.delete(connection);
        this.#repeatable.remove(connection);
        this.#unrepeatable.remove(connection);
      };
      return connection;
    } finally {
      signal.removeEventListener("abort", abort);
      this.#opening.delete(opening);
    }
  }

  /**
   * A call is over, and its connection could carry another one.
   *
   * @param options Whether the call was repeatable, and for how many seconds the target keeps the connection.
   */
  release(
    connection: Connection,
    options: { readonly isRepeatable: boolean; readonly keptSeconds: number | undefined },
  ): void {
    if (this.#isRetired || !this.#free(options.isRepeatable).add(connection, options.keptSeconds)) {
      return connection.close();
    }
    connection.detach();
  }

  /** Closes what is not in use, and what is in use as soon as it is not. */
  retire(): void {
    this.#isRetired = true;
    this.#repeatable.closeAll();
    this.#unrepeatable.closeAll();
  }

  /** Closes all connections, those in use too: their calls fail. */
  [Symbol.dispose](): void {
    this.#isRetired = true;
    for (const opening of this.#opening) opening.abort();
    for (const connection of [...this.#all]) connection.abort();
    this.#repeatable[Symbol.dispose]();
    this.#unrepeatable[Symbol.dispose]();
  }

  #free(isRepeatable: boolean): Free {
    return isRepeatable ? this.#repeatable : this.#unrepeatable;
  }
}

/** `Deno.connect` says in words only that a name is not known; whoever gives advice goes by the code. */
async function connect(address: { readonly hostname: string; readonly port: number }, signal: AbortSignal) {
  try {
    return await Deno.connect({ ...address, signal });
  } catch (cause) {
    if (!(cause instanceof Error) || !/failed to lookup|os error 1100/.test(cause.message)) throw cause;
    const code = /temporary/i.test(cause.message) ? "EAI_AGAIN" : "ENOTFOUND";
    throw Object.assign(new Error(`${code} ${address.hostname}`, { cause }), { code });
  }
}
