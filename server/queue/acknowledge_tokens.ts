/**
 * The tokens by which targets acknowledge requests, and the URLs that carry them.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;
const TOKEN = /^([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})\.([A-Za-z0-9_-]{43})$/;

/** Whom a token belongs to. */
export interface AcknowledgedRequest {
  readonly tenantId: string;
  readonly requestId: string;
}

/** Makes tokens and checks them: an HMAC over tenant and request, with a key that all origins of a database share. */
export class AcknowledgeTokens {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /**
   * The URL for a target.
   *
   * @param base Base of the server's public URLs, without a slash at the end.
   * @param originId Where it is answered soonest; any origin can.
   */
  urlFor(
    request: AcknowledgedRequest,
    { base, originId }: { readonly base: string; readonly originId: string },
  ): string {
    const token = `${request.tenantId}.${this.#sign(request).toString("base64url")}`;
    return `${base}/acknowledge/${originId}/${request.requestId}?token=${token}`;
  }

  /** Whose request a token is for; `undefined` when it is not for this one. */
  verify(requestId: string, token: string): AcknowledgedRequest | undefined {
    const [, tenantId, signature] = TOKEN.exec(token) ?? [];
    if (tenantId === undefined || signature === undefined || !UUID.test(requestId)) return undefined;
    const request = { tenantId, requestId };
    const given = new Uint8Array(Buffer.from(signature, "base64url"));
    const expected = new Uint8Array(this.#sign(request));
    return given.length === expected.length && timingSafeEqual(given, expected) ? request : undefined;
  }

  #sign({ tenantId, requestId }: AcknowledgedRequest): Buffer {
    return createHmac("sha256", this.#key).update(`acknowledge\n${tenantId}\n${requestId}`).digest();
  }
}
