import assert from "node:assert/strict";
import { startConnector } from "./testkit/connector.ts";
import { assertAnswer, assertProblem } from "./testkit/http.ts";
import { polled } from "./testkit/polled.ts";
import { DataFolder, type ServerProcess, startConnectorProcess, startServerProcess } from "./testkit/programs.ts";
import { Gate, startTarget } from "./testkit/target.ts";
import { connectTcp, headerValue } from "./testkit/tcp.ts";

async function health(url: string): Promise<string> {
  const response = await fetch(`${url}/health/ready`);
  return `${response.status} ${(await response.json()).status}`;
}

/** Waits until so many requests are under way. */
async function untilInFlight({ managementUrl }: ServerProcess, count: number): Promise<void> {
  const read = async () => {
    const text = await (await fetch(`${managementUrl}/metrics`)).text();
    return /^relay_requests_in_flight (\d+)$/m.exec(text)?.[1];
  };
  await polled(read, { until: (inFlight) => inFlight === String(count), what: `${count} requests in flight` });
}

/** Asks a process to stop, and waits until it says that it does. */
async function askToStop({ process }: Pick<ServerProcess, "process">): Promise<void> {
  Deno.kill(process.pid, "SIGTERM");
  await process.waitForLine(/Draining/);
}

/** An application that answers when its gate is open. */
function held(text: string) {
  const gate = new Gate();
  const app = async () => {
    await gate.pass();
    return new Response(text);
  };
  return { gate, app };
}

Deno.test("a server that is asked to stop finishes what runs, refuses the rest, and ends with 0", async () => {
  await using folder = await DataFolder.create();
  await using server = await startServerProcess(folder);
  const tenant = await folder.database.createTenant();
  const { gate, app } = held("finished");
  await using _connector = await startConnector(server, tenant, { targets: { app } });
  assert.equal(await health(server.url), "200 ready");
  const running = server.relay(tenant, "app");
  await gate.reached;
  await askToStop(server);
  assert.equal(await health(server.url), "503 draining");
  assert.equal(await health(server.managementUrl), "503 draining");
  assert.equal((await fetch(`${server.url}/health/live`)).status, 200);
  await assertProblem(await server.relay(tenant, "app"), { status: 503, code: "draining" });
  await assertProblem(await fetch(`${server.url}/connector`), { status: 503, code: "draining" });
  gate.open();
  await assertAnswer(await running, { text: "finished" });
  assert.equal((await server.process.status).code, 0);
});

Deno.test("a request that was let in before a server stops is delivered, though its body still arrives", async () => {
  await using folder = await DataFolder.create();
  await using server = await startServerProcess(folder);
  const tenant = await folder.database.createTenant();
  const app = async (request: Request) => new Response(await request.text());
  await using _connector = await startConnector(server, tenant, { targets: { app } });
  // The connector is known by now, and so is its tenant.
  await assertAnswer(await server.relay(tenant, "app", { method: "POST", body: "first" }), { text: "first" });
  using client = await connectTcp(server.port);
  await client.send(`POST /relay/${tenant.name}/app HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello`);
  await untilInFlight(server, 1);
  await askToStop(server);
  assert.equal(await health(server.url), "503 draining");
  await client.send("world");
  const answer = await client.readResponse();
  assert.equal(`${answer.status} ${new TextDecoder().decode(answer.body)}`, "200 helloworld");
  assert.equal(headerValue(answer, "connection")?.toLowerCase(), "close");
  assert.equal((await server.process.status).code, 0);
});

Deno.test("a server with a shutdown delay says unready and still serves", async () => {
  await using folder = await DataFolder.create();
  await using server = await startServerProcess(folder, { shutdownDelay: "2s" });
  const tenant = await folder.database.createTenant();
  await using _connector = await startConnector(server, tenant, { targets: { app: () => new Response("served") } });
  await askToStop(server);
  assert.equal(await health(server.url), "503 draining");
  await assertAnswer(await server.relay(tenant, "app"), { text: "served" });
  assert.equal((await server.process.status).code, 0);
});

Deno.test("a server whose drain takes too long cuts off what runs", async () => {
  await using folder = await DataFolder.create();
  await using server = await startServerProcess(folder, { drainTimeout: "300ms" });
  const tenant = await folder.database.createTenant();
  const { gate, app } = held("too late");
  await using _connector = await startConnector(server, tenant, { targets: { app } });
  const running = server.relay(tenant, "app");
  await gate.reached;
  await askToStop(server);
  await assertProblem(await running, { status: 502, code: "connector_lost" });
  assert.equal((await server.process.status).code, 0);
  gate.open();
});

Deno.test("a second signal ends a server at once, with 1", async () => {
  await using folder = await DataFolder.create();
  await using server = await startServerProcess(folder, { drainTimeout: "1m" });
  const tenant = await folder.database.createTenant();
  const { gate, app } = held("too late");
  await using _connector = await startConnector(server, tenant, { targets: { app } });
  const running = server.relay(tenant, "app").then((response) => response.status, () => "broken off");
  await gate.reached;
  await askToStop(server);
  // Within half a second it would be the same signal again, as Ctrl-C under a task runner is.
  await new Promise((resolve) => setTimeout(resolve, 600));
  Deno.kill(server.process.pid, "SIGTERM");
  assert.equal((await server.process.status).code, 1);
  assert.notEqual(await running, 200);
  gate.open();
});

Deno.test("a connector that is asked to stop finishes what runs, leaves, and ends with 0", async () => {
  await using folder = await DataFolder.create();
  await using server = await startServerProcess(folder, { connectionGrace: "0s" });
  const tenant = await folder.database.createTenant();
  const gate = new Gate();
  await using target = startTarget(async () => {
    await gate.pass();
    return new Response("finished");
  });
  await using connector = await startConnectorProcess(server, tenant, { folder, targets: { web: target.url } });
  const running = server.relay(tenant, "web");
  await gate.reached;
  await askToStop({ process: connector });
  gate.open();
  await assertAnswer(await running, { text: "finished" });
  assert.equal((await connector.status).code, 0);
  await server.process.waitForLine(/ disconnected: /);
  await assertProblem(await server.relay(tenant, "web"), { status: 503, code: "connector_unavailable" });
});

Deno.test("a rolling stop of one of two connectors loses nothing", async () => {
  await using folder = await DataFolder.create();
  await using server = await startServerProcess(folder);
  const tenant = await folder.database.createTenant();
  const options = { folder, targets: { ping: { type: "ping" } } };
  await using leaving = await startConnectorProcess(server, tenant, options);
  await using _staying = await startConnectorProcess(server, tenant, options);
  let isOver = false;
  let count = 0;
  const workers = Array.from({ length: 8 }, async () => {
    while (!isOver) {
      const response = await server.relay(tenant, "ping");
      assert.equal(response.status, 200, await response.text());
      count++;
    }
  });
  assert.equal((await leaving.stop()).code, 0);
  isOver = true;
  await Promise.all(workers);
  assert.ok(count > 0);
});
