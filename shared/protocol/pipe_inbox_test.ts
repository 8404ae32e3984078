import assert from "node:assert/strict";
import type { PipeReceiver } from "./pipe.ts";
import { PipeInbox } from "./pipe_inbox.ts";

/** A receiver that writes down what it is told, one thing at a time; `heard` is called within each message. */
function recorder(heard: (byte: number) => void = () => {}): PipeReceiver & { readonly told: (number | string)[] } {
  const told: (number | string)[] = [];
  let isListening = false;
  return {
    told,
    message([byte]) {
      assert.equal(isListening, false);
      isListening = true;
      told.push(byte!);
      heard(byte!);
      isListening = false;
    },
    closed(code, reason) {
      assert.equal(isListening, false);
      told.push(`${code} ${reason}`);
    },
  };
}

function arrive(inbox: PipeInbox, ...bytes: readonly number[]): void {
  for (const byte of bytes) inbox.message(Uint8Array.of(byte));
}

Deno.test("PipeInbox keeps what arrives before there is a receiver, the end too", () => {
  const inbox = new PipeInbox();
  arrive(inbox, 1, 2);
  inbox.closed(1000, "done");
  assert.equal(inbox.hasEnded, true);
  const { told, ...receiver } = recorder();
  inbox.open(receiver);
  assert.deepEqual(told, [1, 2, "1000 done"]);
});

Deno.test("PipeInbox tells the first end only, and nothing after it", () => {
  const inbox = new PipeInbox();
  const receiver = recorder();
  inbox.open(receiver);
  arrive(inbox, 1);
  assert.equal(inbox.hasEnded, false);
  inbox.closed(4000, "first");
  inbox.closed(4001, "second");
  arrive(inbox, 2);
  assert.deepEqual(receiver.told, [1, "4000 first"]);
});

Deno.test("PipeInbox keeps the order when a message arrives within a message", () => {
  const inbox = new PipeInbox();
  const receiver = recorder((byte) => {
    if (byte === 1) arrive(inbox, 3);
  });
  arrive(inbox, 1, 2);
  inbox.open(receiver);
  assert.deepEqual(receiver.told, [1, 2, 3]);
});

Deno.test("PipeInbox.open() within a message hands the rest over, and the end", () => {
  const inbox = new PipeInbox();
  const second = recorder();
  const first = recorder((byte) => {
    if (byte === 2) inbox.open(second);
  });
  arrive(inbox, 1, 2, 3);
  inbox.closed(1000, "");
  inbox.open(first);
  assert.deepEqual([first.told, second.told], [[1, 2], [3, "1000 "]]);
});

Deno.test("PipeInbox tells of an end that comes within a message after what waits", () => {
  const inbox = new PipeInbox();
  const receiver = recorder((byte) => {
    if (byte === 1) inbox.closed(1006, "");
  });
  arrive(inbox, 1, 2);
  inbox.open(receiver);
  assert.deepEqual(receiver.told, [1, 2, "1006 "]);
});

Deno.test("PipeInbox.open() tells nobody of an end that was told", () => {
  const inbox = new PipeInbox();
  inbox.open(recorder());
  inbox.closed(1000, "");
  const late = recorder();
  inbox.open(late);
  assert.deepEqual(late.told, []);
});
