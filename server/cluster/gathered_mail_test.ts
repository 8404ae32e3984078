import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import type { OriginMail } from "../transport/transport.ts";
import { GatheredMail } from "./gathered_mail.ts";
import { decodeMail, encodeLinkFrame } from "./mail.ts";

const LINK = "0123456789abcdef0123456789abcdef";
const NEW = "11111111-1111-4111-8111-111111111111";
const OLD = "22222222-2222-4222-8222-222222222222";

/** What was sent, message by message. */
class Outgoing implements OriginMail {
  readonly sent: { readonly to: string; readonly message: Uint8Array }[] = [];
  readonly bufferedAmount = 0;
  readonly maxMessageBytes = Infinity;
  open(): void {}
  send(to: string, message: Uint8Array): void {
    this.sent.push({ to, message });
  }
  broadcast(message: Uint8Array): void {
    this.send("everybody", message);
  }

  /** The first bytes of the frames in each message, by receiver. */
  get frames(): { readonly to: string; readonly frames: number[] }[] {
    return this.sent.map(({ to, message }) => ({ to, frames: framesOf(message) }));
  }
}

function framesOf(message: Uint8Array): number[] {
  const mail = decodeMail(message);
  if (mail?.to === "several") return mail.messages.flatMap(framesOf);
  assert.equal(mail?.to, "acceptor");
  return mail.to === "acceptor" ? [mail.frame[0]!] : [];
}

function frame(first: number, bytes = 100): Uint8Array {
  const content = new Uint8Array(bytes);
  content[0] = first;
  return encodeLinkFrame("acceptor", LINK, content);
}

function create(): { mail: GatheredMail; outgoing: Outgoing } {
  const outgoing = new Outgoing();
  return { mail: new GatheredMail(outgoing, (originId) => originId === NEW), outgoing };
}

Deno.test("GatheredMail sends what one event has for an origin as one message", async () => {
  const { mail, outgoing } = create();
  mail.send(NEW, frame(1));
  mail.send(NEW, frame(2));
  assert.deepEqual(outgoing.sent, []);
  assert.ok(mail.bufferedAmount > 200);
  await setImmediate();
  mail.send(NEW, frame(3));
  await setImmediate();
  assert.deepEqual(outgoing.frames, [{ to: NEW, frames: [1, 2] }, { to: NEW, frames: [3] }]);
  assert.equal(mail.bufferedAmount, 0);
});

Deno.test("GatheredMail sends a single message as it is", async () => {
  const { mail, outgoing } = create();
  mail.send(NEW, frame(1));
  await setImmediate();
  assert.deepEqual(outgoing.sent, [{ to: NEW, message: frame(1) }]);
});

Deno.test("GatheredMail sends each message by itself to an origin that does not read batches", () => {
  const { mail, outgoing } = create();
  mail.send(OLD, frame(1));
  mail.send(OLD, frame(2));
  assert.deepEqual(outgoing.sent, [{ to: OLD, message: frame(1) }, { to: OLD, message: frame(2) }]);
});

Deno.test("GatheredMail keeps the order when an origin is found not to read batches, or to be gone", () => {
  const outgoing = new Outgoing();
  let isKnown = true;
  const mail = new GatheredMail(outgoing, () => isKnown);
  mail.send(NEW, frame(1));
  isKnown = false;
  mail.send(NEW, frame(2));
  assert.deepEqual(outgoing.frames, [{ to: NEW, frames: [1] }, { to: NEW, frames: [2] }]);
});

Deno.test("GatheredMail sends batches of 64 KiB at most, and larger messages by themselves, in order", async () => {
  const { mail, outgoing } = create();
  mail.send(NEW, frame(1, 30_000));
  mail.send(NEW, frame(2, 30_000));
  mail.send(NEW, frame(3, 30_000));
  mail.send(NEW, frame(4, 100_000));
  mail.send(NEW, frame(5));
  await setImmediate();
  assert.deepEqual(outgoing.frames.map(({ frames }) => frames), [[1, 2], [3], [4], [5]]);
  for (const { message } of outgoing.sent.slice(0, 2)) assert.ok(message.length <= 64 * 1024);
});

Deno.test("GatheredMail sends what waits before it broadcasts, and when it is disposed of", () => {
  const { mail, outgoing } = create();
  mail.send(NEW, frame(1));
  mail.broadcast(frame(2));
  mail.send(NEW, frame(3));
  mail[Symbol.dispose]();
  assert.deepEqual(outgoing.frames, [
    { to: NEW, frames: [1] },
    { to: "everybody", frames: [2] },
    { to: NEW, frames: [3] },
  ]);
});

Deno.test("GatheredMail sends nothing of what waited when the carrier was lost", async () => {
  const { mail, outgoing } = create();
  mail.send(NEW, frame(1));
  mail.lost();
  assert.equal(mail.bufferedAmount, 0);
  await setImmediate();
  mail.send(NEW, frame(2));
  await setImmediate();
  assert.deepEqual(outgoing.frames, [{ to: NEW, frames: [2] }]);
});
