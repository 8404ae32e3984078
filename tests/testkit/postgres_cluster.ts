/**
 * A PostgreSQL server of the test's own, which it may stop and kill. It listens on loopback and keeps everything in a temporary folder.
 *
 * @module
 */

import { join } from "node:path";
import { ChildProcess } from "./process.ts";
import { closedPort } from "./target.ts";

const FOLDERS = "/usr/lib/postgresql";
/** The server refuses to run as root. */
const USER = "postgres";
const START_TIMEOUT_MS = 30_000;

/** Where the programs are; `undefined` when they are not installed. */
export function findPostgresPrograms(): string | undefined {
  try {
    const [newest] = [...Deno.readDirSync(FOLDERS)].map(({ name }) => name).sort((a, b) => Number(b) - Number(a));
    return newest === undefined ? undefined : join(FOLDERS, newest, "bin");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** One server. Hold it with `await using`. */
export class PostgresCluster implements AsyncDisposable {
  readonly port = closedPort();
  readonly #folder: string;
  readonly #programs: string;
  #process: ChildProcess | undefined;

  private constructor(folder: string, programs: string) {
    this.#folder = folder;
    this.#programs = programs;
  }

  /**
   * Makes a server, starts it, and waits until it takes connections.
   *
   * @throws {Error} When PostgreSQL is not installed.
   */
  static async start(): Promise<PostgresCluster> {
    const programs = findPostgresPrograms();
    if (programs === undefined) throw new Error("Cannot start PostgreSQL: it is not installed");
    const cluster = new PostgresCluster(await Deno.makeTempDir({ prefix: "relayserver-postgres-" }), programs);
    try {
      await cluster.#initialize();
      await cluster.start();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  get url(): string {
    return `postgres://${USER}@127.0.0.1:${this.port}/postgres`;
  }

  /** Starts it again, with what it had. */
  async start(): Promise<void> {
    const process = this.#spawn("postgres", [
      ...["-D", this.#data, "-p", String(this.port), "-k", this.#folder],
      ...["-c", "listen_addresses=127.0.0.1", "-c", "lc_messages=C"],
    ]);
    this.#process = process;
    await process.waitForLine(/database system is ready to accept connections/, { timeoutMs: START_TIMEOUT_MS });
  }

  /** Stops it in good order, whoever is connected. */
  async stop(): Promise<void> {
    await this.#process?.stop({ signal: "SIGINT" });
  }

  /** Ends it without a word. */
  async kill(): Promise<void> {
    // Its children notice by themselves; the signal for an immediate end takes them along, so that the port is free.
    await this.#process?.stop({ signal: "SIGQUIT" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }

  get #data(): string {
    return join(this.#folder, "data");
  }

  async #initialize(): Promise<void> {
    if (isRoot()) await run("chown", [USER, this.#folder]);
    const made = this.#spawn("initdb", ["-D", this.#data, "-U", USER, "--auth=trust", "--no-sync", "--locale=C"]);
    const { success } = await made.status;
    if (!success) throw new Error(`Cannot make a PostgreSQL cluster\n${made.output}`);
  }

  #spawn(program: string, args: readonly string[]): ChildProcess {
    const path = join(this.#programs, program);
    // `setpriv` becomes the program, under the same process id.
    const [command, prefix] = isRoot()
      ? ["setpriv", ["--reuid", USER, "--regid", USER, "--clear-groups", path]]
      : [path, []];
    return new ChildProcess(
      new Deno.Command(command, {
        args: [...prefix, ...args],
        cwd: this.#folder,
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn(),
    );
  }
}

function isRoot(): boolean {
  return Deno.uid() === 0;
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args: [...args] }).output();
  if (!success) throw new Error(`${command} failed: ${new TextDecoder().decode(stderr)}`);
}
