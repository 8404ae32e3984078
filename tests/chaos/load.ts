/**
 * Clients of a campaign: they send requests of every line, as long as things go wrong.
 *
 * @module
 */

import { ID_HEADER, pause } from "./chaos_target.ts";
import { bodyFor, type Line, LINES, requestId } from "./lines.ts";
import type { Random } from "./random.ts";

const CLIENTS_PER_LINE = 3;
const MAX_REQUESTS_PER_LINE = 3_000;
/** Between two requests of a client at most, in milliseconds. */
const LONGEST_PAUSE_MS = 40;
/** After a request that got no answer, in milliseconds: the load is to outlast the fault. */
const FAILURE_PAUSE_MS = 200;
/** A client that gets no answer by then counts as not answered, in milliseconds. */
const PATIENCE_MS = 60_000;

/** What a client got. */
export interface ClientResult {
  /** The client was told that it is done (`/relay`) or safe (`/queue`). */
  readonly isAccepted: boolean;
  readonly isAnswered: boolean;
  /** An answer that looks complete and is not what the target said. */
  readonly isGarbled: boolean;
}

/** Where to, and how. */
export interface LoadOptions {
  /** Base of the routes, without a slash at the end. */
  readonly url: string;
  readonly tenantName: string;
  readonly random: Random;
  /** So many of each line after the fault. */
  readonly afterwards: number;
  /** How long each client waits, in milliseconds. */
  readonly patienceMs?: (() => number) | undefined;
}

/** How many requests of a line were sent, and how many there are to be. */
interface Counter {
  sent: number;
  last: number;
}

const NOTHING: ClientResult = { isAccepted: false, isAnswered: false, isGarbled: false };

/** Sends requests until it is told to stop. */
export class Load {
  readonly #options: LoadOptions;
  readonly #results = new Map<string, ClientResult>();
  readonly #clients: readonly Promise<void>[];
  readonly #counters: readonly Counter[];

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#counters = LINES.map(() => ({ sent: 0, last: MAX_REQUESTS_PER_LINE }));
    this.#clients = LINES.flatMap((line, index) =>
      Array.from({ length: CLIENTS_PER_LINE }, () => this.#run(line, this.#counters[index]!))
    );
  }

  /** Sends the last ones, and waits for the last answer. @returns What became of each request. */
  async end(): Promise<ReadonlyMap<string, ClientResult>> {
    for (const counter of this.#counters) counter.last = counter.sent + this.#options.afterwards;
    await Promise.all(this.#clients);
    return this.#results;
  }

  async #run(line: Line, counter: Counter): Promise<void> {
    const { random } = this.#options;
    while (counter.sent < counter.last) {
      const id = requestId(line, counter.sent++);
      const result = await this.#send(line, id);
      this.#results.set(id, result);
      await pause(result.isAnswered ? random.between(0, LONGEST_PAUSE_MS) : FAILURE_PAUSE_MS);
    }
  }

  async #send({ route }: Line, id: string): Promise<ClientResult> {
    const { url, tenantName, patienceMs = () => PATIENCE_MS } = this.#options;
    const body = bodyFor(id);
    try {
      const response = await fetch(`${url}/${route}/${tenantName}/app/${id}`, {
        method: "POST",
        body,
        headers: { [ID_HEADER]: id },
        signal: AbortSignal.timeout(patienceMs()),
      });
      const text = await response.text();
      const isAccepted = response.status === (route === "queue" ? 202 : 200);
      return { isAccepted, isAnswered: true, isGarbled: isAccepted && route === "relay" && text !== body };
    } catch {
      // The server was killed, the body broke off visibly, or the client has left: nothing was promised.
      return NOTHING;
    }
  }
}
