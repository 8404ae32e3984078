/**
 * Both kinds of issuers behind one interface, for the suite that runs on each: the built-in one, and a real OIDC authority.
 *
 * @module
 */

import type { JWK } from "jose";
import type { TenantSettings } from "../../server/persistence/mod.ts";
import { type HandSigned, TestAuthority } from "./authority.ts";
import { type ServerOverrides, startServer, type TestServer } from "./server.ts";
import type { TestTenant } from "./tenants.ts";

/** Who issues tokens. */
export interface TestIssuer extends AsyncDisposable {
  /** Starts a server whose tokens it issues. */
  startServer(overrides?: ServerOverrides): Promise<TestServer>;
  /** Adds a tenant that can get tokens. */
  createTenant(server: TestServer, settings?: Partial<TenantSettings>): Promise<TestTenant>;
  /** Gets a token as a connector or a client does. */
  token(server: TestServer, tenant: TestTenant, use: "connector" | "client"): Promise<string>;
  /** Signs a token as the issuer would, but for what is given. */
  sign(
    server: TestServer,
    tenant: TestTenant,
    changes: HandSigned & { scope: "connector" | "client" },
  ): Promise<string>;
  /** Has it sign with a new key. */
  rotate(server: TestServer): Promise<void>;
  /** The key that its tokens are verified with. */
  publicKey(server: TestServer): Promise<JWK>;
}

/** The issuers by name; each call makes one for one test. */
export const ISSUERS: Readonly<Record<string, () => Promise<TestIssuer>>> = {
  "built-in issuer": () => Promise.resolve(BUILTIN),
  "OIDC authority": async () => new ExternalIssuer(await TestAuthority.start()),
};

const BUILTIN: TestIssuer = {
  startServer: (overrides) => startServer(overrides),
  createTenant: (server, settings) => server.database.createTenant(settings),
  token: (server, tenant, use) => server.token(tenant, use),
  sign: (server, tenant, changes) => server.database.signToken(tenant, changes),
  rotate: (server) => server.database.rotateSigningKey(),
  publicKey: (server) => server.database.publicKey(),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

class ExternalIssuer implements TestIssuer {
  readonly #authority: TestAuthority;

  constructor(authority: TestAuthority) {
    this.#authority = authority;
  }

  async startServer(overrides: ServerOverrides = {}): Promise<TestServer> {
    return await startServer({ ...overrides, auth: { issuer: this.#authority.url, ...overrides.auth } });
  }

  async createTenant(server: TestServer, settings: Partial<TenantSettings> = {}): Promise<TestTenant> {
    const tenant = await server.database.createTenant(settings);
    this.#authority.register({ id: tenant.name, secret: tenant.connectorSecret });
    return { ...tenant, clientSecret: tenant.connectorSecret };
  }

  async token(_server: TestServer, { name }: TestTenant, use: "connector" | "client"): Promise<string> {
    return await this.#authority.token(name, use);
  }

  async sign(
    _server: TestServer,
    { name }: TestTenant,
    { scope, ...changes }: HandSigned & { scope: "connector" | "client" },
  ): Promise<string> {
    return await this.#authority.sign(name, scope, changes);
  }

  async rotate(): Promise<void> {
    await this.#authority.rotate();
  }

  async publicKey(): Promise<JWK> {
    const [key = {}] = await this.#authority.publicKeys();
    return key;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#authority[Symbol.asyncDispose]();
  }
}
