/**
 * Tenants, secrets and tokens of a server under test, made in its database.
 *
 * @module
 */

import { exportJWK, generateKeyPair, importJWK, type JWK, type JWTHeaderParameters, SignJWT } from "jose";
import { generateApiKey, generateSecret, hashSecret } from "../../server/auth/mod.ts";
import {
  ApiKeyRepository,
  type AuditEntry,
  AuditRepository,
  type Database,
  migrateToLatest,
  openDatabase,
  RecordingRepository,
  type Role,
  type Secret,
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
  readonly key?: CryptoKey | Uint8Array;
  /** Claims instead of, or beside, those above. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Partial<JWTHeaderParameters>;
}

/** Writes into the database of a server, beside it. */
export class TestDatabase implements AsyncDisposable {
  readonly #database: Database;
  readonly #tenants: TenantRepository;
  readonly #secrets: SecretRepository;
  #made = 0;

  /** Recordings as they are in the database. */
  get recordings(): RecordingRepository {
    return new RecordingRepository(this.#database, Date.now);
  }

  /** The messages of all recorded requests, as they are in the database. */
  async recordedRows(): Promise<string[]> {
    const rows = await this.#database.selectFrom("recorded_requests").selectAll().execute();
    return rows.map((row) => JSON.stringify(row).replaceAll('\\"', '"'));
  }

  private constructor(database: Database) {
    this.#database = database;
    this.#tenants = new TenantRepository(database, Date.now);
    this.#secrets = new SecretRepository(database, Date.now);
  }

  /** @param options `migrates` says whether it is brought to the present schema; true unless given. */
  static async open(url: string, { migrates = true }: { readonly migrates?: boolean } = {}): Promise<TestDatabase> {
    const database = openDatabase({ url });
    if (migrates) await migrateToLatest(database);
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

  /** Adds a key for the management API. */
  async addApiKey(role: Role): Promise<string> {
    const value = generateApiKey();
    const name = `key-${crypto.randomUUID()}`;
    const hash = await hashSecret(value);
    await new ApiKeyRepository(this.#database, Date.now).insert({ name, hash, role, expiresAt: null });
    return value;
  }

  async updateTenant(id: string, settings: Partial<TenantSettings>): Promise<Tenant | undefined> {
    return await this.#tenants.update(id, settings);
  }

  /** A tenant's secrets, oldest first. */
  async listSecrets(tenantId: string): Promise<Secret[]> {
    return await this.#secrets.listByTenant(tenantId);
  }

  async removeSecret(tenantId: string, id: string): Promise<void> {
    await this.#secrets.remove(tenantId, id);
  }

  /** Entries of the audit for an action, newest first. */
  async findAudit(action: string): Promise<AuditEntry[]> {
    return (await new AuditRepository(this.#database, Date.now).find({ filter: { action } })).results;
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
    return await new SignJWT({
      client_id: tenant.name,
      tenant_id: tenant.id,
      scope,
      iss: issuer,
      sub: tenant.id,
      aud: audience,
      jti: crypto.randomUUID(),
      iat: now - 3600,
      nbf: now - 3600,
      exp: now + Math.floor(expiresInMs / 1000),
      ...changes.claims,
    }).setProtectedHeader({ alg: newest.algorithm, typ: "at+jwt", kid, ...changes.header }).sign(key);
  }

  /** Adds a signing key, as another server on the same database would: from now on it is the newest. */
  async rotateSigningKey(): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
    const kid = crypto.randomUUID();
    await new SigningKeyRepository(this.#database).insert({
      kid,
      algorithm: "ES256",
      privateJwk: JSON.stringify({ ...await exportJWK(privateKey), kid }),
      publicJwk: JSON.stringify({ ...await exportJWK(publicKey), kid }),
      createdAt: Date.now() + 1,
    });
  }

  /** The public half of the newest signing key. */
  async publicKey(): Promise<JWK> {
    const [newest] = await new SigningKeyRepository(this.#database).list();
    return JSON.parse(newest?.publicJwk ?? "{}");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database.destroy();
  }
}
