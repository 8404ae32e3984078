/**
 * Takes credentials out of recorded bodies.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { maskAcknowledgeTokens } from "../../shared/http/masking.ts";

/** Masks the tokens of acknowledge URLs in a body. The length stays. */
export function maskBody(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  const masked = maskAcknowledgeTokens(text);
  return masked === text ? bytes : Buffer.from(masked, "latin1");
}
