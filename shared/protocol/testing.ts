/**
 * What the tests of the protocol share: sessions over memory, a peer whose every frame the test writes itself, bodies, and a clock that
 * the test moves.
 *
 * @module
 */

import type { Body, RelayRequest, StreamBody } from "../http/message.ts";
import { decodeFrame, encodeFrame, type FrameContent } from "./codec.ts";
import { CONNECTION_ID, type Frame, FrameType } from "./frame.ts";
import { acceptSession, offerSession } from "./handshake.ts";
import type { ConnectionSettings, Hello, Welcome } from "./handshake_heads.ts";
import type { RequestHandler } from "./incoming_exchange.ts";
import { createMemoryPipes } from "./memory_pipe.ts";
import type { MessagePipe, PipeReceiver } from "./pipe.ts";
import { Session } from "./session.ts";
import type { SessionHandlers } from "./session_options.ts";

/** Settings with the defaults of a server. */
export const SETTINGS: ConnectionSettings = {
  keepAliveIntervalMs: 15_000,
  inlineBodyLimitBytes: 65_536,
  reconnectMinimumDelayMs: 1000,
  reconnectMaximumDelayMs: 30_000,
};
/** Limits of either side. */
export const LIMITS = { maxMessageBytes: 1024 * 1024 };
/** What a connector says, besides the versions. */
export const HELLO: Omit<Hello, "versions"> = {
  connector: { version: "1", machineName: "site" },
  targets: ["t"],
  limits: LIMITS,
};
/** What a server answers, besides the version. */
export const WELCOME: Omit<Welcome, "version"> = {
  server: { version: "1", machineName: "cloud", originId: "o" },
  connectionId: "c",
  tenantName: "t",
  limits: LIMITS,
  settings: SETTINGS,
};

/** Both sides of a connection over memory. */
export interface Pair extends Disposable {
  readonly server: Session;
  readonly connector: Session;
}

/** What may differ from the defaults. */
export interface ConnectOptions {
  readonly settings?: Partial<ConnectionSettings>;
  readonly server?: SessionHandlers;
  readonly connector?: SessionHandlers;
}

/** Connects two sessions; `request` is the connector's target. */
export async function connect(request: RequestHandler, options: ConnectOptions = {}): Promise<Pair> {
  const [left, right] = createMemoryPipes();
  const [{ session: connector }, { session: server }] = await Promise.all([
    offerSession(left, { hello: HELLO, timeoutMs: 1000, handlers: { request, ...options.connector } }),
    acceptSession(right, {
      timeoutMs: 1000,
      welcome: () => ({ ...WELCOME, settings: { ...SETTINGS, ...options.settings } }),
      handlers: { ...options.server },
    }),
  ]);
  return {
    server,
    connector,
    [Symbol.dispose]() {
      server.close(1001, "test is over");
      connector.close(1001, "test is over");
    },
  };
}

/** A pipe without another end: the test reads what was sent, and says what arrives. */
export class RawPipe implements MessagePipe {
  /** Messages sent, oldest first. */
  readonly sent: Uint8Array<ArrayBuffer>[] = [];
  bufferedAmount = 0;
  /** How the pipe was ended from this side; 1006 when it was terminated. */
  closeCode: number | undefined;
  #receiver: PipeReceiver | undefined;

  /** The frames sent, without pings. */
  get frames(): Frame[] {
    return this.sent.map(decodeFrame).filter(({ type }) => type !== FrameType.ping);
  }

  open(receiver: PipeReceiver): void {
    this.#receiver = receiver;
  }

  send(message: Uint8Array<ArrayBuffer>): void {
    if (this.closeCode === undefined) this.sent.push(message);
  }

  /** Like some sockets, it tells of the end at once. */
  close(code: number, reason: string): void {
    this.closeCode ??= code;
    this.#receiver?.closed(code, reason);
  }

  terminate(): void {
    this.close(1006, "");
  }

  /** Lets a message arrive. */
  arrive(message: Uint8Array): void {
    this.#receiver?.message(message);
  }

  /** Lets a frame arrive. */
  arriveFrame(type: number, id: string = CONNECTION_ID, content: FrameContent = {}): void {
    this.arrive(encodeFrame(type, id, content));
  }
}

