/**
 * Tenants, secrets and tokens of a server under test, made in its database.
 *
 * @module
 */

import { importJWK, SignJWT } from "jose";
import { generateSecret, hashSecret } from "../../server/auth/mod.ts";
import {
  type Database,
  migrateToLatest,
  openDatabase,
  SecretRepository,
  type SecretUse,
  SigningKeyRepository,
  type Tenant,
  TenantRepository,
  type TenantSettings,
} from "../../server/persistence/mod.ts";

/** A tenant with a secret of each use. */
export interface TestTenant {
  readonly id: string;
  readonly name: string;
  readonly connectorSecret: string;
  readonly clientSecret: string;
}

/** How a token differs from a good one. */
export interface TokenChanges {
  readonly scope?: SecretUse;
  /** Milliseconds from now; an hour unless given. */
  readonly expiresInMs?: number;
  readonly issuer?: string;
  readonly audience?: string;
  /** Signs instead of the server's key. */
  readonly key?: CryptoKey;
}

/** Writes into the database of a server, beside it. */
export class TestDatabase implements AsyncDisposable {
  readonly #database: Database;
  readonly #tenants: TenantRepository;
  readonly #secrets: SecretRepository;
  #made = 0;

  private constructor(database: Database) {
    this.#database = database;
    this.#tenants = new TenantRepository(database, Date.now);
    this.#secrets = new SecretRepository(database, Date.now);
  }

  static async open(url: string): Promise<TestDatabase> {
    const database = openDatabase({ url });
    await migrateToLatest(database);
    return new TestDatabase(database);
  }

  /** For what has no method here. */
  get handle(): Database {
    return this.#database;
  }

  /** Adds a tenant; the name is made up unless it is given. */
  async createTenant(settings: Partial<TenantSettings> & { readonly name?: string } = {}): Promise<TestTenant> {
    const { name = `tenant-${++this.#made}-${crypto.randomUUID().slice(0, 8)}`, ...rest } = settings;
    const { id } = await this.#tenants.insert(name, rest);
    const [connectorSecret, clientSecret] = await Promise.all([
      this.addSecret(id, { use: "connector" }),
      this.addSecret(id, { use: "client" }),
    ]);
    return { id, name, connectorSecret, clientSecret };
  }

  /** Adds a secret. `expiresAt` is in milliseconds since 1970. */
  async addSecret(
    tenantId: string,
    options: { readonly use: SecretUse; readonly expiresAt?: number },
  ): Promise<string> {
    const value = generateSecret();
    const { use, expiresAt = null } = options;
    await this.#secrets.insert({ tenantId, hash: await hashSecret(value), use, expiresAt });
    return value;
  }

  async updateTenant(id: string, settings: Partial<TenantSettings>): Promise<Tenant | undefined> {
    return await this.#tenants.update(id, settings);
  }

  async removeTenant(id: string): Promise<void> {
    await this.#tenants.remove(id);
  }

  /**
   * Signs a token as the server would, with its newest key, but for the changes.
   *
   * @throws {Error} When the server has not issued a token yet and so has no key.
   */
  async signToken(tenant: TestTenant, changes: TokenChanges = {}): Promise<string> {
    const [newest] = await new SigningKeyRepository(this.#database).list();
    if (newest === undefined) throw new Error("Cannot sign token: the server has no key yet");
    const { kid = "", ...jwk } = JSON.parse(newest.privateJwk);
    const key = changes.key ?? await importJWK(jwk, newest.algorithm);
    const now = Math.floor(Date.now() / 1000);
    const { scope = "client", expiresInMs = 3_600_000, issuer = "http://issuer", audience = "relayserver" } = changes;
    return await new SignJWT({ client_id: tenant.name, tenant_id: tenant.id, scope })
      .setProtectedHeader({ alg: newest.algorithm, typ: "at+jwt", kid })
      .setIssuer(issuer).setSubject(tenant.id).setAudience(audience).setJti(crypto.randomUUID())
      .setIssuedAt(now - 3600).setNotBefore(now - 3600).setExpirationTime(now + Math.floor(expiresInMs / 1000))
      .sign(key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database.destroy();
  }
}
