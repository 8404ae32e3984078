/**
 * Signatures as in https://www.standardwebhooks.com, so that receivers find a library for them.
 *
 * @module
 */

const SECRET = /^whsec_([A-Za-z0-9+/]+={0,2})$/;
/** Limits of the specification. */
const MIN_KEY_BYTES = 24;
const MAX_KEY_BYTES = 64;

/** What a signature is made of. */
export interface SignedParts {
  /** The same for every attempt to deliver an event: receivers know a repeat by it. */
  readonly id: string;
  /** When the attempt is made, in seconds since 1970. */
  readonly timestampSeconds: number;
  readonly body: string;
}

/** The key in a secret: `whsec_` and 24 to 64 bytes in base64. `undefined` when it is no such secret. */
export function webhookKey(secret: string): Uint8Array<ArrayBuffer> | undefined {
  const encoded = SECRET.exec(secret)?.[1];
  if (encoded === undefined) return undefined;
  try {
    const key = Uint8Array.fromBase64(encoded);
    return key.length >= MIN_KEY_BYTES && key.length <= MAX_KEY_BYTES ? key : undefined;
  } catch {
    return undefined;
  }
}

/** Signs with a key of {@link webhookKey}; gives the headers of the request. */
export async function signatureHeaders(
  key: Uint8Array<ArrayBuffer>,
  { id, timestampSeconds, body }: SignedParts,
): Promise<Record<string, string>> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const hmacKey = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  const signed = new TextEncoder().encode(`${id}.${timestampSeconds}.${body}`);
  const signature = new Uint8Array(await crypto.subtle.sign("HMAC", hmacKey, signed));
  return {
    "webhook-id": id,
    "webhook-timestamp": String(timestampSeconds),
    "webhook-signature": `v1,${signature.toBase64()}`,
  };
}
