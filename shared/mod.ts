/**
 * What both libraries share with their users.
 *
 * @module
 */

export { RELAY_ERROR_CODES, RelayError, type RelayErrorCode, type RelayErrorOptions } from "./errors/relay_error.ts";
export {
  type Body,
  type HeaderLine,
  type HeaderLines,
  isStreamBody,
  type RelayRequest,
  type RelayResponse,
  type StreamBody,
} from "./http/message.ts";
export { VERSION } from "./version.ts";
