/**
 * What a hostile peer sends, for the tests: frames made up at random, and real ones with something wrong.
 *
 * @module
 */

import { FLAG_MORE, FRAME_HEADER_BYTES, FrameType } from "./frame.ts";

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
const SETTINGS = '"keepAliveIntervalMs":15000,"inlineBodyLimitBytes":0,"reconnectMinimumDelayMs":0';
const RESPONSE = '"status":200,"headers":[["a","b"]]';
const REASONS = ['{"reason":"draining","reconnect":"now"}', '{"reason":[],"reconnect":{},"news":1}'];

/** Heads that a receiver may well take, by frame type. */
const GOOD_HEADS: Readonly<Record<number, readonly Uint8Array[]>> = encodeAll({
  [FrameType.authenticate]: ['{"token":"t"}'],
  [FrameType.configure]: [`{${SETTINGS},"reconnectMaximumDelayMs":1}`],
  [FrameType.request]: [
    `{${REQUEST}}`,
    `{${REQUEST},"acknowledge":true,"trace":true,"expiresInMs":5}`,
    `{${REQUEST},"length":100,"credit":0}`,
    `{${REQUEST},"length":9007199254740991,"credit":9007199254740991}`,
    `{${REQUEST},"__proto__":{"length":-1}}`,
  ],
  [FrameType.response]: [
    `{${RESPONSE}}`,
    `{${RESPONSE},"length":100000}`,
    `{${RESPONSE},"targetMs":1e308}`,
    `{"status":599,"headers":[${'["n","v"],'.repeat(300)}["n","v"]]}`,
    '{"status":204,"headers":[["x","\\u0000\\r\\n"]],"trace":{"targetStart":"now","targetDurationMs":-1}}',
  ],
  [FrameType.cancel]: REASONS,
  [FrameType.goAway]: REASONS,
  [FrameType.targets]: ['{"targets":["a"]}', '{"targets":[],"unhealthy":["a"],"news":{}}'],
  [FrameType.error]: ['{"code":"target_timeout","message":"late"}', '{"code":{"toString":1},"message":{"toString":1}}'],
});

/** Heads that are nearly right, and nothing of the kind. */
const BAD_HEADS: readonly Uint8Array[] = [
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
  `{${REQUEST},"length":-1}`,
  `{${REQUEST},"credit":1e999}`,
  `{${REQUEST},"expiresInMs":0.5}`,
  `{${REQUEST},"headers":null}`,
  `{${REQUEST},"headers":{"length":1}}`,
  `{${REQUEST},"headers":[["a"]]}`,
  `{${REQUEST},"headers":[["a","b","c"]]}`,
  `{${REQUEST},"headers":[[1,2]]}`,
  `{${REQUEST},"method":7}`,
  `{${RESPONSE},"trace":null}`,
  `{${RESPONSE},"targetMs":-1}`,
  `{${RESPONSE},"targetMs":"1"}`,
  `{${RESPONSE},"length":"1"}`,
  '{"status":199,"headers":[]}',
  '{"status":"200","headers":[]}',
  '{"token":null}',
  '{"keepAliveIntervalMs":0}',
  '{"targets":"a"}',
  '{"targets":[1]}',
  '{"targets":[],"unhealthy":{}}',
].map((text) => new TextEncoder().encode(text));

const NOTHING = new Uint8Array(0);
const OVERSIZED = new Uint8Array(1024 * 1024 + 1);
const POOL_BYTES = 200_000;

/** Makes the frames of one run. */
export class HostileFrames {
  readonly #random: Random;
  readonly #pool: Uint8Array;
  readonly #recorded: readonly Uint8Array[];
  readonly #types: readonly number[];

  /**
   * @param types What the peer's side sends when it behaves.
   * @param recorded Frames that well-behaved peers have sent.
   */
  constructor(random: Random, types: readonly number[], recorded: readonly Uint8Array[]) {
    this.#random = random;
    this.#pool = random.bytes(POOL_BYTES);
    this.#types = types;
    this.#recorded = recorded;
  }

  /** @param ids Delivery ids that the peer knows, 16 bytes each. */
  next(ids: readonly Uint8Array[]): Uint8Array {
    const chance = this.#random.below(100);
    if (chance < 2) return this.#bytes(this.#random.below(80)).slice();
    if (chance < 6) return this.#mutate(this.#random.pick(this.#recorded), ids);
    if (chance < 8) return this.#anything(ids);
    return this.#plausible(ids);
  }

  #plausible(ids: readonly Uint8Array[]): Uint8Array {
    const random = this.#random;
    const type = random.pick(this.#types);
    const head = GOOD_HEADS[type] === undefined ? NOTHING : random.pick(GOOD_HEADS[type]);
    // A second request with the same id would be the end.
    const isFresh = type === FrameType.request || random.below(8) === 0;
    const id = isFresh ? this.#bytes(16) : random.pick(ids);
    return assemble(type, random.below(4) === 0 ? 0 : FLAG_MORE, id, head, this.#bytes(this.#plausibleSize(type)));
  }

  #plausibleSize(type: number): number {
    switch (type) {
      case FrameType.credit:
        return 4;
      case FrameType.acknowledge:
        return 16 * (1 + this.#random.below(3));
      case FrameType.ping:
      case FrameType.pong:
        return this.#random.below(65);
      case FrameType.data:
        return this.#random.below(50) === 0 ? 65_536 : this.#random.below(20);
      default:
        return this.#random.below(3);
    }
  }

  #anything(ids: readonly Uint8Array[]): Uint8Array {
    const random = this.#random;
    if (random.below(200) === 0) return OVERSIZED;
    const good = GOOD_HEADS[1 + random.below(14)];
    const head = good === undefined || random.below(2) === 0 ? random.pick(BAD_HEADS) : random.pick(good);
    return assemble(random.below(16), random.below(256), random.pick(ids), head, this.#bytes(random.below(100)));
  }

  #mutate(original: Uint8Array, ids: readonly Uint8Array[]): Uint8Array {
    const random = this.#random;
    const message = original.slice();
    if (random.below(2) === 0) message.set(random.pick(ids), 2);
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

  #bytes(length: number): Uint8Array {
    const start = this.#random.below(POOL_BYTES - length);
    return this.#pool.subarray(start, start + length);
  }
}

function assemble(type: number, flags: number, id: Uint8Array, head: Uint8Array, payload: Uint8Array): Uint8Array {
  const message = new Uint8Array(FRAME_HEADER_BYTES + head.length + payload.length);
  message[0] = type;
  message[1] = flags;
  message.set(id, 2);
  new DataView(message.buffer).setUint32(18, head.length);
  message.set(head, FRAME_HEADER_BYTES);
  message.set(payload, FRAME_HEADER_BYTES + head.length);
  return message;
}

function encodeAll(heads: Readonly<Record<number, readonly string[]>>): Record<number, readonly Uint8Array[]> {
  const encoder = new TextEncoder();
  return Object.fromEntries(
    Object.entries(heads).map(([type, texts]) => [type, texts.map((text) => encoder.encode(text))]),
  );
}
