/** Bodies of stored requests in a bucket that is away for a while. */

import assert from "node:assert/strict";
import S3rver from "s3rver";
import { type StoredRequest, StoredRequestRepository } from "../server/persistence/mod.ts";
import { startConnector } from "./testkit/connector.ts";
import { within } from "./testkit/deadline.ts";
import { polled } from "./testkit/polled.ts";
import { startServer, type TestServer } from "./testkit/server.ts";
import { closedPort } from "./testkit/target.ts";
import type { TestTenant } from "./testkit/tenants.ts";

const BODY = "x".repeat(100_000);
/** Without a folder: s3rver takes a folder away with the last object in it, also while another is being put there. */
const ACCESS = { bucket: "bodies", prefix: "body-", accessKeyId: "S3RVER", secretAccessKey: "S3RVER" };

/** An S3 server that can be stopped and started, and keeps its bucket. */
async function startBucket() {
  const directory = await Deno.makeTempDir({ prefix: "relayserver-s3-" });
  const port = closedPort();
  const configureBuckets = [{ name: ACCESS.bucket, configs: [] }];
  let running: S3rver | undefined;
  const bucket = {
    endpoint: `http://127.0.0.1:${port}`,
    async start() {
      running = new S3rver({ address: "127.0.0.1", port, directory, silent: true, configureBuckets });
      await running.run();
    },
    async stop() {
      const closed = running?.close();
      // It would wait for connections that are only kept open.
      running?.httpServer?.closeAllConnections();
      await closed;
      running = undefined;
    },
    async [Symbol.asyncDispose]() {
      await bucket.stop();
      await Deno.remove(directory, { recursive: true });
    },
  };
  await bucket.start();
  return bucket;
}

async function enqueue(server: TestServer, tenant: TestTenant): Promise<string> {
  const response = await fetch(`${server.url}/queue/${tenant.name}/app`, { method: "POST", body: BODY });
  await response.body?.cancel();
  return `${response.status} ${response.headers.get("RelayServer-Error") ?? ""}`.trimEnd();
}

/** Waits until what a tenant has stored is as it should be. */
async function stored(
  server: TestServer,
  tenant: TestTenant,
  isExpected: (requests: readonly StoredRequest[]) => boolean,
): Promise<void> {
  const repository = new StoredRequestRepository(server.database.handle);
  const read = async () => (await repository.list(tenant.id, { states: ["waiting"], skip: 0, take: 9 })).results;
  await polled(read, { until: isExpected, what: "stored requests as expected" });
}

Deno.test("while S3 is away nothing is accepted that cannot be stored, and nothing is lost that was", async () => {
  await using bucket = await startBucket();
  await using server = await startServer({ bodyStore: { type: "s3", s3: { ...ACCESS, endpoint: bucket.endpoint } } });
  const tenant = await server.database.createTenant();
  assert.equal(await enqueue(server, tenant), "202");
  await bucket.stop();
  assert.equal(await enqueue(server, tenant), "503 body_store_unavailable");
  const got = Promise.withResolvers<{ readonly text: string; readonly mark: string | null }>();
  const app = async (request: Request) => {
    got.resolve({ text: await request.text(), mark: request.headers.get("RelayServer-Redelivered") });
    return new Response();
  };
  await using _connector = await startConnector(server, tenant, { targets: { app } });
  await stored(server, tenant, ([request]) => request?.lastError?.startsWith("body_store_unavailable") === true);
  await bucket.start();
  assert.deepEqual(await within(got.promise, { timeoutMs: 15_000, what: "the request" }), { text: BODY, mark: null });
  await stored(server, tenant, (requests) => requests.length === 0);
});
