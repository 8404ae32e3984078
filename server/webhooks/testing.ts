/**
 * A receiver of webhooks for tests.
 *
 * @module
 */

/** A call as it arrived. */
export interface ReceivedCall {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** A real HTTP server that answers as the test says, 204 unless it says otherwise. */
export class Receiver implements AsyncDisposable {
  readonly calls: ReceivedCall[] = [];
  /** Answers of the next calls, in their order. */
  readonly answers: (() => Response | Promise<Response>)[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  #waiters: (() => void)[] = [];

  constructor() {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
      const { method, url, headers } = request;
      const body = await request.text();
      this.calls.push({ method, path: new URL(url).pathname, headers: Object.fromEntries(headers), body });
      this.#waiters.splice(0).forEach((wake) => wake());
      return await (this.answers.shift()?.() ?? new Response(null, { status: 204 }));
    });
  }

  /** Where it listens, with a path that nobody else should learn. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/hooks/very-secret-path`;
  }

  /** Waits until there were so many calls. */
  async called(count: number): Promise<void> {
    while (this.calls.length < count) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** The bodies of all calls. */
  get bodies(): unknown[] {
    return this.calls.map(({ body }) => JSON.parse(body));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** A new secret. */
export function makeSecret(): string {
  return `whsec_${crypto.getRandomValues(new Uint8Array(32)).toBase64()}`;
}
