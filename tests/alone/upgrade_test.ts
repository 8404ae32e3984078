/**
 * Programs of the release before beside the present ones: frames, mail, tickets and schema understand each other, and an upgrade loses nothing.
 *
 * @module
 */

import assert from "node:assert/strict";
import { requireBalancer, startBalancer } from "../testkit/balancer.ts";
import { bodyOf, digest, digestOf } from "../testkit/bodies.ts";
import { answers } from "../testkit/cluster.ts";
import { Load, tellCounts } from "../testkit/load.ts";
import { findPostgres } from "../testkit/postgres.ts";
import { PreviousRelease, requireHistory } from "../testkit/previous_release.ts";
import { DataFolder, type ServerProcess, startConnectorProcess, startServerProcess } from "../testkit/programs.ts";
import { requireRabbitMq, TestBroker } from "../testkit/rabbitmq.ts";
import type { ServerOverrides } from "../testkit/server.ts";
import { closedPort, startTarget } from "../testkit/target.ts";
import type { TestTenant } from "../testkit/tenants.ts";

const BODY_BYTES = 8 << 20;

const rabbitmq = await requireRabbitMq();
const balancer = await requireBalancer();
const postgres = await findPostgres();
const history = await requireHistory();
const isSkipped = rabbitmq.isSkipped || history.isSkipped;
const broker = isSkipped ? undefined : await TestBroker.start();
const previous = isSkipped ? undefined : await PreviousRelease.checkOut();
Deno.test.afterAll(async () => {
  await broker?.[Symbol.asyncDispose]();
  await previous?.[Symbol.asyncDispose]();
});

const label = (name: string) => history.label(rabbitmq.label(name));
const RELEASES = ["previous", "present"] as const;
type Release = typeof RELEASES[number];

/** Where a release's `deno.json` is. */
function rootOf(release: Release): { readonly root: string | undefined } {
  return { root: release === "previous" ? previous!.root : undefined };
}

const transport: ServerOverrides = {
  transport: { type: "amqp", amqp: { urls: [broker?.url ?? ""], queueType: "classic" } },
};

/** Servers of the releases on one database that the release before made. The present one has brought it to its schema since, or is going to. */
class Scene implements AsyncDisposable {
  readonly folder: DataFolder;
  readonly servers: ServerProcess[];

  private constructor(folder: DataFolder, servers: ServerProcess[]) {
    this.folder = folder;
    this.servers = servers;
  }

  /**
   * @param starts How each server is started; those of the release before come first.
   * @param options Where the database is, if not in the folder, and whether it is brought to the present schema before servers of that release start.
   */
  static async start(
    starts: readonly (ServerOverrides & { readonly release: Release })[],
    options: { readonly databaseUrl?: string | undefined; readonly migrates?: boolean } = {},
  ): Promise<Scene> {
    const servers: ServerProcess[] = [];
    const start = async (path: string, release: Release) => {
      for (const { release: wanted, ...overrides } of starts) {
        if (wanted !== release) continue;
        servers.push(await startServerProcess({ path }, { ...transport, ...overrides }, rootOf(release)));
      }
    };
    const folder = await DataFolder.create({ prepare: (path) => start(path, "previous"), ...options });
    await start(folder.path, "present");
    return new Scene(folder, servers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.servers.map((server) => server.kill()));
    await this.folder[Symbol.asyncDispose]();
  }
}

/** What is posted comes back, or its digest; `/down` is large. */
async function target(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === "/down") return new Response(bodyOf(BODY_BYTES));
  return new Response(pathname === "/up" ? await digest(request.body) : await request.text());
}

async function checkBodies(server: ServerProcess, tenant: TestTenant): Promise<void> {
  const expected = await digestOf(BODY_BYTES);
  const down = await server.relay(tenant, "app/down");
  assert.equal(`${down.status} ${await digest(down.body)}`, `200 ${expected}`);
  const up = await server.relay(tenant, "app/up", { method: "POST", body: bodyOf(BODY_BYTES) });
  assert.equal(`${up.status} ${await up.text()}`, `200 ${expected}`);
}

