/**
 * A link with a delay and a rate, as a TCP relay: what is read comes out later, and no faster than the rate allows. Also the program of it, with
 * `{ targetPort, delayMs, bitsPerSecond }` as its argument.
 *
 * @module
 */

/** Bytes queued in front of the rate limit are held back beyond this, as the buffer of a router would; in milliseconds of the rate. */
const QUEUE_MS = 20;
/** What one read may take, in milliseconds of the rate: a real link delivers packet by packet. */
const READ_MS = 2;
const MIN_READ_BYTES = 1448;
const MAX_READ_BYTES = 64 * 1024;
/** Beside what is under way, what may wait for a receiver that does not read. */
const RECEIVER_BYTES = 1024 * 1024;

/** How a link behaves, the same in both directions. */
export interface LinkOptions {
  /** One way; the round trip is twice that. */
  readonly delayMs: number;
  /** Per direction, shared by all connections; without it there is no limit. */
  readonly bitsPerSecond?: number;
}

/** A running link. */
export interface Link extends AsyncDisposable {
  readonly port: number;
}

/**
 * Starts a link.
 *
 * @param targetPort Where it leads on this machine.
 */
export function startLink(targetPort: number, options: LinkOptions): Link {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections = new Set<Deno.TcpConn>();
  const [up, down] = [new Direction(options), new Direction(options)];
  const connect = async (near: Deno.TcpConn) => {
    const far = await Deno.connect({ hostname: "127.0.0.1", port: targetPort });
    for (const connection of [near, far]) {
      connection.setNoDelay(true);
      connections.add(connection);
    }
    await Promise.allSettled([up.carry(near, far), down.carry(far, near)]);
    for (const connection of [near, far]) {
      connections.delete(connection);
      close(connection);
    }
  };
  const accept = async () => {
    for await (const connection of listener) connect(connection).catch(() => close(connection));
  };
  const accepting = accept();
  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose]() {
      listener.close();
      connections.forEach(close);
      await accepting;
    },
  };
}

interface Piece {
  /** `undefined` is the end. */
  readonly bytes: Uint8Array | undefined;
  readonly dueMs: number;
}

/** One direction of a link. All its connections share the rate. */
class Direction {
  readonly #delayMs: number;
  readonly #bytesPerMs: number;
  readonly #readBytes: number;
  /** When all that was taken so far has left. */
  #freeAtMs = 0;

  constructor({ delayMs, bitsPerSecond = Infinity }: LinkOptions) {
    this.#delayMs = delayMs;
    this.#bytesPerMs = bitsPerSecond / 8000;
    this.#readBytes = Math.min(MAX_READ_BYTES, Math.max(MIN_READ_BYTES, Math.floor(this.#bytesPerMs * READ_MS)));
  }

  /** Carries everything to its end, also the end itself. */
  async carry(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const maxBytes = RECEIVER_BYTES + Math.min(this.#bytesPerMs * (this.#delayMs + QUEUE_MS), 64 * RECEIVER_BYTES);
    const pipe = new Pipe(maxBytes);
    try {
      await Promise.all([this.#read(from, pipe), write(pipe, to)]);
    } catch (error) {
      close(from);
      close(to);
      throw error;
    }
  }

  async #read(from: Deno.TcpConn, pipe: Pipe): Promise<void> {
    while (true) {
      const buffer = new Uint8Array(this.#readBytes);
      const count = await from.read(buffer);
      const nowMs = performance.now();
      this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + (count ?? 0) / this.#bytesPerMs;
      const bytes = count === null ? undefined : buffer.subarray(0, count);
      await pipe.put({ bytes, dueMs: this.#freeAtMs + this.#delayMs });
      if (count === null) return;
      const aheadMs = this.#freeAtMs - nowMs - QUEUE_MS;
      if (aheadMs > 0) await sleep(aheadMs);
    }
  }
}

/** What is under way on one connection in one direction. */
class Pipe {
  readonly #maxBytes: number;
  #pieces: Piece[] = [];
  #bytes = 0;
  #changed = Promise.withResolvers<void>();

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  async put(piece: Piece): Promise<void> {
    this.#pieces.push(piece);
    this.#bytes += piece.bytes?.length ?? 0;
    this.#wake();
    while (this.#bytes > this.#maxBytes) await this.#changed.promise;
  }

  /** The pieces that are due, at least one. */
  async take(): Promise<readonly Piece[]> {
    while (this.#pieces.length === 0) await this.#changed.promise;
    const waitMs = (this.#pieces[0]?.dueMs ?? 0) - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    const nowMs = performance.now();
    const due = this.#pieces.findIndex(({ dueMs }) => dueMs > nowMs);
    return this.#pieces.splice(0, due < 0 ? this.#pieces.length : Math.max(1, due));
  }

  /** Makes room. */
  wrote(bytes: number): void {
    this.#bytes -= bytes;
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

async function write(pipe: Pipe, to: Deno.TcpConn): Promise<void> {
  while (true) {
    for (const { bytes } of await pipe.take()) {
      if (bytes === undefined) return await to.closeWrite();
      for (let sent = 0; sent < bytes.length;) sent += await to.write(bytes.subarray(sent));
      pipe.wrote(bytes.length);
    }
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

if (import.meta.main) {
  const { targetPort, ...options } = JSON.parse(Deno.args[0] ?? "{}");
  const { port } = startLink(targetPort, options);
  await Deno.stdout.write(new TextEncoder().encode(`port ${port}\n`));
}
