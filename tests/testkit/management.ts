/**
 * The management API as a client uses it.
 *
 * @module
 */

import type { EventDocuments, ManagementEventType } from "../../server/management/event_hub.ts";
import type { Role } from "../../server/persistence/mod.ts";
import { within } from "./deadline.ts";
import { ManagementAnswer } from "./management_answer.ts";
import type { DocumentOf } from "./management_documents.ts";
import type { TestServer } from "./server.ts";

/** What to send besides method and path. */
export interface ManagementCall {
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Calls the API with a key. */
export class ManagementClient {
  readonly #url: string;
  readonly #key: string;

  constructor(url: string, key: string) {
    this.#url = url;
    this.#key = key;
  }

  /** Makes a key in the server's database. */
  static async of(server: TestServer, role: Role = "admin"): Promise<ManagementClient> {
    return new ManagementClient(server.managementUrl, await server.database.addApiKey(role));
  }

  /** Calls the API. The path begins behind `/management`. */
  async call<Method extends string, Path extends string>(
    method: Method,
    path: Path,
    { json, headers }: ManagementCall = {},
  ): Promise<ManagementAnswer<DocumentOf<`${Method} /management${Path}`>>> {
    const response = await fetch(`${this.#url}/management${path}`, {
      method,
      headers: {
        "Api-Key": this.#key,
        ...(json === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    });
    return await ManagementAnswer.read(response);
  }

  /** Watches events: of some types or all, of a tenant or all. */
  async watch<Type extends ManagementEventType>(
    { types, tenant }: { readonly types?: readonly Type[]; readonly tenant?: string } = {},
  ): Promise<EventWatcher<Type>> {
    const leaving = new AbortController();
    const query = new URLSearchParams({
      ...(types === undefined ? {} : { types: types.join(",") }),
      ...(tenant === undefined ? {} : { tenant }),
    });
    const response = await fetch(`${this.#url}/management/events?${query}`, {
      headers: { "Api-Key": this.#key },
      signal: leaving.signal,
    });
    if (response.status !== 200) throw new Error(`Cannot watch: ${response.status} ${await response.text()}`);
    return new EventWatcher(response, leaving);
  }
}

/** One event. */
export type WatchedEvent<Type extends ManagementEventType> = {
  [Each in Type]: { readonly id: string | undefined; readonly type: Each; readonly data: EventDocuments[Each] };
}[Type];

/** Reads server-sent events. */
export class EventWatcher<Type extends ManagementEventType> implements AsyncDisposable {
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #leaving: AbortController;
  #text = "";

  constructor(response: Response, leaving: AbortController) {
    this.#reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    this.#leaving = leaving;
  }

  /** The next event, or undefined when the stream has ended. */
  async next({ timeoutMs = 10_000 } = {}): Promise<WatchedEvent<Type> | undefined> {
    return await within(this.#next(), { timeoutMs, what: "an event" });
  }

  async #next(): Promise<WatchedEvent<Type> | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end === -1) {
        const { value, done } = await this.#reader.read();
        if (done) return undefined;
        this.#text += value;
        continue;
      }
      const fields = new Map(
        this.#text.slice(0, end).split("\n").map((line) => {
          const [name = "", value = ""] = line.split(/: (.*)/s);
          return [name, value] as const;
        }),
      );
      this.#text = this.#text.slice(end + 2);
      const type = fields.get("event");
      if (type === "lost") throw new Error("Cannot go on watching: events were lost");
      if (type !== undefined) {
        return { id: fields.get("id"), type, data: JSON.parse(fields.get("data")!) } as WatchedEvent<Type>;
      }
    }
  }

  /** Leaves as a client does that closes its connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#leaving.abort();
    await this.#reader.cancel().catch(() => {});
  }
}
