/**
 * What the tests of tokens share: an issuer on a real database, whose clock the test moves.
 *
 * @module
 */

import { decodeJwt } from "jose";
import {
  type Database,
  type Secret,
  SecretRepository,
  type SecretUse,
  SigningKeyRepository,
  type Tenant,
  TenantRepository,
} from "../persistence/mod.ts";
import { memoryDatabase, TestClock } from "../persistence/testing.ts";
import { TokenIssuer } from "./issuer.ts";
import { generateSecret, hashSecret } from "./secret.ts";
import { SigningKeys } from "./signing_keys.ts";
import { BuiltinTokenVerifier } from "./token_verifier.ts";

/** Name of the issuer in tests. */
export const ISSUER_URL = "https://relay.example";
/** Audience of the tokens in tests. */
export const AUDIENCE = "relayserver";
/** Lifetime of the tokens in tests. */
export const TOKEN_LIFETIME_MS = 3_600_000;

/** One server's part of the token machinery. */
export class TestIssuer implements AsyncDisposable {
  readonly clock: TestClock;
  readonly db: Database;
  readonly tenants: TenantRepository;
  readonly secrets: SecretRepository;
  readonly keyStore: SigningKeyRepository;
  readonly keys: SigningKeys;
  readonly issuer: TokenIssuer;
  readonly verifier: BuiltinTokenVerifier;

  constructor(db: Database, clock = new TestClock()) {
    const now = clock.now;
    this.clock = clock;
    this.db = db;
    this.tenants = new TenantRepository(db, now);
    this.secrets = new SecretRepository(db, now);
    this.keyStore = new SigningKeyRepository(db);
    this.keys = new SigningKeys({ store: this.keyStore, tokenLifetimeMs: TOKEN_LIFETIME_MS, now });
    this.issuer = new TokenIssuer({
      tenants: this.tenants,
      secrets: this.secrets,
      signer: this.keys,
      audience: AUDIENCE,
      tokenLifetimeMs: TOKEN_LIFETIME_MS,
      now,
    });
    this.verifier = new BuiltinTokenVerifier({ keys: this.keys, audience: AUDIENCE, issuer: ISSUER_URL, now });
  }

  static async start(): Promise<TestIssuer> {
    return new TestIssuer(await memoryDatabase());
  }

  /** A second server on the same database, with the same clock. */
  neighbour(): TestIssuer {
    return new TestIssuer(this.db, this.clock);
  }

  /** Adds a tenant with one secret. */
  async addTenant(name: string, use: SecretUse = "connector"): Promise<{ tenant: Tenant } & TestSecret> {
    const tenant = await this.tenants.insert(name);
    return { tenant, ...await this.addSecret(tenant, { use }) };
  }

  /** Adds a secret to a tenant. */
  async addSecret(tenant: Tenant, options: { use: SecretUse; expiresAt?: number }): Promise<TestSecret> {
    const value = generateSecret();
    const { use, expiresAt = null } = options;
    const hash = await hashSecret(value);
    return { value, secret: await this.secrets.insert({ tenantId: tenant.id, hash, use, expiresAt }) };
  }

  /** Gets a token. */
  async tokenFor(clientId: string, clientSecret: string): Promise<string> {
    return (await this.issuer.issue({ clientId, clientSecret, scope: [] }, ISSUER_URL)).accessToken;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.db.destroy();
  }
}

/** A secret and its value. */
export interface TestSecret {
  readonly value: string;
  readonly secret: Secret;
}

/** For `assert.rejects`: an error with this code. */
export function withCode(code: string, message = /./): (error: Error & { code?: string }) => boolean {
  return (error) => error.code === code && message.test(error.message);
}

/** Moment of expiry of a token, in milliseconds since 1970. */
export function expiryOf(token: string): number {
  return (decodeJwt(token).exp ?? NaN) * 1_000;
}
