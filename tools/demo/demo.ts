/**
 * The demo, step by step: a sample target, a tenant, a server and a connector by their documented commands, then a first request.
 *
 * @module
 */

import { Child, type ChildOptions } from "./child.ts";
import { pickPorts } from "./ports.ts";
import { type Answer, showAnswer, waitForAnswer } from "./requests.ts";
import { GREETING } from "./sample_target.ts";

const TENANT = "demo";
const USER = "demo";
const TARGET = "sample";
const WANTED_PORTS = { server: 8080, management: 8081, target: 5000 };

/** Enough for the downloads of a first run. A program that ends is noticed at once. */
const START_TIMEOUT_MS = 120_000;

/** What the demo needs from its surroundings. */
export interface DemoOptions {
  /** Prints text for the user, as it is. */
  readonly print: (text: string) => void;
  /** The environment that its programs inherit, except for what configures a RelayServer. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends the demo; the demo aborts it itself when one of its programs ends. */
  readonly stop: AbortController;
}

/** A running demo. Disposing it stops connector, server and target in this order and removes their data. */
export class Demo implements AsyncDisposable {
  readonly #options: DemoOptions;
  readonly #env: Readonly<Record<string, string>>;
  readonly #ports = pickPorts(WANTED_PORTS);
  readonly #resources = new AsyncDisposableStack();
  #dataDirectory = "";
  #password = "";
  #hasSaidDownload = false;

  constructor(options: DemoOptions) {
    this.#options = options;
    this.#env = inheritedEnvironment(options.env);
  }

