/**
 * What the tests of the targets share: raw TCP servers that see and send exact bytes, and short ways to make requests and read answers.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { Body, RelayRequest, RelayResponse } from "../../shared/http/message.ts";
import { isStreamBody } from "../../shared/http/message.ts";
import type { TargetContext } from "./target.ts";
import { WebTarget, type WebTargetOptions } from "./web.ts";

/** One connection to a {@linkcode RawServer}. */
export class RawConnection {
  readonly socket: Socket;
  /** Resolves when the connector closed the socket, or it broke. */
  readonly closed: Promise<void>;
  #received = "";
  #lastHead = "";
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    // Both happen on a reset.
    socket.on("error", () => resolve());
    socket.on("close", () => resolve());
    socket.on("data", (chunk: Buffer) => {
      this.#received += chunk.toString("latin1");
      this.#wake();
    });
  }

  /** All bytes so far, one character each. */
  get received(): string {
    return this.#received;
  }

  /** Waits until the received bytes hold a text, and takes everything up to its end out of them. */
  async take(text: string): Promise<string> {
    while (!this.#received.includes(text)) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const end = this.#received.indexOf(text) + text.length;
    const taken = this.#received.slice(0, end);
    this.#received = this.#received.slice(end);
    return taken;
  }

  /** The head that was taken last. */
  get lastHead(): string {
    return this.#lastHead;
  }

  /** The next request's head. */
  async head(): Promise<string> {
    return this.#lastHead = await this.take("\r\n\r\n");
  }

  send(bytes: string): void {
    this.socket.write(Buffer.from(bytes, "latin1"));
  }
}

/** A TCP server that hands every connection to a function. */
export class RawServer implements AsyncDisposable {
  readonly connections: RawConnection[] = [];
  readonly #server;
  readonly #failures: unknown[] = [];

  private constructor(serve: (connection: RawConnection, index: number) => unknown) {
    this.#server = createServer({ noDelay: true }, (socket) => {
      const connection = new RawConnection(socket);
      const index = this.connections.push(connection) - 1;
      Promise.resolve(serve(connection, index)).catch((error) => this.#failures.push(error));
    });
  }

  static async start(serve: (connection: RawConnection, index: number) => unknown): Promise<RawServer> {
    const server = new RawServer(serve);
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { socket } of this.connections) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    if (this.#failures.length > 0) throw this.#failures[0];
  }
}

/** A server that answers each request on each connection with the same bytes. */
export function answering(response: string): Promise<RawServer> {
  return RawServer.start(async (connection) => {
    for (;;) {
      await Promise.race([connection.head(), connection.closed]);
      if (connection.socket.destroyed) return;
      connection.send(response);
    }
  });
}

/** A `GET /` with whatever is given instead. */
export function relayRequest(parts: Partial<RelayRequest> = {}): RelayRequest {
  return { requestId: crypto.randomUUID(), method: "GET", target: "t", path: "/", headers: [], body: null, ...parts };
}

/** A context whose call nobody aborts, with whatever is given instead. */
export function targetContext(parts: Partial<TargetContext> = {}): TargetContext {
  return { signal: new AbortController().signal, inlineBodyLimitBytes: 65_536, ...parts };
}

/** The bytes of a text. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A body's bytes as text. */
export async function textOf({ body }: { readonly body: Body }): Promise<string> {
  if (body === null) return "";
  const response = new Response(isStreamBody(body) ? body.stream : new Uint8Array(body));
  return await response.text();
}

/** The stream of a response that must have one. */
export function streamOf(response: RelayResponse): ReadableStream<Uint8Array> {
  if (!isStreamBody(response.body)) throw new TypeError("Cannot read stream: the body is not one");
  return response.body.stream;
}

/** Makes the target that a test calls. */
export type NewTarget = (options: WebTargetOptions) => WebTarget;

/** Runs a test with both HTTP clients that a {@linkcode WebTarget} has: the own one for plain HTTP, and `node:http`, here through a proxy. */
export function testClients(name: string, test: (newTarget: NewTarget) => Promise<void>): void {
  Deno.test(name, () => test((options) => new WebTarget(options)));
  Deno.test(`${name} (node:http)`, async () => {
    await using proxy = await startProxy();
    await test((options) => new WebTarget({ ...options, proxy: proxy.url }));
  });
}

/** A proxy that opens tunnels, and passes on how their ends break. */
async function startProxy(): Promise<AsyncDisposable & { readonly url: URL }> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    client.on("error", () => {});
    sockets.add(client);
    client.once("data", (head: Buffer) => {
      const [, hostname, port] = /^CONNECT (\S+):(\d+) /.exec(head.toString("latin1")) ?? [];
      const target = connect({ host: hostname ?? "", port: Number(port), noDelay: true });
      sockets.add(target);
      target.once("connect", () => {
        client.write("HTTP/1.1 200 OK\r\n\r\n");
        client.pipe(target);
        target.pipe(client);
      });
      target.on("error", () => client.resetAndDestroy());
      target.on("close", () => client.destroySoon());
      client.on("close", () => target.destroy());
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
