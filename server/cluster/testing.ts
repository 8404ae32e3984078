/**
 * What the tests of this folder share.
 *
 * @module
 */

import type { OriginMail } from "../transport/transport.ts";

/** Mail of which nothing arrives. */
export const LOSING_MAIL: OriginMail = {
  open: () => {},
  send: () => {},
  broadcast: () => {},
  bufferedAmount: 0,
  maxMessageBytes: Infinity,
};
