import assert from "node:assert/strict";
import { getLogger } from "../log/mod.ts";
import { runService, type Service } from "./run_service.ts";
import { testIo } from "./testing.ts";

class FakeService implements Service {
  readonly #finished = Promise.withResolvers<void>();
  readonly draining = Promise.withResolvers<void>();
  readonly drained = Promise.withResolvers<void>();
  readonly finished = this.#finished.promise;
  readonly started = Promise.withResolvers<void>();
  drains = 0;

  start(): Promise<void> {
    return this.started.promise;
  }

  drain(): Promise<void> {
    this.drains++;
    this.draining.resolve();
    return this.drained.promise;
  }

  end(error?: Error): void {
    if (error === undefined) this.#finished.resolve();
    else this.#finished.reject(error);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

function start({ isStarted = true } = {}) {
  const service = new FakeService();
  if (isStarted) service.started.resolve();
  const io = testIo();
  const ready = Promise.withResolvers<void>();
  const logger = getLogger(["test"]);
  const code = runService(service, { io, logger, onReady: ready.resolve });
  return { service, io, code, ready: ready.promise };
}

Deno.test("runService() drains at the first signal and ends with 0", async () => {
  const { service, io, code } = start();
  io.terminate();
  await service.draining.promise;
  service.end();
  service.drained.resolve();
  assert.equal(await code, 0);
  assert.equal(service.drains, 1);
});

Deno.test("runService() ends at once with 1 at the second signal", async () => {
  const { service, io, code } = start();
  io.terminate();
  await service.draining.promise;
  io.terminate();
  assert.equal(await code, 1);
  assert.equal(service.drains, 1);
});

Deno.test("runService() ends with 1 when the service ends unasked", async () => {
  const { service, code } = start();
  service.end();
  assert.equal(await code, 1);
});

Deno.test("runService() ends with 1 when the service fails", async () => {
  const { service, code } = start();
  service.end(new Error("broken"));
  assert.equal(await code, 1);
});

Deno.test("runService() ends with 1 when the drain fails", async () => {
  const { service, io, code } = start();
  io.terminate();
  service.drained.reject(new Error("broken"));
  assert.equal(await code, 1);
});

Deno.test("runService() takes signals from before it says that the service is ready", async () => {
  const { service, io, code, ready } = start({ isStarted: false });
  io.terminate();
  service.started.resolve();
  await ready;
  await service.draining.promise;
  service.drained.resolve();
  assert.equal(await code, 0);
});

Deno.test("runService() ends with 1 at the second signal while the service still starts", async () => {
  const { service, io, code } = start({ isStarted: false });
  io.terminate();
  io.terminate();
  assert.equal(await code, 1);
  assert.equal(service.drains, 0);
});

Deno.test("runService() throws what the start throws", async () => {
  const { service, code } = start({ isStarted: false });
  service.started.reject(new Error("Cannot listen"));
  await assert.rejects(code, /Cannot listen/);
});
