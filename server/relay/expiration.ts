/**
 * The time a request has until the head of its response.
 *
 * @module
 */

import { Deadline, type Deadlines } from "../../shared/time/deadlines.ts";

/** A deadline that starts anew while the request's body flows. */
export class Expiration implements Disposable {
  readonly #deadlines: Deadlines;
  #deadline: Deadline | undefined;

  /** Does nothing before `start`. */
  constructor(deadlines: Deadlines) {
    this.#deadlines = deadlines;
  }

  /** @param expired Called when the time is over, unless it was disposed by then. */
  start(expired: () => void): void {
    this.#deadline = new Deadline(expired);
    this.extend();
  }

  /** Starts the time anew, if it runs at all. */
  extend(): void {
    if (this.#deadline !== undefined) this.#deadlines.start(this.#deadline);
  }

  [Symbol.dispose](): void {
    if (this.#deadline !== undefined) this.#deadlines.stop(this.#deadline);
    this.#deadline = undefined;
  }
}
