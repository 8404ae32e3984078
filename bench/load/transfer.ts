/**
 * Large bodies and event streams, over a bare TCP connection: a client that costs little.
 *
 * @module
 */

const BUFFER_BYTES = 256 * 1024;
const MAX_HEAD_BYTES = 64 * 1024;
const LINE_FEED = 0x0a;
const TIMEOUT_MS = 60_000;

/** Where to, and with what. */
export interface TransferOptions {
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Gets a body and throws it away.
 *
 * @param sizeBytes The body's length.
 * @returns Bytes a second, from the request to the last byte.
 * @throws {Error} When the answer is another, or takes longer than a minute.
 */
export async function download(url: string, sizeBytes: number, options: TransferOptions = {}): Promise<number> {
  const startMs = performance.now();
  using client = await HttpClient.connect(url);
  await client.send("GET", options.headers);
  await client.readHead();
  let received = client.rest.length;
  while (received < sizeBytes) received += (await client.read()).length;
  return sizeBytes / (performance.now() - startMs) * 1000;
}

/**
 * Posts a body to a target that answers its size.
 *
 * @returns Bytes a second, from the request to the answer.
 * @throws {Error} When the answer is another, or takes longer than a minute.
 */
export async function upload(url: string, sizeBytes: number, options: TransferOptions = {}): Promise<number> {
  const startMs = performance.now();
  using client = await HttpClient.connect(url);
  await client.send("POST", { ...options.headers, "Content-Length": String(sizeBytes) });
  const piece = new Uint8Array(BUFFER_BYTES).fill(0x78);
  for (let sent = 0; sent < sizeBytes; sent += piece.length) {
    await client.write(piece.subarray(0, Math.min(piece.length, sizeBytes - sent)));
  }
  await client.readHead();
  let text = decode(client.rest);
  while (!text.includes(String(sizeBytes))) text += decode(await client.read());
  return sizeBytes / (performance.now() - startMs) * 1000;
}

/**
 * Counts server-sent events for some time.
 *
 * @returns How many came, and in how many milliseconds.
 * @throws {Error} When the stream ends.
 */
export async function countEvents(
  url: string,
  options: TransferOptions & { readonly seconds: number },
): Promise<{ events: number; durationMs: number }> {
  using client = await HttpClient.connect(url);
  await client.send("GET", options.headers);
  await client.readHead();
  const startMs = performance.now();
  const endMs = startMs + options.seconds * 1000;
  let events = 0;
  let last = 0;
  while (performance.now() < endMs) {
    for (const byte of await client.read()) {
      if (byte === LINE_FEED && last === LINE_FEED) events++;
      last = byte;
    }
  }
  return { events, durationMs: performance.now() - startMs };
}

/** One request on one connection. */
class HttpClient implements Disposable {
  /** What came of the body with its head. */
  rest: Uint8Array = new Uint8Array();
  readonly #url: URL;
  readonly #connection: Deno.TcpConn;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  readonly #timer: ReturnType<typeof setTimeout>;
  #isClosed = false;

  private constructor(url: URL, connection: Deno.TcpConn) {
    this.#url = url;
    this.#connection = connection;
    this.#timer = setTimeout(() => this[Symbol.dispose](), TIMEOUT_MS);
  }

  static async connect(address: string): Promise<HttpClient> {
    const url = new URL(address);
    return new HttpClient(url, await Deno.connect({ hostname: url.hostname, port: Number(url.port) }));
  }

  async send(method: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
    const lines = Object.entries({ Host: this.#url.host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
    await this.write(new TextEncoder().encode(`${method} ${this.#url.pathname} HTTP/1.1\r\n${lines.join("")}\r\n`));
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) sent += await this.#connection.write(bytes.subarray(sent));
  }

  async readHead(): Promise<void> {
    let text = "";
    while (text.length < MAX_HEAD_BYTES) {
      const bytes = await this.read();
      text += decode(bytes);
      const end = text.indexOf("\r\n\r\n");
      if (end < 0) continue;
      if (!text.startsWith("HTTP/1.1 200 ")) throw new Error(`Unexpected answer: ${text.slice(0, 300)}`);
      this.rest = bytes.slice(bytes.length - (text.length - end - 4));
      return;
    }
    throw new Error("The answer's head does not end");
  }

  /** What comes next; overwritten by the next read. */
  async read(): Promise<Uint8Array> {
    const count = await this.#connection.read(this.#buffer);
    if (count === null) throw new Error("The connection ended too early");
    return this.#buffer.subarray(0, count);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    if (!this.#isClosed) this.#connection.close();
    this.#isClosed = true;
  }
}

/** One character a byte, so that lengths agree. */
function decode(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}
