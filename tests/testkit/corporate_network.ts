/**
 * A company's network in network namespaces: a site where nothing but the proxy can be reached, and a proxy with a leg on each side.
 *
 * @module
 */

import assert from "node:assert/strict";
import { connectTcp } from "./tcp.ts";
import { ChildProcess } from "./process.ts";
import { requireCommands, type Requirement } from "./requirement.ts";

/** Namespaces, as one of the {@linkcode Requirement}s. */
export interface NamespaceRequirement extends Requirement {
  /** Whether namespaces can be made here, which takes root. */
  readonly isPossible: boolean;
}

/** Looks whether namespaces can be made, and for programs. */
export async function requireNamespaces(commands: readonly string[]): Promise<NamespaceRequirement> {
  const requirement = await requireCommands(["ip", ...commands], { requirement: "proxy" });
  const isRequired = (Deno.env.get("RELAY_TEST_REQUIRE") ?? "").split(",").some((word) => word.trim() === "proxy");
  const isPossible = !requirement.isSkipped && await canMakeNamespaces();
  return {
    isPossible,
    isSkipped: requirement.isSkipped || !isPossible && !isRequired,
    label: (name) =>
      requirement.isSkipped || isPossible || isRequired
        ? requirement.label(name)
        : `${name} (skipped: network namespaces cannot be made here)`,
    path: (command) => requirement.path(command),
  };
}

async function canMakeNamespaces(): Promise<boolean> {
  const name = `relay-probe-${crypto.randomUUID().slice(0, 8)}`;
  try {
    await ip("netns", "add", name);
    await ip("netns", "delete", name);
    return true;
  } catch {
    return false;
  }
}

/** The addresses of a {@linkcode CorporateNetwork}. */
export interface Addresses {
  /** Of the proxy, as the site sees it. */
  readonly proxy: string;
  readonly proxy6: string;
  /** Of the world outside, which is this process's own network; the site cannot reach it. */
  readonly outside: string;
  readonly outside6: string;
}

/** Site, proxy and the world. */
export class CorporateNetwork implements AsyncDisposable {
  /** Namespace of the site. */
  readonly site: string;
  /** Namespace of the proxy. */
  readonly gate: string;
  readonly addresses: Addresses;

  private constructor(id: string, net: number) {
    this.site = `relay-site-${id}`;
    this.gate = `relay-gate-${id}`;
    const six = `fd52:${net.toString(16)}`;
    this.addresses = {
      proxy: `10.${net}.1.1`,
      proxy6: `${six}:1::1`,
      outside: `10.${net}.2.1`,
      outside6: `${six}:2::1`,
    };
  }

  /** Makes the namespaces and the cables between them. */
  static async create(): Promise<CorporateNetwork> {
    const id = crypto.randomUUID().slice(0, 6);
    const net = 100 + Math.floor(Math.random() * 150);
    const network = new CorporateNetwork(id, net);
    const { site, gate, addresses: { proxy, proxy6, outside, outside6 } } = network;
    try {
      for (const name of [site, gate]) {
        await ip("netns", "add", name);
        await ip("-n", name, "link", "set", "lo", "up");
      }
      await cable([`rs${id}a`, site, `10.${net}.1.2/24`, proxy6.replace(/1$/, "2")], [
        `rs${id}b`,
        gate,
        `${proxy}/24`,
        proxy6,
      ]);
      await cable([`rs${id}c`, gate, `10.${net}.2.2/24`, outside6.replace(/1$/, "2")], [
        `rs${id}d`,
        undefined,
        `${outside}/24`,
        outside6,
      ]);
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
    return network;
  }

  /** Starts a program in the proxy's namespace, and waits until it listens. */
  async startProxy(program: string, args: readonly string[], port: number): Promise<ChildProcess> {
    const child = new Deno.Command("ip", {
      args: ["netns", "exec", this.gate, program, ...args],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const process = new ChildProcess(child);
    let hasEnded = false;
    process.status.then(() => hasEnded = true);
    const until = performance.now() + 15_000;
    const isListening = async () => / 0A /.test(await this.#connections(this.gate, port));
    while (!await isListening()) {
      if (hasEnded || performance.now() > until) {
        await process.stop();
        throw new Error(`The proxy does not listen\n${process.output}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return process;
  }

  /** Gives names to addresses in the proxy's namespace, in the order in which they are tried. */
  async setHosts(lines: readonly string[]): Promise<void> {
    await Deno.mkdir(`/etc/netns/${this.gate}`, { recursive: true });
    await Deno.writeTextFile(`/etc/netns/${this.gate}/hosts`, ["127.0.0.1 localhost", ...lines, ""].join("\n"));
  }

  /** Remote addresses and ports, in hexadecimal as in `/proc/net/tcp`, of the site's connections to elsewhere. */
  async siteConnections(): Promise<readonly string[]> {
    const lines = (await this.#read(this.site)).split("\n").map((line) => line.trim().split(/\s+/));
    const open = lines.filter(([, , , state]) => state !== undefined && /^[0-9A-F]{2}$/.test(state) && state !== "0A");
    return open.map(([, , remote = ""]) => remote);
  }

  async #connections(namespace: string, port: number): Promise<string> {
    const hex = port.toString(16).toUpperCase().padStart(4, "0");
    return (await this.#read(namespace)).split("\n").filter((line) => line.includes(`:${hex} `)).join("\n");
  }

  #read(namespace: string): Promise<string> {
    return output("ip", ["netns", "exec", namespace, "cat", "/proc/net/tcp", "/proc/net/tcp6"]);
  }

  /** The cables go with the namespaces they end in. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of [this.site, this.gate]) await ip("netns", "delete", name).catch(() => {});
    await Deno.remove(`/etc/netns/${this.gate}`, { recursive: true }).catch(() => {});
  }
}

type End = readonly [device: string, namespace: string | undefined, address: string, address6: string];

async function cable(one: End, other: End): Promise<void> {
  await ip("link", "add", one[0], "type", "veth", "peer", "name", other[0]);
  for (const [device, namespace, address, address6] of [one, other]) {
    if (namespace !== undefined) await ip("link", "set", device, "netns", namespace);
    const at = namespace === undefined ? [] : ["-n", namespace];
    await ip(...at, "address", "add", address, "dev", device);
    await ip(...at, "address", "add", `${address6}/64`, "dev", device, "nodad");
    await ip(...at, "link", "set", device, "up");
  }
}

async function ip(...args: readonly string[]): Promise<void> {
  await output("ip", args);
}

async function output(program: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  assert.ok(success, `${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** A port that is free on all addresses now. */
export async function freePort(): Promise<number> {
  using listener = Deno.listen({ port: 0 });
  const { port } = listener.addr;
  await connectTcp(port).then((client) => client.close());
  return port;
}
