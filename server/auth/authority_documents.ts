/**
 * Fetches what an OIDC authority publishes, and believes only what is in order.
 *
 * @module
 */

import type { JSONWebKeySet } from "jose";
import { z } from "zod";
import { isSafeUrl, isSameIssuer, withoutSlash } from "./issuer_url.ts";

const FETCH_TIMEOUT_MS = 5_000;
const MAX_DOCUMENT_BYTES = 256 * 1024;
const MAX_KEYS = 100;

const safeUrl = z.string().refine((text) => {
  const url = URL.parse(text);
  return url !== null && isSafeUrl(url);
}, "expected an https URL");

/** OpenID Connect Discovery 1.0, section 3: only what verification needs. */
const metadata = z.object({ issuer: z.string(), jwks_uri: safeUrl });

/** RFC 7517, section 5. What a key has beyond its type is checked when it is used. */
const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(MAX_KEYS) });

/** What an authority publishes. */
export interface AuthorityDocuments {
  /** As the authority itself spells it, and so as its tokens do. */
  readonly issuer: string;
  readonly keySet: JSONWebKeySet;
}

/** How to fetch. */
export interface FetchDocumentsOptions {
  readonly fetch: typeof fetch;
  readonly signal: AbortSignal;
}

/**
 * Fetches metadata and keys. Redirects are refused: they could lead anywhere.
 *
 * @param issuer The authority's URL.
 * @throws {Error} When they cannot be had, or are not in order.
 */
export async function fetchAuthorityDocuments(
  issuer: string,
  options: FetchDocumentsOptions,
): Promise<AuthorityDocuments> {
  const address = `${withoutSlash(issuer)}/.well-known/openid-configuration`;
  const { issuer: named, jwks_uri } = await fetchDocument(address, metadata, options);
  // OpenID Connect Discovery 1.0, section 4.3: else anybody's document could speak for the authority.
  if (!isSameIssuer(named, issuer)) throw new Error(`Cannot use ${address}: it names another issuer`);
  // Only an authority on this machine may send the server to an address of this machine, where others answer without asking who it is.
  if (isHttp(jwks_uri) && !isHttp(issuer)) throw new Error(`Cannot use ${address}: its keys are not at an https URL`);
  return { issuer: named, keySet: await fetchDocument(jwks_uri, keySet, options) };
}

function isHttp(url: string): boolean {
  return URL.parse(url)?.protocol === "http:";
}

async function fetchDocument<T extends z.ZodType>(
  address: string,
  schema: T,
  { fetch, signal }: FetchDocumentsOptions,
): Promise<z.infer<T>> {
  const response = await fetch(address, {
    headers: { accept: "application/json" },
    redirect: "error",
    signal: AbortSignal.any([signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)]),
  });
  const text = await readText(response, address);
  if (!response.ok) throw new Error(`Cannot use ${address}: it answered ${response.status}`);
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`Cannot use ${address}: ${issue?.path.join(".") || "document"}: ${issue?.message}`, {
    cause: parsed.error,
  });
}

async function readText(response: Response, address: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let sizeBytes = 0;
  for await (const chunk of response.body ?? []) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_DOCUMENT_BYTES) throw new Error(`Cannot use ${address}: it is larger than a document may be`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
