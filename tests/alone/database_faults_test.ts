import assert from "node:assert/strict";
import { within } from "../testkit/deadline.ts";
import { assertAnswer, assertProblem, fetchToken, requestToken } from "../testkit/http.ts";
import { testLog } from "../testkit/log.ts";
import { polled } from "../testkit/polled.ts";
import { findPostgres, type TestPostgresDatabase } from "../testkit/postgres.ts";
import { findPostgresPrograms, PostgresCluster } from "../testkit/postgres_cluster.ts";
import { isRequired } from "../testkit/requirement.ts";
import { startServer, type TestServer } from "../testkit/server.ts";
import { type Site, startSite } from "../testkit/site.ts";
import { TcpRelay } from "../testkit/tcp_relay.ts";
import { TestDatabase } from "../testkit/tenants.ts";

const postgres = await findPostgres();

const UNAVAILABLE = { status: 503, code: "transport_unavailable" };
const LOST = { message: /^The database is unavailable/ };
const BACK = { message: /^The database answers again/ };

/** A site whose server reaches its database over a network that can break, and a way to the database beside it. */
interface FragileSite extends AsyncDisposable {
  readonly site: Site;
  readonly network: TcpRelay;
  readonly direct: TestDatabase;
}

async function startFragileSite(): Promise<FragileSite> {
  await using resources = new AsyncDisposableStack();
  const database = resources.use(await postgres.createDatabase());
  const { network, url } = await throughNetwork(database);
  resources.use(network);
  const direct = resources.use(await TestDatabase.open(database.url));
  const answer = () => new Response("hello");
  const site = resources.use(await startSite({ hello: answer }, { database: { url } }));
  const kept = resources.move();
  return { site, network, direct, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

async function throughNetwork(database: TestPostgresDatabase): Promise<{ network: TcpRelay; url: string }> {
  const url = new URL(database.url);
  const network = await TcpRelay.start({ hostname: url.hostname, port: Number(url.port || 5432) });
  url.hostname = "127.0.0.1";
  url.port = String(network.port);
  return { network, url: url.href };
}

/** Relays requests one after the other on several lines, until it is stopped, at the latest by disposing it. */
class Load implements AsyncDisposable {
  readonly #site: Site;
  readonly #token: string;
  readonly #lines: Promise<void>[];
  #isStopped = false;
  #count = 0;
  #waiters: { readonly count: number; readonly reached: () => void }[] = [];
  readonly failures: string[] = [];
  longestMs = 0;

  /** @param token Of a client of the tenant. */
  constructor(site: Site, token: string) {
    this.#site = site;
    this.#token = token;
    this.#lines = Array.from({ length: 4 }, () => this.#run());
  }

  /** Requests that were answered. */
  get count(): number {
    return this.#count;
  }

  /** Waits until so many more requests were answered. */
  async more(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.push({ count: this.#count + count, reached: resolve });
    const detail = () => this.failures.slice(0, 10).join("\n");
    await within(promise, { timeoutMs: 20_000, what: `${count} more requests`, detail });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#lines);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const startMs = performance.now();
      const answer = await this.#ask().catch((error) => `${error}`);
      this.longestMs = Math.max(this.longestMs, performance.now() - startMs);
      if (answer !== "200 hello") this.failures.push(answer);
      this.#count++;
      this.#waiters = this.#waiters.filter(({ count, reached }) => count > this.#count || reached());
    }
  }

  async #ask(): Promise<string> {
    const { server, tenant } = this.#site;
    const headers = { Authorization: `Bearer ${this.#token}` };
    const response = await server.relay(tenant, "hello", { headers });
    return `${response.status} ${await response.text()}`;
  }
}

async function databaseState(server: TestServer): Promise<[number, string, string]> {
  const response = await fetch(`${server.url}/health/ready`);
  const { status, database } = await response.json();
  assert.ok(Math.abs(Date.now() - Date.parse(database.since)) < 60_000);
  return [response.status, status, database.status];
}

/**
 * Waits until a server takes its database for available, or not. The log cannot be counted here: one that stops or starts answers on some
 * connections and not on others, so that it may be lost and back twice.
 */
async function untilDatabase(server: TestServer, expected: "available" | "unavailable"): Promise<void> {
  await polled(async () => (await (await fetch(`${server.url}/health/ready`)).json()).database.status, {
    until: (status) => status === expected,
    what: `a database that is ${expected}`,
    timeoutMs: 20_000,
  });
}

const FAULTS = {
  "ends all connections and refuses new ones": {
    begin: (network: TcpRelay) => network.cut(),
    end: (network: TcpRelay) => network.restore(),
  },
  "swallows everything without a word": {
    begin: (network: TcpRelay) => network.pause(),
    end: (network: TcpRelay) => network.resume(),
  },
};

for (const [fault, { begin, end }] of Object.entries(FAULTS)) {
  Deno.test({
    name: postgres.label(`relaying goes on while the way to the database ${fault}`),
    ignore: postgres.isSkipped,
    fn: async () => {
      await using parts = await startFragileSite();
      const { site: { server, tenant }, network, direct } = parts;
      const [lost, back] = [testLog.find(LOST).length + 1, testLog.find(BACK).length + 1];
      assert.deepEqual(await databaseState(server), [200, "ready", "available"]);
      await direct.updateTenant(tenant.id, { requireAuthentication: true });
      await using load = new Load(parts.site, await server.token(tenant, "client"));
      await load.more(50);

      await begin(network);
      await testLog.waitFor(LOST, { count: lost, timeoutMs: 20_000 });
      assert.deepEqual(await databaseState(server), [200, "ready", "unavailable"]);
      const unknown = await server.relay({ ...tenant, name: "nobody" }, "hello");
      assert.equal(unknown.headers.get("retry-after"), "5");
      await assertProblem(unknown, { ...UNAVAILABLE, notEchoed: ["nobody", "postgres"] });
      await load.more(200);

      const newcomer = await direct.createTenant();
      await end(network);
      await testLog.waitFor(BACK, { count: back, timeoutMs: 20_000 });
      assert.deepEqual(await databaseState(server), [200, "ready", "available"]);
      await assertProblem(await server.relay(newcomer, "hello"), { status: 503, code: "connector_unavailable" });
      await direct.updateTenant(tenant.id, { enabled: true, description: "changed since" });
      await load.more(200);
      await load.stop();
      assert.deepEqual(load.failures, []);
      assert.ok(load.longestMs < 5_000, `${load.longestMs} ms`);
    },
  });
}

const isClusterSkipped = findPostgresPrograms() === undefined && !isRequired("postgres");
Deno.test({
  name: `relaying goes on while PostgreSQL is stopped, killed and started again, and the request log has every request${
    isClusterSkipped ? " (skipped: PostgreSQL is not installed)" : ""
  }`,
  ignore: isClusterSkipped,
  fn: async () => {
    await using cluster = await PostgresCluster.start();
    await using site = await startSite({ hello: () => new Response("hello") }, { database: { url: cluster.url } });
    const { server, tenant } = site;
    await using load = new Load(site, await server.token(tenant, "client"));
    for (const end of ["stop", "kill"] as const) {
      await load.more(200);
      await cluster[end]();
      await untilDatabase(server, "unavailable");
      await load.more(500);
      await cluster.start();
      await untilDatabase(server, "available");
    }
    await load.stop();
    assert.deepEqual(load.failures, []);
    await server.relayServer.drain();
    const { count } = await server.database.handle.selectFrom("requests")
      .select(({ fn }) => fn.countAll<number>().as("count")).executeTakeFirstOrThrow();
    assert.equal(count, load.count);
  },
});

Deno.test({
  name: postgres.label("a token is refused with 503 while the database is away, and given again when it is back"),
  ignore: postgres.isSkipped,
  fn: async () => {
    await using parts = await startFragileSite();
    const { site: { server, tenant }, network } = parts;
    const [lost, back] = [testLog.find(LOST).length + 1, testLog.find(BACK).length + 1];
    const credentials = { clientId: tenant.name, clientSecret: tenant.clientSecret };
    await network.cut();
    await testLog.waitFor(LOST, { count: lost, timeoutMs: 20_000 });
    const refused = await requestToken(server.url, credentials);
    assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "5"]);
    assert.equal((await refused.json()).error, "temporarily_unavailable");
    await network.restore();
    await testLog.waitFor(BACK, { count: back, timeoutMs: 20_000 });
    assert.ok(await fetchToken(server.url, credentials));
  },
});

