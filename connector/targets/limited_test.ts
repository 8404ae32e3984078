import assert from "node:assert/strict";
import { RelayError } from "../../shared/errors/relay_error.ts";
import type { RelayRequest, RelayResponse } from "../../shared/http/message.ts";
import { LimitedTarget } from "./limited.ts";
import type { Target, TargetContext } from "./target.ts";
import { bytes, relayRequest, streamOf, targetContext, textOf } from "./testkit.ts";

/** A target whose calls wait until the test answers them. */
class HeldTarget implements Target {
  readonly calls: { readonly path: string; readonly settle: PromiseWithResolvers<RelayResponse> }[] = [];

  handle({ path }: RelayRequest, { signal }: TargetContext): Promise<RelayResponse> {
    const settle = Promise.withResolvers<RelayResponse>();
    signal.addEventListener("abort", () => settle.reject(signal.reason));
    this.calls.push({ path, settle });
    return settle.promise;
  }

  answer(index: number, body: RelayResponse["body"] = null): void {
    this.calls[index]!.settle.resolve({ status: 200, headers: [], body });
  }
}

function limited(maximumConcurrentRequests: number, timeoutMs = 10_000) {
  const held = new HeldTarget();
  const target = new LimitedTarget(held, { maximumConcurrentRequests, timeoutMs });
  const call = (path: string, signal?: AbortSignal) =>
    target.handle(relayRequest({ path }), targetContext(signal === undefined ? {} : { signal }));
  return { held, target, call, [Symbol.asyncDispose]: () => target[Symbol.asyncDispose]() };
}

/** Lets promises that are settled run on. */
async function turn(): Promise<void> {
  for (let count = 0; count < 20; count++) await Promise.resolve();
}

Deno.test("LimitedTarget passes on as many as allowed, the others in turn", async () => {
  await using test = limited(2);
  const responses = ["/a", "/b", "/c", "/d"].map((path) => test.call(path));
  await turn();
  assert.deepEqual([test.target.running, test.target.waiting, test.target.isIdle], [2, 2, false]);
  test.held.answer(1);
  await responses[1];
  await turn();
  assert.deepEqual(test.held.calls.map(({ path }) => path), ["/a", "/b", "/c"]);
  test.held.answer(0);
  await turn();
  test.held.answer(2);
  test.held.answer(3);
  await Promise.all(responses);
  assert.deepEqual([test.target.running, test.target.waiting, test.target.isIdle], [0, 0, true]);
});

Deno.test("LimitedTarget counts a response until its last byte, its error or its end", async () => {
  const ends: Readonly<
    Record<string, (response: RelayResponse, controller: ReadableStreamDefaultController) => unknown>
  > = {
    "last byte": async (response, controller) => {
      controller.enqueue(bytes("x"));
      controller.close();
      assert.equal(await textOf(response), "x");
    },
    "error": async (response, controller) => {
      controller.error(new Error("broken"));
      await assert.rejects(textOf(response), /broken/);
    },
    "error that nobody reads": (_response, controller) => controller.error(new Error("broken")),
    "cancel": async (response) => await streamOf(response).cancel("enough"),
  };
  for (const [what, end] of Object.entries(ends)) {
    await using test = limited(1);
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    const stream = new ReadableStream<Uint8Array>({ start: (started) => void (controller = started) });
    const first = test.call("/a");
    const second = test.call("/b");
    await turn();
    test.held.answer(0, { stream });
    const response = await first;
    await turn();
    assert.equal(test.held.calls.length, 1, what);
    await end(response, controller);
    await turn();
    assert.equal(test.held.calls.length, 2, what);
    test.held.answer(1);
    await second;
    assert.equal(test.target.isIdle, true);
  }
});

Deno.test("LimitedTarget gives the place on when a call fails", async () => {
  await using test = limited(1);
  const first = test.call("/a");
  const second = test.call("/b");
  await turn();
  test.held.calls[0]!.settle.reject(new RelayError("target_unreachable", "x"));
  await assert.rejects(first, { code: "target_unreachable" });
  await turn();
  test.held.answer(1);
  await second;
});

Deno.test("LimitedTarget refuses with overloaded what waits too long, and what finds too many waiting", async () => {
  await using test = limited(1, 50);
  const running = test.call("/a");
  let isCancelled = false;
  const stream = new ReadableStream<Uint8Array>({ cancel: () => void (isCancelled = true) });
  const late = test.target.handle(relayRequest({ method: "POST", body: { stream } }), targetContext());
  await assert.rejects(late, { name: "RelayError", code: "overloaded" });
  assert.equal(isCancelled, true);
  const waiting = Array.from({ length: 101 }, () => test.call("/w"));
  const [last] = waiting.slice(-1);
  await assert.rejects(last!, { code: "overloaded", message: /too many/ });
  assert.equal((await Promise.allSettled(waiting)).filter(({ status }) => status === "rejected").length, 101);
  assert.equal(test.held.calls.length, 1);
  test.held.answer(0);
  await running;
});

Deno.test("LimitedTarget lets a request go whose client left, before its turn and after", async () => {
  await using test = limited(1);
  const leaving = new AbortController();
  const running = test.call("/a");
  const waiting = test.call("/b", leaving.signal);
  await turn();
  leaving.abort(new Error("left"));
  await assert.rejects(waiting, /left/);
  await assert.rejects(test.call("/c", leaving.signal), /left/);
  assert.equal(test.target.waiting, 0);
  test.held.answer(0);
  await running;
  assert.equal(test.held.calls.length, 1);
});