  /**
   * Starts everything and relays a first request.
   *
   * @throws {Error} When a program does not start, or the answer is not the target's; what aborted `stop` when that happens.
   */
  async start(): Promise<void> {
    this.#dataDirectory = await Deno.makeTempDir({ prefix: "relayserver-demo-" });
    this.#resources.defer(() => Deno.remove(this.#dataDirectory, { recursive: true }));
    this.#print(
      "RelayServer demo: everything runs on this machine, with its data in a temporary folder that is removed at the end.",
    );
    await this.#startTarget();
    const secret = await this.#addTenant();
    await this.#addUser();
    await this.#startServer();
    this.#startConnector(secret);
    await this.#relayFirstRequest();
  }

  /** Prints what the user can try. */
  showWhatToTry(): void {
    const { server, management } = this.#ports;
    const relay = `http://127.0.0.1:${server}/relay/${TENANT}/${TARGET}`;
    this.#print(`
Try it in another terminal:
   curl -i ${relay}/hello
   curl -i --compressed ${relay}/gzip
   curl -N ${relay}/events
   curl -o download.bin "${relay}/download?size=100MiB"
   curl --data-binary @deno.lock ${relay}/upload
   curl -i http://127.0.0.1:${server}/trace/${TENANT}/${TARGET}/hello

In a browser:
   the sample application   ${relay}/
   the management web       http://127.0.0.1:${management}/   user ${USER}, password ${this.#password}
   the management API       http://127.0.0.1:${management}/management/docs

Everything keeps running. Stop with Ctrl+C.`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#print("\nStopping connector, server and sample target, what still runs has 3 s ...");
    await this.#resources.disposeAsync();
  }

  async #startTarget(): Promise<void> {
    const { target } = this.#ports;
    const permission = `--allow-net=127.0.0.1:${target}`;
    this.#print("\n1. A sample target: a web application that only this machine can reach");
    const args = ["run", "--no-prompt", permission, "tools/demo/sample_target.ts", String(target)];
    const child = this.#startService("sample target", args);
    await this.#untilOk(`http://127.0.0.1:${target}/hello`);
    this.#print(`   http://127.0.0.1:${target}, process ${child.pid}`);
  }

  async #addTenant(): Promise<string> {
    this.#print(`\n2. The tenant "${TENANT}", which stands for the site, and a secret for its connector`);
    await this.#runCommand(["task", "--quiet", "server", "tenants", "add", TENANT]);
    const secret = await this.#runCommand(["task", "--quiet", "server", "tenants", "secret", "add", TENANT]);
    this.#print(`   data in ${this.#dataDirectory}`);
    return secret;
  }

  async #addUser(): Promise<void> {
    this.#print("\n3. A user of the management web");
    this.#password = await this.#runCommand(["task", "--quiet", "server", "users", "add", USER, "--role", "admin"]);
  }

  async #startServer(): Promise<void> {
    const { server, management } = this.#ports;
    this.#print("\n4. The server");
    const child = this.#startService("server", ["task", "--quiet", "server"], this.#serverEnvironment());
    await this.#untilOk(`http://127.0.0.1:${management}/health/ready`);
    this.#print(`   http://127.0.0.1:${server}, process ${child.pid}`);
  }

  #startConnector(secret: string): void {
    this.#print("\n5. The connector, which connects to the server and serves the sample target");
    const child = this.#startService("connector", ["task", "--quiet", "connector"], {
      RELAY_CONNECTOR__RELAY_SERVER_BASE_URI: `http://127.0.0.1:${this.#ports.server}`,
      RELAY_CONNECTOR__TENANT_NAME: TENANT,
      RELAY_CONNECTOR__TENANT_SECRET: secret,
      [`RELAY_CONNECTOR__TARGETS__${TARGET.toUpperCase()}__URL`]: `http://127.0.0.1:${this.#ports.target}`,
      RELAY_CONNECTOR__LOG__FORMAT: "text",
    });
    this.#print(`   target "${TARGET}" is http://127.0.0.1:${this.#ports.target}, process ${child.pid}`);
  }

  async #relayFirstRequest(): Promise<void> {
    const url = `http://127.0.0.1:${this.#ports.server}/relay/${TENANT}/${TARGET}/hello`;
    this.#print(`\n6. A first request\n   $ curl -i ${url}`);
    const answer = await this.#waitFor(
      url,
      ({ response }) => response.headers.get("RelayServer-Error") !== "connector_unavailable",
    );
    this.#print(showAnswer(answer).replace(/^(?=.)/gm, "   "));
    if (!isRelayed(answer)) {
      throw new Error("Cannot relay: this is not what the sample target answers through the relay");
    }
  }

  #serverEnvironment(): Record<string, string> {
    const { server, management } = this.#ports;
    return {
      RELAY_SERVER__HOSTNAME: "127.0.0.1",
      RELAY_SERVER__PORT: String(server),
      RELAY_SERVER__MANAGEMENT__PORT: String(management),
      RELAY_SERVER__PUBLIC_URL: `http://127.0.0.1:${server}`,
      RELAY_SERVER__DATA_DIRECTORY: this.#dataDirectory,
      RELAY_SERVER__LOG__FORMAT: "text",
    };
  }

  /** Starts a program that is to run until the end of the demo. */
  #startService(name: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Child {
    const child = this.#startChild(args, { env });
    child.ended.then((status) => {
      if (!child.isAskedToStop) this.#options.stop.abort(endedError(`The ${name}`, { status, log: child.log }));
    });
    return child;
  }

  /** Runs a command of the server to its end and returns the last line of its standard output. */
  async #runCommand(args: readonly string[]): Promise<string> {
    let lastLine = "";
    const { signal } = this.#options.stop;
    const child = this.#startChild(args, { env: this.#serverEnvironment(), onOutput: (line) => lastLine = line });
    const stop = () => void child.stop();
    const timer = setTimeout(stop, START_TIMEOUT_MS);
    signal.addEventListener("abort", stop);
    const status = await child.ended;
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
    signal.throwIfAborted();
    if (!status.success) throw endedError("The command", { status, log: child.log });
    return lastLine;
  }

  #startChild(args: readonly string[], options: Pick<ChildOptions, "env" | "onOutput">): Child {
    this.#options.stop.signal.throwIfAborted();
    this.#print(`   $ deno ${args.filter((arg) => arg !== "--quiet" && arg !== "--no-prompt").join(" ")}`);
    const onDownload = () => this.#sayDownload();
    const child = new Child(args, { ...options, env: { ...this.#env, ...options.env }, onDownload });
    return this.#resources.use(child);
  }

  #sayDownload(): void {
    if (!this.#hasSaidDownload) this.#print("   downloading dependencies, which only a first run has to do ...");
    this.#hasSaidDownload = true;
  }

  async #untilOk(url: string): Promise<void> {
    await this.#waitFor(url, ({ response }) => response.ok);
  }

  #waitFor(url: string, isAwaited: (answer: Answer) => boolean): Promise<Answer> {
    return waitForAnswer(url, { isAwaited, timeoutMs: START_TIMEOUT_MS, signal: this.#options.stop.signal });
  }

  #print(text: string): void {
    this.#options.print(`${text}\n`);
  }
}

/** Whether the answer is the sample target's, and came by the relay, which signs the requests that it passes on. */
function isRelayed({ response, text }: Answer): boolean {
  return response.status === 200 && text === JSON.stringify({ message: GREETING, via: "1.1 relayserver" });
}

function endedError(
  what: string,
  { status, log }: { readonly status: Deno.CommandStatus; readonly log: readonly string[] },
): Error {
  const how = status.signal ?? `exit code ${status.code}`;
  return new Error([`${what} ended unexpectedly: ${how}. Its last lines:`, ...log].join("\n   "));
}

/** A RelayServer that is configured in the user's environment is not what the demo is to work on. */
function inheritedEnvironment(env: Readonly<Record<string, string>>): Record<string, string> {
  const own = /^(RELAY_(SERVER|CONNECTOR)__|DENO_SERVE_ADDRESS$)/;
  return { ...Object.fromEntries(Object.entries(env).filter(([name]) => !own.test(name))), NO_COLOR: "1" };
}
