/**
 * Applications for connectors to call.
 *
 * @module
 */

/** An HTTP application on a free port. */
export interface TestTarget extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Requests so far, in the order in which they came. */
  readonly requests: readonly Request[];
}

/** Starts an application. For exact bytes, or to misbehave, take `RawServer` instead. */
export function startTarget(handler: (request: Request) => Response | Promise<Response>): TestTarget {
  const requests: Request[] = [];
  const stop = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {}, automaticCompression: false, signal: stop.signal },
    (request) => {
      requests.push(request);
      return handler(request);
    },
  );
  return {
    port: server.addr.port,
    url: `http://127.0.0.1:${server.addr.port}`,
    requests,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await server.finished;
    },
  };
}

/** An address at which nobody listens. */
export function closedPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** A point that a test and its target wait for each other at. */
export class Gate {
  readonly #opened = Promise.withResolvers<void>();
  readonly #reached = Promise.withResolvers<void>();

  /** The target's side: says that it is here, and waits. */
  async pass(): Promise<void> {
    this.#reached.resolve();
    await this.#opened.promise;
  }

  /** Resolves when somebody waits. */
  get reached(): Promise<void> {
    return this.#reached.promise;
  }

  /** Lets everybody through, now and later. */
  open(): void {
    this.#opened.resolve();
  }
}
