/**
 * nginx and Caddy as child processes, with the configuration files of `docs/examples`: only names, ports, paths and the time for a
 * request's head are replaced.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { makeCertificate } from "./certificate.ts";
import { connectTcp } from "./tcp.ts";
import { ChildProcess, PROJECT_ROOT } from "./process.ts";
import type { Requirement } from "./requirement.ts";
import { closedPort } from "./target.ts";

/** Programs that can stand in front of a server. */
export type ProxyName = "nginx" | "caddy";

/** A proxy that speaks HTTPS for a server on this machine, as `localhost` and as every name below `relay.localhost`. */
export interface TestProxy extends AsyncDisposable {
  readonly port: number;
  /** `https:` base, without a slash at its end. */
  readonly url: string;
  /** The authority (PEM) of its certificate. */
  readonly caFile: string;
}

/** What each program is started with. */
const PROXIES: Readonly<Record<ProxyName, { readonly file: string; args(file: string, folder: string): string[] }>> = {
  nginx: {
    file: "nginx.conf",
    args: (file, folder) => ["-p", folder, "-c", file, "-e", "stderr", "-g", `daemon off; pid ${folder}/nginx.pid;`],
  },
  caddy: { file: "Caddyfile", args: (file) => ["run", "--adapter", "caddyfile", "--config", file] },
};

/** Starts a proxy in front of a server, and waits until it listens. */
export async function startProxy(
  name: ProxyName,
  { serverPort, programs }: { readonly serverPort: number; readonly programs: Requirement },
): Promise<TestProxy> {
  await using resources = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "relayserver-proxy-" });
  resources.defer(() => Deno.remove(folder, { recursive: true }));
  const { caFile } = await makeCertificate(folder, programs.path("openssl"));
  const port = closedPort();
  const { file, args } = PROXIES[name];
  const documented = await Deno.readTextFile(join(PROJECT_ROOT, "docs", "examples", file));
  const path = join(folder, file);
  await Deno.writeTextFile(path, adapted(name, documented, { port, serverPort, folder }));
  const child = new Deno.Command(programs.path(name), {
    args: args(path, folder),
    cwd: folder,
    env: { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const process = resources.use(new ChildProcess(child));
  await listening(port, process);
  const kept = resources.move();
  return { port, url: `https://localhost:${port}`, caFile, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** The documented configuration for this test. Every replacement must find its place, or the file has changed. */
function adapted(
  name: ProxyName,
  documented: string,
  { port, serverPort, folder }: { readonly port: number; readonly serverPort: number; readonly folder: string },
): string {
  let text = documented;
  const replace = (from: string, to: string) => {
    assert.ok(text.includes(from), `The documented configuration of ${name} has no "${from}"`);
    text = text.replaceAll(from, to);
  };
  replace("/etc/letsencrypt/live/relay.example.com", folder);
  replace("127.0.0.1:8080", `127.0.0.1:${serverPort}`);
  replace("15s", "1s");
  if (name === "nginx") {
    replace("*.relay.example.com", "*.relay.localhost");
    replace("relay.example.com", "localhost");
    replace("443 ssl", `${port} ssl`);
    const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) =>
      `${kind}_temp_path ${folder}/${kind};`
    );
    replace("http {", `http { access_log off; ${paths.join(" ")}`);
  } else {
    replace("*.relay.example.com", `*.relay.localhost:${port}`);
    replace("relay.example.com", `localhost:${port}`);
    replace("\tservers {", "\tadmin off\n\tauto_https disable_redirects\n\tservers {");
  }
  return text;
}

async function listening(port: number, process: ChildProcess): Promise<void> {
  let hasEnded = false;
  process.status.then(() => hasEnded = true);
  const until = performance.now() + 15_000;
  while (true) {
    try {
      return (await connectTcp(port)).close();
    } catch (error) {
      if (hasEnded || performance.now() > until) {
        throw new Error(`The proxy does not listen\n${process.output}`, { cause: error });
      }
      // Neither program says when it listens.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
