/**
 * Clients that ask without a pause while something breaks, and count what became of it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { within } from "./deadline.ts";

/** More losses than this are only counted. */
const MAX_LOSSES = 10;

/** What became of requests. */
export interface LoadCounts {
  readonly sent: number;
  /** Answered by the target, as it should. */
  readonly answered: number;
  /** Refused by a server that said why, by status and code. */
  readonly refused: Readonly<Record<string, number>>;
  /** No answer: the connection broke, or the answer was not the target's. */
  readonly lost: number;
  /** The longest that a client waited, in milliseconds. */
  readonly longestMs: number;
}

/** How a client asks. */
export interface LoadOptions {
  /** Requests at a time. */
  readonly clients?: number;
  /** Sends one; the argument is the text that has to come back. */
  readonly send: (text: string) => Promise<Response>;
}

/** Clients at work until they are stopped. */
export class Load implements AsyncDisposable {
  readonly #send: LoadOptions["send"];
  readonly #clients: Promise<void[]>;
  readonly #refused: Record<string, number> = {};
  readonly #waiters = new Set<{ readonly isMet: () => boolean; readonly met: () => void }>();
  #sent = 0;
  #answered = 0;
  #lost = 0;
  #longestMs = 0;
  readonly #losses: string[] = [];
  #isOver = false;

  constructor({ send, clients = 4 }: LoadOptions) {
    this.#send = send;
    this.#clients = Promise.all(Array.from({ length: clients }, () => this.#ask()));
  }

  /** What has become of the requests so far. */
  get counts(): LoadCounts {
    const refused = { ...this.#refused };
    return { sent: this.#sent, answered: this.#answered, refused, lost: this.#lost, longestMs: this.#longestMs };
  }

  /** What the first lost requests ended with. */
  get losses(): readonly string[] {
    return this.#losses;
  }

  /** Waits until the counts are so, within 40 s. */
  async until(isSo: (counts: LoadCounts) => boolean): Promise<void> {
    if (isSo(this.counts)) return;
    const { promise, resolve: met } = Promise.withResolvers<void>();
    this.#waiters.add({ isMet: () => isSo(this.counts), met });
    const limit = { timeoutMs: 40_000, what: "counts of the load", detail: () => JSON.stringify(this.counts) };
    await within(promise, limit);
  }

  /** Waits until so many more were answered by the target. */
  async untilAnswered(more: number): Promise<void> {
    const enough = this.#answered + more;
    await this.until(({ answered }) => answered >= enough);
  }

  /** Lets the clients finish what they have begun. */
  async stop(): Promise<LoadCounts> {
    this.#isOver = true;
    await this.#clients;
    return this.counts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #ask(): Promise<void> {
    while (!this.#isOver) {
      const text = String(this.#sent++);
      const startedAtMs = performance.now();
      await this.#askOnce(text);
      this.#longestMs = Math.max(this.#longestMs, Math.round(performance.now() - startedAtMs));
      for (const waiter of this.#waiters) {
        if (!waiter.isMet()) continue;
        this.#waiters.delete(waiter);
        waiter.met();
      }
    }
  }

  async #askOnce(text: string): Promise<void> {
    try {
      const response = await this.#send(text);
      const received = await response.text();
      const code = response.headers.get("relayserver-error");
      if (code !== null) {
        const key = `${response.status} ${code}`;
        this.#refused[key] = (this.#refused[key] ?? 0) + 1;
        // A client that is told to come later does not come at once.
        await new Promise((resolve) => setTimeout(resolve, 20));
      } else if (response.status === 200 && received === text) this.#answered++;
      else this.#lose(`${text}: ${response.status} ${JSON.stringify(received.slice(0, 100))}`);
    } catch (error) {
      this.#lose(`${text}: ${error}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #lose(how: string): void {
    this.#lost++;
    if (this.#losses.length < MAX_LOSSES) this.#losses.push(`after ${Math.round(performance.now())} ms, ${how}`);
  }
}

/** Prints what became of requests, as a line of a table. */
export function tellCounts(fault: string, { sent, answered, refused, lost, longestMs }: LoadCounts): void {
  const reasons = Object.entries(refused).map(([reason, count]) => `${count} × ${reason}`).join(", ") || "0";
  const line = `| ${fault} | ${sent} | ${answered} | ${reasons} | ${lost} | ${longestMs} |\n`;
  Deno.stdout.writeSync(new TextEncoder().encode(line));
}

/** What may become of requests. */
export interface ExpectedCounts {
  /** Status and code of the refusals that may be; none unless given. */
  readonly refused?: RegExp;
  /** How long a client may wait. */
  readonly longestMs: number;
}

/** Prints what became of requests, and checks that none was lost, that each was refused for a good reason, and that nobody waited too long. */
export function checkCounts(fault: string, counts: LoadCounts, { refused, longestMs }: ExpectedCounts): void {
  tellCounts(fault, counts);
  const shown = JSON.stringify(counts);
  assert.equal(counts.lost, 0, shown);
  assert.ok(counts.longestMs < longestMs, shown);
  assert.deepEqual(Object.keys(counts.refused).filter((reason) => refused?.test(reason) !== true), [], shown);
  const refusals = Object.values(counts.refused).reduce((sum, count) => sum + count, 0);
  assert.equal(counts.sent, counts.answered + refusals, shown);
}