/** Clients of one server; nothing may be lost or refused. */
async function checkLoad(what: string, server: ServerProcess, tenant: TestTenant): Promise<void> {
  await using load = new Load({ send: (text) => server.relay(tenant, "app", { method: "POST", body: text }) });
  await load.untilAnswered(200);
  const counts = await load.stop();
  tellCounts(what, counts);
  assert.deepEqual(load.losses, []);
  assert.equal(counts.answered, counts.sent, JSON.stringify(counts));
}

// The connector's origin first, then that of the client.
for (
  const [connector, ...servers] of [
    ["previous", "present", "present"],
    ["present", "previous", "previous"],
    ["previous", "previous", "present"],
    ["present", "present", "previous"],
  ] as const satisfies readonly (readonly [Release, Release, Release])[]
) {
  const [near, far] = servers;
  Deno.test({
    name: label(`a ${connector} connector at a ${near} server serves clients there and at a ${far} one`),
    ignore: isSkipped,
    async fn() {
      await using scene = await Scene.start([{ release: near }, { release: far }]);
      const isReversed = near === "present" && far === "previous";
      const [nearServer, farServer] = (isReversed ? scene.servers.toReversed() : scene.servers) as [
        ServerProcess,
        ServerProcess,
      ];
      const tenant = await scene.folder.database.createTenant();
      await using app = startTarget(target);
      await using _connector = await startConnectorProcess(nearServer, tenant, {
        folder: scene.folder,
        targets: { app: app.url, ping: { type: "ping" } },
        ...rootOf(connector),
      });
      for (const [place, server] of [["its own", nearServer], ["the other", farServer]] as const) {
        await answers(server, tenant, { path: "ping", status: 200 });
        await checkLoad(`${connector} connector, ${near} server, clients at ${place}`, server, tenant);
        await checkBodies(server, tenant);
      }
    },
  });
}

for (const kind of ["SQLite", "PostgreSQL"] as const) {
  const isPostgres = kind === "PostgreSQL";
  const name = label(`an upgrade of both servers and the connector on ${kind}, one after the other, loses no request`);
  Deno.test({
    name: balancer.label(isPostgres ? postgres.label(name) : name),
    ignore: isSkipped || balancer.isSkipped || (isPostgres && postgres.isSkipped),
    async fn() {
      await using database = isPostgres ? await postgres.createDatabase() : undefined;
      const ports = [closedPort(), closedPort()] as const;
      const options = (port: number) => ({
        port,
        shutdownDelay: "1s",
        drainTimeout: "10s",
        trustedProxies: ["127.0.0.1"],
        ...(database === undefined ? {} : { database: { url: database.url } }),
        ...transport,
      });
      // The first present server changes the schema, under load.
      await using scene = await Scene.start(ports.map((port) => ({ release: "previous", ...options(port) })), {
        databaseUrl: database?.url,
        migrates: false,
      });
      const { folder, servers } = scene;
      await using place = await startBalancer(balancer, ports);
      const tenant = await folder.database.createTenant();
      await using app = startTarget(target);
      const startConnector = (release: Release) =>
        startConnectorProcess(place, tenant, {
          folder,
          connections: 2,
          targets: { app: app.url, ping: { type: "ping" } },
          ...rootOf(release),
        });
      await using old = await startConnector("previous");
      for (const server of servers) await answers(server, tenant, { path: "ping", status: 200 });
      const url = `${place.url}/relay/${tenant.name}/app`;
      await using load = new Load({ clients: 8, send: (text) => fetch(url, { method: "POST", body: text }) });
      await load.untilAnswered(200);
      for (const index of [0, 1] as const) {
        const { code } = await servers[index]!.process.stop({ timeoutMs: 20_000 });
        assert.equal(code, 0, servers[index]!.process.output);
        servers[index] = await startServerProcess(folder, options(ports[index]));
        await place.untilUp(ports[index]);
        await load.untilAnswered(300);
      }
      await using _new = await startConnector("present");
      await load.untilAnswered(200);
      assert.equal((await old.stop()).code, 0);
      await load.untilAnswered(300);
      const counts = await load.stop();
      tellCounts(`upgrade of servers and connector behind Caddy, on ${kind}`, counts);
      assert.deepEqual(load.losses, [], place.output());
      assert.equal(counts.answered, counts.sent, JSON.stringify(counts));
    },
  });
}
