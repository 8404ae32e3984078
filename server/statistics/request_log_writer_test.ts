import assert from "node:assert/strict";
import { type LoggedRequest, RequestLogRepository } from "../persistence/mod.ts";
import { memoryDatabase } from "../persistence/testing.ts";
import { REQUEST_OUTCOMES } from "../relay/observer.ts";
import { RequestLogWriter, type RequestLogWriterOptions } from "./request_log_writer.ts";
import { FakeStore, relayedRequest } from "./testing.ts";

function setup(options: Partial<RequestLogWriterOptions> = {}) {
  const store = new FakeStore<LoggedRequest>();
  const writer = new RequestLogWriter({ insertMany: store.write }, {
    outcomes: REQUEST_OUTCOMES,
    gatherMs: 5,
    ...options,
  });
  return { store, writer };
}

function end(writer: RequestLogWriter, count: number): string[] {
  const requests = Array.from({ length: count }, () => relayedRequest());
  for (const request of requests) writer.requestEnded(request);
  return requests.map(({ requestId }) => requestId);
}

Deno.test("RequestLogWriter writes what came within its time together, whole and in order", async () => {
  const { store, writer } = setup();
  const ids = end(writer, 3);
  await store.until(() => store.batches.length > 0);
  assert.deepEqual(store.batches.map((batch) => batch.map(({ id }) => id)), [ids]);
  await writer.close({ timeoutMs: 1_000 });
  assert.deepEqual([writer.buffered, writer.written, writer.dropped], [0, 3, 0]);
});

Deno.test("RequestLogWriter writes a full batch at once, and never more than 512 rows", async () => {
  const { store, writer } = setup({ gatherMs: 60_000 });
  const ids = end(writer, 1_200);
  await store.until(() => store.batches.length === 2);
  assert.deepEqual(store.batches.map((batch) => batch.length), [512, 512]);
  await writer.close({ timeoutMs: 1_000 });
  assert.deepEqual(store.rows.map(({ id }) => id), ids);
});

Deno.test("RequestLogWriter keeps what comes while it writes for the next batch", async () => {
  const { store, writer } = setup();
  const gate = Promise.withResolvers<void>();
  store.gate = gate.promise;
  const first = end(writer, 1);
  await store.until(() => store.attempts === 1);
  const second = end(writer, 2);
  gate.resolve();
  await store.until(() => store.rows.length === 3);
  assert.deepEqual(store.batches.map((batch) => batch.map(({ id }) => id)), [first, second]);
  await writer.close({ timeoutMs: 1_000 });
});

Deno.test("RequestLogWriter logs only the outcomes it is told", async () => {
  const { store, writer } = setup({ outcomes: ["failed", "errored"] });
  for (const outcome of REQUEST_OUTCOMES) writer.requestEnded(relayedRequest({ outcome }));
  await writer.close({ timeoutMs: 1_000 });
  assert.deepEqual(store.rows.map(({ outcome }) => outcome), ["failed", "errored"]);
});

Deno.test("RequestLogWriter writes a batch again when the database was away", async () => {
  const { store, writer } = setup();
  store.failures = 2;
  const ids = end(writer, 2);
  await store.until(() => store.batches.length > 0);
  assert.equal(store.attempts, 3);
  assert.deepEqual(store.rows.map(({ id }) => id), ids);
  await writer.close({ timeoutMs: 1_000 });
  assert.equal(writer.dropped, 0);
});

Deno.test("RequestLogWriter gives a batch up when the database stays away, and goes on with the next", async () => {
  const { store, writer } = setup({ patienceMs: 1 });
  store.failures = 1;
  end(writer, 2);
  await store.until(() => store.attempts === 1);
  const kept = end(writer, 1);
  await store.until(() => store.batches.length > 0);
  assert.deepEqual(store.rows.map(({ id }) => id), kept);
  await writer.close({ timeoutMs: 1_000 });
  assert.deepEqual([writer.written, writer.dropped], [1, 2]);
});

Deno.test("RequestLogWriter does not try what the database refuses again", async () => {
  const { store, writer } = setup();
  store.failures = 1;
  store.code = "query_failed";
  end(writer, 2);
  await store.until(() => store.attempts === 1);
  const kept = end(writer, 1);
  await store.until(() => store.batches.length > 0);
  assert.deepEqual(store.rows.map(({ id }) => id), kept);
  await writer.close({ timeoutMs: 1_000 });
  assert.deepEqual([store.attempts, writer.dropped], [2, 2]);
});

Deno.test("RequestLogWriter drops and counts what its buffer does not hold, and takes no time for it", async () => {
  const { store, writer } = setup({ maxBufferedRows: 200 });
  const gate = Promise.withResolvers<void>();
  store.gate = gate.promise;
  end(writer, 1_000);
  assert.deepEqual([writer.buffered, writer.dropped], [200, 800]);
  gate.resolve();
  await writer.close({ timeoutMs: 1_000 });
  assert.deepEqual([store.rows.length, writer.written, writer.dropped], [200, 200, 800]);
});

Deno.test("RequestLogWriter.close() gives up after its time, with a database that fails and with one that hangs", async () => {
  for (const hangs of [false, true]) {
    const { store, writer } = setup();
    const gate = Promise.withResolvers<void>();
    if (hangs) store.gate = gate.promise;
    else store.failures = Infinity;
    end(writer, 130);
    await writer.close({ timeoutMs: 20 });
    assert.deepEqual([writer.buffered, writer.written, writer.dropped], [0, 0, 130]);
    end(writer, 1);
    assert.equal(writer.dropped, 131);
    gate.resolve();
  }
});

Deno.test("RequestLogWriter writes every field that the repository reads", async () => {
  await using db = await memoryDatabase();
  const repository = new RequestLogRepository(db);
  const writer = new RequestLogWriter(repository, { outcomes: REQUEST_OUTCOMES });
  const request = relayedRequest({ errorCode: "connector_lost", outcome: "failed", policyReason: "rule 1" });
  const refused = relayedRequest({ tenantId: undefined, connectionId: undefined, errorCode: "tenant_unknown" });
  writer.requestEnded(request);
  writer.requestEnded(refused);
  await writer.close({ timeoutMs: 1_000 });
  const { requestId, traceId: _traceId, startedAtMs, tenant, ...same } = request;
  assert.deepEqual(await repository.findById(requestId), {
    ...same,
    id: requestId,
    startedAt: startedAtMs,
    tenantName: tenant,
  });
  const found = await repository.findById(refused.requestId);
  assert.deepEqual([found?.tenantId, found?.connectionId, found?.policyReason], [null, null, null]);
});
