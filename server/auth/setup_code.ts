/**
 * The code with which the first administrator is made: whoever reads the server's log may be it.
 *
 * @module
 */

import { generateSecret, hashesAreEqual, hashSecret } from "./secret.ts";

/** After so many wrong codes there is a new one. */
const MAX_ATTEMPTS = 10;
const LONGEST_CODE = 200;

/** What {@link SetupCode} tells its owner. */
export interface SetupCodePort {
  /** There is a code to be shown to who runs the server. */
  made(code: string): void;
}

/** A code that works once, and is nowhere but in memory and in the log. */
export class SetupCode {
  readonly #port: SetupCodePort;
  #code: string | undefined;
  #attempts = 0;

  constructor(port: SetupCodePort) {
    this.#port = port;
  }

  /** Whether there is a code to be redeemed. */
  get isOpen(): boolean {
    return this.#code !== undefined;
  }

  /** Makes a code; an earlier one does not work any more. */
  renew(): void {
    this.#attempts = 0;
    this.#code = generateSecret();
    this.#port.made(this.#code);
  }

  /** There is an administrator: no code works any more. */
  close(): void {
    this.#code = undefined;
  }

  /**
   * Redeems the code. After ten wrong ones it is replaced.
   *
   * @returns Whether it was the right one. It does not work a second time: call {@link renew} when what it was for has failed.
   */
  async redeem(code: string): Promise<boolean> {
    const expected = this.#code;
    if (expected === undefined) return false;
    // Hashes, so that the comparison's time depends on nothing that is known.
    const hashes = await Promise.all([hashSecret(expected), hashSecret(code.slice(0, LONGEST_CODE).trim())]);
    // Somebody else may have been faster.
    if (this.#code !== expected) return false;
    if (hashesAreEqual(...hashes)) {
      this.#code = undefined;
      return true;
    }
    if (++this.#attempts >= MAX_ATTEMPTS) this.renew();
    return false;
  }
}
