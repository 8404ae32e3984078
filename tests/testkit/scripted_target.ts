/**
 * A target that says byte for byte what a test wants, and keeps what it was asked.
 *
 * @module
 */

/** One request as it came. */
export interface ReceivedRequest {
  readonly requestLine: string;
  /** Byte strings, in order and case as they came. */
  readonly lines: readonly (readonly [name: string, value: string])[];
  /** A byte string, without the framing of chunks. */
  readonly body: string;
}

/** What is answered from now on. */
export interface Script {
  /** Head and body, as they stand on the wire. */
  readonly answer: string;
  /** Whether the connection is closed behind it. */
  readonly closes?: boolean;
}

/** Listens on this machine until it is disposed. */
export class ScriptedTarget implements AsyncDisposable {
  script: Script = { answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" };
  readonly received: ReceivedRequest[] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #serving: Promise<void>;

  constructor() {
    this.#serving = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) connection.close();
    await this.#serving;
  }

  async #accept(): Promise<void> {
    const connections: Promise<void>[] = [];
    for await (const connection of this.#listener) {
      this.#connections.add(connection);
      connections.push(
        this.#serve(connection).catch(() => {}).finally(() => {
          if (this.#connections.delete(connection)) connection.close();
        }),
      );
    }
    this.#connections.clear();
    await Promise.all(connections);
  }

  async #serve(connection: Deno.TcpConn): Promise<void> {
    connection.setNoDelay(true);
    const reader = new RequestReader(connection);
    for (let request = await reader.next(); request !== undefined; request = await reader.next()) {
      this.received.push(request);
      const { answer, closes = false } = this.script;
      const bytes = Uint8Array.from(answer, (character) => character.charCodeAt(0));
      for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
      if (closes) return;
    }
  }
}

class RequestReader {
  readonly #connection: Deno.TcpConn;
  #unread = "";

  constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  /** The next request; `undefined` when the client closes instead. */
  async next(): Promise<ReceivedRequest | undefined> {
    const head = await this.#through("\r\n\r\n");
    if (head === undefined) return undefined;
    const [requestLine = "", ...lines] = head.slice(0, -4).split("\r\n");
    const pairs = lines.map((line) =>
      [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()] as const
    );
    const valueOf = (name: string) => pairs.find(([key]) => key.toLowerCase() === name)?.[1];
    const body = valueOf("transfer-encoding") === "chunked"
      ? await this.#chunks()
      : await this.#take(Number(valueOf("content-length") ?? 0));
    return { requestLine, lines: pairs, body };
  }

  async #chunks(): Promise<string> {
    let body = "";
    while (true) {
      const size = Number.parseInt(await this.#through("\r\n") ?? "", 16);
      const chunk = await this.#take(size + 2);
      if (size === 0) return body;
      body += chunk.slice(0, -2);
    }
  }

  async #through(end: string): Promise<string | undefined> {
    while (!this.#unread.includes(end)) {
      if (!await this.#more()) return undefined;
    }
    return await this.#take(this.#unread.indexOf(end) + end.length);
  }

  async #take(sizeBytes: number): Promise<string> {
    while (this.#unread.length < sizeBytes) {
      if (!await this.#more()) throw new Error("The client closed within a request");
    }
    const taken = this.#unread.slice(0, sizeBytes);
    this.#unread = this.#unread.slice(sizeBytes);
    return taken;
  }

  async #more(): Promise<boolean> {
    const buffer = new Uint8Array(64 * 1024);
    const count = await this.#connection.read(buffer);
    if (count !== null) this.#unread += String.fromCharCode(...buffer.subarray(0, count));
    return count !== null;
  }
}
