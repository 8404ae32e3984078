/**
 * Tells who calls: which of the callers of an access policy a request's credential belongs to.
 *
 * @module
 */

import { isSameIssuer } from "../auth/issuer_url.ts";
import { TokenError } from "../auth/token_error.ts";
import type { TokenVerifier, VerifiedToken } from "../auth/token_verifier.ts";
import type { PolicyCaller } from "./schema.ts";

/** Who sent a request, as far as a credential proves it. */
export interface Caller {
  /** The names of all callers of the policy that it is. */
  readonly names: ReadonlySet<string>;
  /** Tells it from others where requests are counted. */
  readonly key: string;
}

/** An issuer whose tokens are wanted. */
export interface NamedIssuer {
  readonly issuer: string;
  /** Whom its tokens must be for; the server's own audience unless given. */
  readonly audience?: string;
}

/** Verifies tokens of issuers that policies name. */
export interface IssuerTokens {
  /**
   * @throws {TokenError} When the token is not good.
   * @throws {RelayError} `authentication_unavailable` while the issuer's keys cannot be had.
   */
  verify(token: string, options: { readonly issuers: readonly NamedIssuer[] }): Promise<{
    readonly subject: string | undefined;
    readonly claims: Readonly<Record<string, unknown>>;
  }>;
}

/** Finds out which secret of a tenant a text is. */
export interface ClientSecrets {
  /**
   * @returns The id of the secret; `undefined` when the tenant has no such secret for the use client, or it has expired.
   */
  verify(tenantId: string, secret: string): Promise<string | undefined>;
}

/** What {@link CallerDirectory} works with. */
export interface CallerVerifiers {
  /** Tokens of the tenant's own clients. */
  readonly clients: TokenVerifier;
  readonly issuers: IssuerTokens;
  readonly secrets: ClientSecrets;
}

/** A credential as it came with a request. */
export interface Credential {
  readonly value: string;
  /** Whether it came in the relay's own header, which no target ever sees. Only there an API key is looked for. */
  readonly isRelaysOwn: boolean;
}

type IssuerCaller = Extract<PolicyCaller, { type: "issuer" }>;
interface IssuerEntry {
  readonly issuer: NamedIssuer;
  readonly callers: (readonly [name: string, caller: IssuerCaller])[];
}

type Claims = Readonly<Record<string, unknown>>;

/** The callers of one policy. */
export class CallerDirectory {
  readonly #clients: readonly (readonly [name: string, secretIds: ReadonlySet<string> | undefined])[];
  readonly #secrets: readonly (readonly [name: string, secretIds: ReadonlySet<string>])[];
  readonly #byIssuer = new Map<string, IssuerEntry>();

