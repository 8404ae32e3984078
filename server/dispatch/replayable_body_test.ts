import assert from "node:assert/strict";
import { settle } from "../../shared/protocol/testing.ts";
import { ReplayableBody } from "./replayable_body.ts";

function source(parts: readonly string[]) {
  const cancelled: unknown[] = [];
  let index = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      const part = parts[index++];
      if (part === undefined) controller.close();
      else controller.enqueue(new TextEncoder().encode(part));
    },
    cancel: (reason) => void cancelled.push(reason),
  }, { highWaterMark: 0 });
  return { stream, cancelled };
}

Deno.test("attempt() begins anew after a refusal, with nothing lost or doubled", async () => {
  const { stream, cancelled } = source(["a", "b", "c"]);
  const body = new ReplayableBody({ stream });
  const reader = body.attempt(() => true).stream.getReader();
  await reader.read();
  // A part that is being read when the attempt ends belongs to the next one.
  const pending = reader.read();
  await reader.cancel("refused");
  await pending;
  assert.equal(await new Response(body.attempt(() => true).stream).text(), "abc");
  assert.deepEqual(cancelled, []);
});

Deno.test("attempt() cancels the body when nobody else wants it", async () => {
  const { stream, cancelled } = source(["a", "b"]);
  const reader = new ReplayableBody({ stream }).attempt(() => false).stream.getReader();
  await reader.read();
  await reader.cancel("over");
  assert.deepEqual(cancelled, ["over"]);
});

Deno.test("attempt() keeps no more than half a megabyte", async () => {
  const { stream } = source(Array.from({ length: 20 }, () => "x".repeat(100_000)));
  const body = new ReplayableBody({ stream });
  const text = await new Response(body.attempt(() => false).stream).text();
  assert.equal(text.length, 2_000_000);
  assert.equal(body.isRepeatable, false);
});

Deno.test("attempt() begins anew with nothing lost when a part that was being read at the refusal is one too many to keep", async () => {
  const parts = ["a", "b", "c", "d", "e", "f", "g"].map((letter) => letter.repeat(100_000));
  const { stream } = source(parts);
  const body = new ReplayableBody({ stream });
  const reader = body.attempt(() => true).stream.getReader();
  for (let index = 0; index < 5; index++) await reader.read();
  await settle();
  const pending = reader.read();
  await reader.cancel("refused");
  await pending;
  assert.equal(await new Response(body.attempt(() => false).stream).text(), parts.join(""));
});
