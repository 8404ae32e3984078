/**
 * A RabbitMQ of the test's own, which it may stop, kill, freeze and empty. It listens on loopback and keeps everything in a temporary folder.
 *
 * @module
 */

import { join } from "node:path";
import type { TestCertificate } from "./certificate.ts";
import { ChildProcess } from "./process.ts";
import { requireCommands, type Requirement } from "./requirement.ts";
import { closedPort } from "./target.ts";

/** Debian's wrappers change the user; these do not. */
const PROGRAMS = "/usr/lib/rabbitmq/bin";
const START_TIMEOUT_MS = 60_000;
const COMMAND_TIMEOUT_MS = 30_000;

/** Whether a broker can be started here. */
export async function requireRabbitMq(): Promise<Requirement> {
  return await requireCommands(["rabbitmq-server"], { requirement: "rabbitmq" });
}

/** One broker for all tests of a file, ended after the last of them; `undefined` where they are skipped. */
export async function shareBroker(requirement: Requirement): Promise<TestBroker | undefined> {
  if (requirement.isSkipped) return undefined;
  const broker = await TestBroker.start();
  Deno.test.afterAll(() => broker[Symbol.asyncDispose]());
  return broker;
}

/** How a broker is configured. */
export interface BrokerOptions {
  /** Largest message it takes, in bytes. */
  readonly maxMessageBytes?: number;
  /** It speaks TLS as well then, with this certificate. */
  readonly certificate?: TestCertificate;
  /** Where its own folder is made, in the system's folder for temporary files unless given. */
  readonly parentFolder?: string;
}

/** One broker. Hold it with `await using`. */
export class TestBroker implements AsyncDisposable {
  readonly port = closedPort();
  readonly #tlsPort = closedPort();
  readonly #distributionPort = closedPort();
  readonly #folder: string;
  readonly #options: BrokerOptions;
  #process: ChildProcess | undefined;

  private constructor(folder: string, options: BrokerOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  /** Starts a broker and waits until it takes connections. */
  static async start(options: BrokerOptions = {}): Promise<TestBroker> {
    const { parentFolder } = options;
    const place = parentFolder === undefined ? {} : { dir: parentFolder };
    const folder = await Deno.makeTempDir({ prefix: "relayserver-broker-", ...place });
    const broker = new TestBroker(folder, options);
    await Deno.writeTextFile(join(folder, "plugins"), "[].");
    try {
      await broker.start();
      return broker;
    } catch (error) {
      await broker[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Its URL, with the credentials of a fresh broker. */
  get url(): string {
    return `amqp://guest:guest@127.0.0.1:${this.port}?heartbeat=2`;
  }

  /** Its URL for TLS. */
  get tlsUrl(): string {
    return `amqps://guest:guest@localhost:${this.#tlsPort}?heartbeat=2`;
  }

  /** Starts it again, with what it had, unless it was emptied. */
  async start(): Promise<void> {
    const lines = [
      `listeners.tcp.default = 127.0.0.1:${this.port}`,
      "log.console = true",
      "log.console.level = info",
      "log.file = false",
    ];
    const { maxMessageBytes, certificate } = this.#options;
    if (maxMessageBytes !== undefined) lines.push(`max_message_size = ${maxMessageBytes}`);
    if (certificate !== undefined) {
      lines.push(
        `listeners.ssl.default = 127.0.0.1:${this.#tlsPort}`,
        `ssl_options.cacertfile = ${certificate.caFile}`,
        `ssl_options.certfile = ${certificate.certFile}`,
        `ssl_options.keyfile = ${certificate.keyFile}`,
        "ssl_options.verify = verify_none",
      );
    }
    await Deno.writeTextFile(join(this.#folder, "rabbitmq.conf"), `${lines.join("\n")}\n`);
    const child = new Deno.Command(join(PROGRAMS, "rabbitmq-server"), {
      env: this.#environment,
      cwd: this.#folder,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#process = new ChildProcess(child);
    await this.#process.waitForLine(/Server startup complete/, { timeoutMs: START_TIMEOUT_MS });
  }

  /** Stops it in good order. */
  async stop(): Promise<void> {
    await this.#process?.stop({ timeoutMs: 30_000 });
    this.#process = undefined;
  }

  /** Ends it without a word. */
  async kill(): Promise<void> {
    Deno.kill(this.#pid, "SIGKILL");
    await this.#process?.stop({ signal: "SIGKILL" });
    this.#process = undefined;
  }

  /** Forgets everything it has; only while it is stopped. */
  async empty(): Promise<void> {
    await Deno.remove(join(this.#folder, "mnesia"), { recursive: true });
  }

  /** It still has its sockets, but says nothing any more. */
  pause(): void {
    Deno.kill(this.#pid, "SIGSTOP");
  }

  /** Ends {@linkcode pause}. */
  resume(): void {
    Deno.kill(this.#pid, "SIGCONT");
  }

  /** Runs `rabbitmqctl` on it. */
  async ctl(...args: string[]): Promise<string> {
    const { success, stdout, stderr } = await new Deno.Command(join(PROGRAMS, "rabbitmqctl"), {
      args: ["-q", ...args],
      env: this.#environment,
      cwd: this.#folder,
      signal: AbortSignal.timeout(COMMAND_TIMEOUT_MS),
    }).output();
    const decoder = new TextDecoder();
    if (!success) throw new Error(`rabbitmqctl ${args.join(" ")} failed: ${decoder.decode(stderr)}`);
    return decoder.decode(stdout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process !== undefined) await this.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }

  get #environment(): Record<string, string> {
    return {
      HOME: this.#folder,
      RABBITMQ_CONF_ENV_FILE: "/dev/null",
      RABBITMQ_NODENAME: `relay${this.port}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
      RABBITMQ_NODE_PORT: String(this.port),
      RABBITMQ_DIST_PORT: String(this.#distributionPort),
      RABBITMQ_MNESIA_BASE: join(this.#folder, "mnesia"),
      RABBITMQ_LOG_BASE: join(this.#folder, "log"),
      RABBITMQ_CONFIG_FILE: join(this.#folder, "rabbitmq"),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(this.#folder, "plugins"),
      RABBITMQ_PID_FILE: join(this.#folder, "pid"),
      ERL_CRASH_DUMP: "/dev/null",
    };
  }

  /** The process itself: what was started is a script around it. */
  get #pid(): number {
    return Number(Deno.readTextFileSync(join(this.#folder, "pid")));
  }
}
