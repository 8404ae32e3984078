/**
 * Management on a database of its own, without a listener, for tests.
 *
 * @module
 */

import { ApiKeys, generateApiKey, hashSecret, LoginThrottle, Passwords, Sessions, SetupCode } from "../auth/mod.ts";
import { ManagementAnswer } from "../../tests/testkit/management_answer.ts";
import type { DocumentOf } from "../../tests/testkit/management_documents.ts";
import { findPostgres } from "../../tests/testkit/postgres.ts";
import type { ListenerRequest } from "../listener/listener.ts";
import { type Database, migrateToLatest, openDatabase, type Role } from "../persistence/mod.ts";
import { memoryDatabase } from "../persistence/testing.ts";
import type { ConnectionEntry } from "./connection_service.ts";
import { createManagement, type Management } from "./management.ts";
import type { FinishedRequestDocument } from "./request_log_service.ts";
import type { SentAnswer, SentRequest } from "./request_sender.ts";
import { createStore, type Store } from "./store.ts";

const postgres = await findPostgres();

/** What the tests' passwords cost; more would only take time. */
const CHEAP = { logN: 4, r: 1, p: 1 };

const HEARTBEAT_MS = 50;

/** A password that the rules allow. */
export const PASSWORD = "correct horse battery";

/** How a call differs from a plain one. */
export interface CallOptions {
  /** Whose key it carries; none when null, an administrator's unless given. */
  readonly as?: Role | null;
  /** A document to send. */
  readonly json?: unknown;
  /** A body as it is. */
  readonly body?: BodyInit;
  readonly headers?: Record<string, string>;
}

/** What an event says of a request. */
export function finishedRequest(): FinishedRequestDocument {
  return {
    requestId: crypto.randomUUID(),
    tenantId: crypto.randomUUID(),
    tenantName: "acme",
    originId: crypto.randomUUID(),
    connectionId: crypto.randomUUID(),
    started: new Date().toISOString(),
    durationMs: 12.5,
    target: "erp",
    method: "GET",
    path: "/orders/1",
    clientAddress: "192.0.2.1",
    status: 200,
    outcome: "succeeded",
    errorCode: undefined,
    policyReason: undefined,
    requestBytes: 1,
    relayedRequestBytes: 2,
    responseBytes: 3,
    relayedResponseBytes: 4,
    waitedMs: 1.5,
    tunnelMs: 0.5,
    targetMs: 2.25,
    deliveries: 1,
  };
}

/** Management and its surroundings. */
export class ManagementSite implements AsyncDisposable {
  readonly store: Store;
  readonly management: Management;
  /** What the tenant events told, in their order. */
  readonly told: string[] = [];
  /** Who is connected. */
  readonly connections: ConnectionEntry[] = [];
  /** Requests that were sent to targets. */
  readonly sent: SentRequest[] = [];
  /** What comes back for them. */
  answer: SentAnswer = {
    requestId: "22222222-2222-4222-8222-222222222222",
    status: 200,
    headers: [["Content-Type", "text/plain"]],
    body: new TextEncoder().encode("answer"),
    sizeBytes: 6,
    isCut: false,
    isComplete: true,
    errorCode: null,
    times: { waitMs: 1, tunnelMs: 2, targetMs: 3, bodyMs: 4, totalMs: 10 },
    connection: { id: "33333333-3333-4333-8333-333333333333", machineName: "machine", version: "0.1.0" },
  };
  /** With it the first user is made. */
  readonly setupCode = new SetupCode({ made: (code) => this.told.push(`setup ${code}`) });
  readonly #database: Database;
  readonly #keys = new Map<Role, string>();