  constructor(callers: Readonly<Record<string, PolicyCaller>>) {
    const entries = Object.entries(callers);
    this.#clients = entries.flatMap(([name, caller]) =>
      caller.type === "client" ? [[name, caller.secretIds && idsOf(caller.secretIds)] as const] : []
    );
    this.#secrets = entries.flatMap(([name, caller]) =>
      caller.type === "apiKey" ? [[name, idsOf(caller.secretIds)] as const] : []
    );
    for (const [name, caller] of entries) {
      if (caller.type === "issuer") this.#addIssuer(name, caller);
    }
  }

  /** Whether it can tell anybody. */
  get isEmpty(): boolean {
    return this.#clients.length + this.#secrets.length + this.#byIssuer.size === 0;
  }

  /** Whether a token says, unverified, that it is of one of the issuers. */
  namesIssuerOf(token: string): boolean {
    const issuer = unverifiedIssuer(token);
    if (issuer === undefined) return false;
    for (const { issuer: named } of this.#byIssuer.values()) {
      if (isSameIssuer(named.issuer, issuer)) return true;
    }
    return false;
  }

  /**
   * Tells who sent a credential.
   *
   * @returns `undefined` when it is good for none of the callers.
   * @throws {RelayError} `authentication_unavailable` while an issuer's keys cannot be had.
   */
  async identify(tenantId: string, credential: Credential, verifiers: CallerVerifiers): Promise<Caller | undefined> {
    const { value, isRelaysOwn } = credential;
    if (value.split(".").length !== 3) {
      return isRelaysOwn ? await this.#identifySecret(tenantId, value, verifiers.secrets) : undefined;
    }
    if (this.namesIssuerOf(value)) {
      const caller = await this.#identifyForeigner(value, verifiers.issuers);
      if (caller !== undefined) return caller;
    }
    return await this.#identifyClient(tenantId, value, verifiers.clients);
  }

  async #identifySecret(tenantId: string, value: string, secrets: ClientSecrets): Promise<Caller | undefined> {
    if (this.#secrets.length === 0) return undefined;
    const id = await secrets.verify(tenantId, value);
    if (id === undefined) return undefined;
    const names = new Set(this.#secrets.flatMap(([name, secretIds]) => secretIds.has(id) ? [name] : []));
    return names.size === 0 ? undefined : { names, key: `secret ${id}` };
  }

  async #identifyForeigner(token: string, issuers: IssuerTokens): Promise<Caller | undefined> {
    const names = new Set<string>();
    let key = "";
    for (const { issuer, callers } of this.#byIssuer.values()) {
      if (!isSameIssuer(issuer.issuer, unverifiedIssuer(token) ?? "")) continue;
      const verified = await orUndefined(issuers.verify(token, { issuers: [issuer] }));
      if (verified === undefined) continue;
      key = `issuer ${issuer.issuer} ${verified.subject ?? ""}`;
      for (const [name, { claims }] of callers) {
        if (hasClaims(verified.claims, claims)) names.add(name);
      }
    }
    return names.size === 0 ? undefined : { names, key };
  }

  async #identifyClient(tenantId: string, token: string, clients: TokenVerifier): Promise<Caller | undefined> {
    if (this.#clients.length === 0) return undefined;
    const verified = await orUndefined<VerifiedToken>(clients.verify(token, { scope: "client" }));
    if (verified === undefined || verified.tenantId !== tenantId) return undefined;
    const { secretId } = verified;
    const names = new Set(
      this.#clients.flatMap(([name, secretIds]) =>
        secretIds === undefined || (secretId !== undefined && secretIds.has(secretId)) ? [name] : []
      ),
    );
    return names.size === 0 ? undefined : { names, key: `secret ${secretId ?? ""}` };
  }

  #addIssuer(name: string, caller: IssuerCaller): void {
    const { issuer, audience } = caller;
    const key = JSON.stringify([issuer, audience]);
    const named = audience === undefined ? { issuer } : { issuer, audience };
    const entry = this.#byIssuer.get(key) ?? { issuer: named, callers: [] };
    entry.callers.push([name, caller]);
    this.#byIssuer.set(key, entry);
  }
}

/** A bad token is the same as none: what it was needed for is refused later. */
async function orUndefined<T>(verified: Promise<T>): Promise<T | undefined> {
  try {
    return await verified;
  } catch (error) {
    if (error instanceof TokenError) return undefined;
    throw error;
  }
}

/** As they are stored, in whatever case they were written. */
function idsOf(secretIds: readonly string[]): ReadonlySet<string> {
  return new Set(secretIds.map((id) => id.toLowerCase()));
}

function hasClaims(claims: Claims, wanted: IssuerCaller["claims"]): boolean {
  return Object.entries(wanted).every(([name, values]) => {
    if (!Object.hasOwn(claims, name)) return false;
    const accepted: readonly unknown[] = Array.isArray(values) ? values : [values];
    return valuesOf(name, claims[name]).some((value) => accepted.includes(value));
  });
}

/** A scope is a list with spaces between (RFC 8693 §4.2). */
function valuesOf(name: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return name === "scope" && typeof value === "string" ? value.split(" ") : [value];
}

/** Good only for choosing whose keys to verify it with. */
function unverifiedIssuer(token: string): string | undefined {
  try {
    const payload = Uint8Array.fromBase64(token.split(".")[1] ?? "", { alphabet: "base64url" });
    const claims: unknown = JSON.parse(new TextDecoder().decode(payload));
    const issuer = (claims as { iss?: unknown } | null)?.iss;
    return typeof issuer === "string" ? issuer : undefined;
  } catch {
    return undefined;
  }
}
