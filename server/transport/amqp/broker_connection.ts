/**
 * One connection to the broker that comes back by itself.
 *
 * @module
 */

import amqplib, { type ChannelModel, type RecoveringChannelModel } from "amqplib";
import { readFileSync } from "node:fs";
import { getLogger } from "../../../shared/log/mod.ts";
import { gatherWrites } from "./frame_writing.ts";

const logger = getLogger("transport");

/** Longest silence of the broker, in seconds, unless a URL says otherwise (`?heartbeat=`). */
const HEARTBEAT_SECONDS = 10;
/** How long connecting may take, in milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5_000;

/** How a {@link BrokerConnection} is set up. */
export interface BrokerConnectionOptions {
  /** One after the other is tried. */
  readonly urls: readonly string[];
  /** What the broker's administration shows. */
  readonly name: string;
  /** File with certificates that are trusted besides those of the system, in PEM. */
  readonly caFile?: string | undefined;
  /** Called after every connecting, with what to make channels of. The connection counts as there when it has resolved. */
  readonly setUp: (model: ChannelModel) => Promise<void>;
  /** The connection is there, is not there any more, or is held back by the broker. */
  readonly changed: (state: BrokerState, reason: string) => void;
}

/** How a connection to the broker is. */
export type BrokerState = "ready" | "blocked" | "away";

/** A connection to one of the brokers. */
export class BrokerConnection implements AsyncDisposable {
  readonly #options: BrokerConnectionOptions;
  #model: RecoveringChannelModel | undefined;
  #state: BrokerState = "away";

  private constructor(options: BrokerConnectionOptions) {
    this.#options = options;
  }

  /** Starts to connect, for as long as it takes. */
  static async open(options: BrokerConnectionOptions): Promise<BrokerConnection> {
    const connection = new BrokerConnection(options);
    await connection.#open();
    return connection;
  }

  get state(): BrokerState {
    return this.#state;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#model?.removeAllListeners("disconnect");
    await this.#model?.close();
  }

  async #open(): Promise<void> {
    const { urls, name, caFile, setUp } = this.#options;
    const model = this.#model = await amqplib.connect(rotating(urls), {
      noDelay: true,
      timeout: CONNECT_TIMEOUT_MS,
      clientProperties: { connection_name: name },
      ...(caFile === undefined ? {} : { ca: [readFileSync(caFile)] }),
      recovery: {
        waitForConnect: false,
        initialDelay: FIRST_DELAY_MS,
        maxDelay: LONGEST_DELAY_MS,
        setup: async (model: ChannelModel) => {
          gatherWrites(model);
          await setUp(model);
        },
      },
    });
    model.on("connect", () => this.#change("ready", "connected"));
    model.on("disconnect", (error: Error) => this.#change("away", error.message));
    model.on("blocked", (reason: string) => this.#change("blocked", reason));
    model.on("unblocked", () => this.#change("ready", "unblocked"));
    model.on("connect-failed", (error: Error) => {
      logger.warn("Cannot connect to the broker ({name}): {error}", { name, error: withoutSecrets(error.message) });
    });
    // Whatever it is, the connection is lost or not: the other events say which.
    model.on("error", (error: Error) => logger.debug("Broker connection {name}: {error}", { name, error }));
  }

  #change(state: BrokerState, reason: string): void {
    if (state === this.#state) return;
    this.#state = state;
    const { name } = this.#options;
    if (state === "ready") logger.info("Broker connection {name} is ready", { name });
    else logger.warn("Broker connection {name} is {state}: {reason}", { name, state, reason: withoutSecrets(reason) });
    this.#options.changed(state, reason);
  }
}

interface BrokerUrl {
  readonly protocol: string;
  readonly hostname: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly vhost: string;
  readonly heartbeat: number;
}

/** amqplib knows one address; it reads it anew for every attempt, beginning with the protocol. */
function rotating(urls: readonly string[]): BrokerUrl {
  const parsed = urls.map(parseUrl);
  let attempt = -1;
  const current = () => parsed[Math.max(0, attempt) % parsed.length]!;
  return {
    get protocol() {
      attempt++;
      return current().protocol;
    },
    get hostname() {
      return current().hostname;
    },
    get port() {
      return current().port;
    },
    get username() {
      return current().username;
    },
    get password() {
      return current().password;
    },
    get vhost() {
      return current().vhost;
    },
    get heartbeat() {
      return current().heartbeat;
    },
  };
}

function parseUrl(text: string): BrokerUrl {
  const url = new URL(text);
  const protocol = url.protocol.slice(0, -1);
  return {
    protocol,
    hostname: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port) || (protocol === "amqps" ? 5671 : 5672),
    username: decodeURIComponent(url.username) || "guest",
    password: decodeURIComponent(url.password) || "guest",
    // amqplib unescapes it.
    vhost: url.pathname.slice(1) || "%2F",
    heartbeat: Number(url.searchParams.get("heartbeat") ?? HEARTBEAT_SECONDS),
  };
}

function withoutSecrets(text: string): string {
  return text.replace(/\/\/[^@/\s]+@/g, "//***@");
}