  private constructor(database: Database) {
    const now = Date.now;
    this.#database = database;
    const store = this.store = createStore(database, now);
    const apiKeys = new ApiKeys({ store: store.apiKeys, now });
    const passwords = new Passwords(CHEAP);
    const throttle = new LoginThrottle({ now });
    const sessions = new Sessions({ users: store.users, sessions: store.sessions, passwords, throttle, now });
    this.management = createManagement({
      store,
      directory: {
        list: (tenantId) => Promise.resolve(this.connections.filter((entry) => entry.tenantId === tenantId)),
        count: (tenantId) => this.connections.filter((entry) => entry.tenantId === tenantId).length,
        ping: (_tenantId, id) => Promise.resolve(this.connections.some((entry) => entry.id === id) ? 1.5 : undefined),
        tenantIds: () => new Set(this.connections.map(({ tenantId }) => tenantId)),
        disconnect: (_tenantId, id) => {
          const index = this.connections.findIndex((entry) => entry.id === id);
          return Promise.resolve(index !== -1 && this.connections.splice(index, 1).length === 1);
        },
      },
      tenantEvents: [{
        tenantChanged: (tenantId) => this.told.push(`changed ${tenantId}`),
        tenantRemoved: (tenantId) => this.told.push(`removed ${tenantId}`),
        secretRemoved: (tenantId, secretId) => this.told.push(`secret removed ${tenantId} ${secretId}`),
      }],
      hashPassword: (password) => passwords.hash(password),
      apiKeyRemoved: (id) => apiKeys.forget(id),
      recording: {
        recordingsChanged: () => {
          this.told.push("recordings changed");
          return Promise.resolve();
        },
        limits: { maxDurationMs: 3_600_000, maxRequests: 100, maxBytes: 1_000_000 },
        address: { publicUrl: "https://relay.example.com", scheme: "https" },
      },
      sender: {
        send: (request) => {
          this.sent.push(request);
          return Promise.resolve(this.answer);
        },
      },
      credentials: { apiKeys, sessions },
      heartbeatMs: HEARTBEAT_MS,
      clientAddress: ({ peerAddress }) => peerAddress,
      isSecure: ({ headers }) => headers.some(([name, value]) => name === "x-forwarded-proto" && value === "https"),
      originId: crypto.randomUUID(),
      setupCode: this.setupCode,
      components: () => [],
      publicUrl: () => "http://localhost:8080",
      now,
    });
  }

  /** @param database A migrated one, which is destroyed in the end; one in memory unless given. */
  static async open(database?: Database): Promise<ManagementSite> {
    const site = new ManagementSite(database ?? await memoryDatabase());
    for (const role of ["reader", "writer", "admin"] as const) site.#keys.set(role, await site.addKey(role));
    return site;
  }

  /** Makes an API key and tells its value. */
  async addKey(role: Role, { expiresAt = null }: { readonly expiresAt?: number | null } = {}): Promise<string> {
    const value = generateApiKey();
    const name = `${role} ${crypto.randomUUID()}`;
    await this.store.apiKeys.insert({ name, role, hash: await hashSecret(value), expiresAt });
    return value;
  }

  /** Calls the API. */
  async call<Method extends string, Path extends string>(
    method: Method,
    path: Path,
    options: CallOptions = {},
  ): Promise<ManagementAnswer<DocumentOf<`${Method} ${Path}`>>> {
    return await ManagementAnswer.read(await this.fetch(method, path, options));
  }

  /** Calls the API and leaves the answer's body unread. */
  async fetch(
    method: string,
    path: string,
    { as = "admin", json, body, headers }: CallOptions = {},
  ): Promise<Response> {
    const sent = new Headers({ Host: "localhost:8081" });
    if (as !== null) sent.set("Api-Key", this.#keys.get(as)!);
    if (json !== undefined) sent.set("Content-Type", "application/json");
    for (const [name, value] of Object.entries(headers ?? {})) sent.set(name, value);
    const content = json === undefined ? body : JSON.stringify(json);
    const request = new Request(`http://localhost:8081${path}`, {
      method,
      headers: sent,
      ...(content === undefined ? {} : { body: content, duplex: "half" }),
    });
    const incoming = { peerAddress: "192.0.2.7", headers: [...sent] } as unknown as ListenerRequest;
    return await this.management.api.fetch(request, { incoming });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.management[Symbol.dispose]();
    await this.#database.destroy();
  }
}

/** Registers a test of management on a database in memory. */
export function managementTest(name: string, run: (site: ManagementSite) => Promise<void>): void {
  Deno.test(name, () => runOn(undefined, run));
}

/** Registers a test of management for each kind of database. */
export function managementTestOnDatabases(name: string, run: (site: ManagementSite) => Promise<void>): void {
  managementTest(`${name} (SQLite)`, run);
  Deno.test({
    name: postgres.label(`${name} (PostgreSQL)`),
    ignore: postgres.isSkipped,
    fn: async () => {
      await using database = await postgres.createDatabase();
      const db = openDatabase({ url: database.url });
      await migrateToLatest(db);
      await runOn(db, run);
    },
  });
}

async function runOn(db: Database | undefined, run: (site: ManagementSite) => Promise<void>): Promise<void> {
  await using site = await ManagementSite.open(db);
  await run(site);
}