Deno.test({
  name: postgres.label("a server does not start without its database, and says why without its password"),
  ignore: postgres.isSkipped,
  fn: async () => {
    await using database = await postgres.createDatabase();
    const { network, url } = await throughNetwork(database);
    await network.cut();
    await assert.rejects(startServer({ database: { url: url.replace("postgres@", "postgres:hunter2@") } }), (error) => {
      assert.ok(error instanceof Error);
      assert.match(
        error.message,
        /^Cannot reach database "postgres:\/\/127\.0\.0\.1:\d+\/relay_test_\w+": .*ECONNREFUSED/,
      );
      assert.ok(!error.message.includes("hunter2"));
      return true;
    });
  },
});

Deno.test({
  name: postgres.label("two servers on one fresh database start at once and serve the same tenants"),
  ignore: postgres.isSkipped,
  fn: async () => {
    await using database = await postgres.createDatabase();
    const options = { database: { url: database.url } };
    const [one, two] = await Promise.all([startServer(options), startServer(options)]);
    await using _one = one;
    await using _two = two;
    const tenant = await one.database.createTenant();
    const token = await one.token(tenant, "client");
    const asked = await two.database.updateTenant(tenant.id, { requireAuthentication: true });
    assert.equal(asked?.version, 2);
    await assertProblem(await two.relay(tenant, "hello"), { status: 401, code: "authentication_required" });
    const authorization = { Authorization: `Bearer ${token}` };
    await assertProblem(await two.relay(tenant, "hello", { headers: authorization }), {
      status: 503,
      code: "connector_unavailable",
    });
  },
});

Deno.test({
  name: postgres.label("relay works on PostgreSQL"),
  ignore: postgres.isSkipped,
  fn: async () => {
    await using database = await postgres.createDatabase();
    await using site = await startSite({ hello: () => new Response("hello") }, { database: { url: database.url } });
    await assertAnswer(await site.server.relay(site.tenant, "hello"), { text: "hello" });
  },
});
