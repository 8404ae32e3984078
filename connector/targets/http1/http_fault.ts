/**
 * What a target sent that is no HTTP/1.1.
 *
 * @module
 */

/** Bytes that cannot be read as a response, or in more ways than one. The connection they came over is of no more use. */
export class HttpFault extends Error {
  override readonly name = "HttpFault";
}
