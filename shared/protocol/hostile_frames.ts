/**
 * What a hostile peer sends, for the tests: frames made up at random, and real ones with something wrong.
 *
 * @module
 */

import { FRAME_HEADER_BYTES } from "./frame.ts";

/** A generator of random numbers that a seed decides (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32 * limit);
  }

  /** One of several. */
  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  /** Fresh random bytes. */
  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let index = 0; index < length; index++) bytes[index] = this.below(256);
    return bytes;
  }
}

const REQUEST = '"requestId":"r","method":"GET","target":"t","path":"/","headers":[["a","b"]]';

/** Heads that are right, nearly right, and nothing of the kind. */
const HEADS: readonly Uint8Array[] = [
  "",
  "{}",
  "[]",
  "null",
  "0",
  '"text"',
  "{",
  "\u0000",
  "[".repeat(2000),
  '{"a":'.repeat(2000),
  `{${REQUEST}}`,
  `{${REQUEST},"acknowledge":true,"trace":true,"expiresInMs":5}`,
  `{${REQUEST},"length":0}`,
  `{${REQUEST},"length":10,"credit":0}`,
  `{${REQUEST},"length":9007199254740991,"credit":9007199254740991}`,
  `{${REQUEST},"length":-1}`,
  `{${REQUEST},"credit":1e999}`,
  `{${REQUEST},"expiresInMs":0.5}`,
  `{${REQUEST},"headers":null}`,
  `{${REQUEST},"headers":{"length":1}}`,
  `{${REQUEST},"headers":[["a"]]}`,
  `{${REQUEST},"headers":[["a","b","c"]]}`,
  `{${REQUEST},"headers":[[1,2]]}`,
  `{${REQUEST},"method":7}`,
  `{${REQUEST},"__proto__":{"length":-1}}`,
  `{"status":200,"headers":[${'["n","v"],'.repeat(500)}["n","v"]]}`,
  '{"status":200,"headers":[]}',
  '{"status":200,"headers":[],"length":10}',
  '{"status":204,"headers":[["x","\\u0000\\r\\n"]],"trace":{"targetStart":"now","targetDurationMs":-1}}',
  '{"status":200,"headers":[],"trace":null}',
  '{"status":199,"headers":[]}',
  '{"status":"200","headers":[]}',
  '{"code":"target_timeout","message":"late"}',
  '{"code":{"toString":1},"message":{"toString":1}}',
  '{"reason":"draining","reconnect":"now"}',
  '{"reason":[],"reconnect":{}}',
  '{"token":"t"}',
  '{"token":null}',
  '{"keepAliveIntervalMs":15000,"inlineBodyLimitBytes":0,"reconnectMinimumDelayMs":0,"reconnectMaximumDelayMs":1}',
  '{"keepAliveIntervalMs":0}',
].map((text) => new TextEncoder().encode(text));

const PAYLOAD_BYTES = [0, 0, 0, 1, 4, 4, 4, 4, 8, 15, 16, 17, 32, 64, 65, 1000];
const OVERSIZED = new Uint8Array(1024 * 1024 + 1);

/** Makes the frames of one run. */
export class HostileFrames {
  readonly #random: Random;
  readonly #recorded: readonly Uint8Array[];

  /** @param recorded Frames that well-behaved peers have sent. */
  constructor(random: Random, recorded: readonly Uint8Array[]) {
    this.#random = random;
    this.#recorded = recorded;
  }

  /** @param ids Delivery ids that the peer knows, 16 bytes each. */
  next(ids: readonly Uint8Array[]): Uint8Array {
    switch (this.#random.below(10)) {
      case 0:
        return this.#random.bytes(this.#random.below(80));
      case 1:
      case 2:
      case 3:
        return this.#mutate(this.#random.pick(this.#recorded), ids);
      default:
        return this.#madeUp(ids);
    }
  }

  #madeUp(ids: readonly Uint8Array[]): Uint8Array {
    const random = this.#random;
    const chance = random.below(3000);
    if (chance === 0) return OVERSIZED;
    const head = random.pick(HEADS);
    const payload = random.bytes(chance < 5 ? 65_536 : random.pick(PAYLOAD_BYTES));
    const message = new Uint8Array(FRAME_HEADER_BYTES + head.length + payload.length);
    message[0] = 1 + random.below(15);
    message[1] = random.below(3) === 0 ? random.below(256) : random.below(2);
    message.set(random.below(8) === 0 ? random.bytes(16) : random.pick(ids), 2);
    new DataView(message.buffer).setUint32(18, head.length);
    message.set(head, FRAME_HEADER_BYTES);
    message.set(payload, FRAME_HEADER_BYTES + head.length);
    return message;
  }

  #mutate(original: Uint8Array, ids: readonly Uint8Array[]): Uint8Array {
    const random = this.#random;
    const message = original.slice();
    if (message.length >= 18 && random.below(2) === 0) message.set(random.pick(ids), 2);
    switch (random.below(6)) {
      case 0:
        return message.subarray(0, random.below(message.length));
      case 1:
        message[random.below(message.length)]! ^= 1 << random.below(8);
        return message;
      case 2:
        message[random.below(FRAME_HEADER_BYTES)] = random.below(256);
        return message;
      case 3:
        message.copyWithin(random.below(message.length), random.below(message.length));
        return message;
      case 4:
        message[0] = 1 + random.below(14);
        return message;
      default:
        return message;
    }
  }
}
