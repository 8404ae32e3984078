/**
 * A request that was sent back before anybody took it.
 *
 * @module
 */

import { RelayError } from "./relay_error.ts";

/** There is no room for a request here, or nobody to take it: it may be delivered elsewhere as if it had never come. */
export class RefusedError extends RelayError {
  constructor(message: string) {
    super("overloaded", message);
  }
}