/** A session whose peer is the test. */
export function connectRaw(handlers: SessionHandlers = {}): { session: Session; pipe: RawPipe } & Disposable {
  const pipe = new RawPipe();
  const session = new Session(pipe, {
    settings: SETTINGS,
    maxMessageBytes: LIMITS.maxMessageBytes,
    peerMaxMessageBytes: LIMITS.maxMessageBytes,
    handlers,
  });
  return { session, pipe, [Symbol.dispose]: () => session.close(1001, "test is over") };
}

/** A small request. */
export function makeRequest(extra: Partial<RelayRequest> = {}): RelayRequest {
  return {
    requestId: crypto.randomUUID(),
    method: "GET",
    target: "t",
    path: "/x",
    headers: [["a", "b"]],
    body: null,
    ...extra,
  };
}

/** A body that produces when it is read. Errors as `chunks` throws. */
export function streamOf(chunks: Iterable<Uint8Array>, length?: number): StreamBody {
  const iterator = chunks[Symbol.iterator]();
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      const { done, value } = iterator.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => void iterator.return?.(),
  }, { highWaterMark: 0 });
  return length === undefined ? { stream } : { stream, length };
}

/** Chunks that tell which one they are. */
export function* blocks(count: number, size = 65_536): Generator<Uint8Array> {
  for (let index = 0; index < count; index++) yield new Uint8Array(size).fill(index);
}

/** Reads a body to its end. */
export async function readAll(body: Body): Promise<Uint8Array> {
  if (body === null) return new Uint8Array(0);
  if (body instanceof Uint8Array) return body;
  return new Uint8Array(await new Response(body.stream).arrayBuffer());
}

/** Resolves after everything that was ready has run, timers of 0 ms included. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Lets everything happen that needs no time, also under {@linkcode FakeTime}. */
export async function settle(): Promise<void> {
  for (let count = 0; count < 20; count++) await Promise.resolve();
}

/** Stands in for the platform's timers and `performance.now` until it is disposed; time passes when the test says so. */
export class FakeTime implements Disposable {
  readonly #real = { setTimeout, clearTimeout, setInterval, clearInterval };
  readonly #timers = new Map<number, { readonly dueAtMs: number; readonly run: () => void }>();
  #nowMs = 1000;
  #lastId = 0;

  constructor() {
    const set = (run: () => void, delayMs = 0) => this.#set(++this.#lastId, { delayMs, run });
    const repeat = (run: () => void, delayMs = 0) => {
      const id = ++this.#lastId;
      const again = () => {
        this.#set(id, { delayMs, run: again });
        run();
      };
      return this.#set(id, { delayMs, run: again });
    };
    const clear = (id: number) => this.#timers.delete(id);
    Object.assign(globalThis, {
      setTimeout: set,
      clearTimeout: clear,
      setInterval: repeat,
      clearInterval: clear,
    });
    Object.defineProperty(performance, "now", { configurable: true, value: () => this.#nowMs });
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Lets time pass; each timer runs at its time. */
  pass(durationMs: number): void {
    const untilMs = this.#nowMs + durationMs;
    for (let next = this.#next(untilMs); next !== undefined; next = this.#next(untilMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.dueAtMs);
      next.run();
    }
    this.#nowMs = untilMs;
  }

  /** Lets time pass while the process stands still: timers that fell due run afterwards, late. */
  standStill(durationMs: number): void {
    this.#nowMs += durationMs;
    this.pass(0);
  }

  [Symbol.dispose](): void {
    Object.assign(globalThis, this.#real);
    Reflect.deleteProperty(performance, "now");
  }

  #set(id: number, { delayMs, run }: { readonly delayMs: number; readonly run: () => void }): number {
    this.#timers.set(id, { dueAtMs: this.#nowMs + delayMs, run });
    return id;
  }

  #next(untilMs: number): { dueAtMs: number; run: () => void } | undefined {
    const [first] = [...this.#timers].filter(([, { dueAtMs }]) => dueAtMs <= untilMs)
      .sort(([, a], [, b]) => a.dueAtMs - b.dueAtMs);
    if (first === undefined) return undefined;
    this.#timers.delete(first[0]);
    return first[1];
  }
}
