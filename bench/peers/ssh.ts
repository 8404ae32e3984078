/**
 * nginx in front of a port that `ssh -R` carries to the target: what one uses where only outgoing connections are allowed.
 *
 * @module
 */

import { join } from "node:path";
import { userInfo } from "node:os";
import { startLinkTo } from "../link_process.ts";
import { startReverseProxy } from "../nginx.ts";
import { freePort, Program } from "../processes.ts";
import { findTool, runTool } from "../tools.ts";
import type { Peer, PeerOptions } from "./peer.ts";

/** Where sshd, when it runs as root, wants an empty folder; its service makes it at start. */
const PRIVILEGE_SEPARATION_FOLDER = "/run/sshd";

/** nginx, sshd and `ssh -N -R`, with keys of their own. */
export const ssh: Peer = {
  name: "nginx + ssh -R",
  async start(options) {
    await using resources = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir({ dir: options.folder, prefix: "ssh-" });
    await makeKeys(folder);
    const sshdPort = freePort();
    const sshd = resources.use(await startServer(folder, sshdPort));
    const link = resources.use(await startLinkTo(sshdPort, options));
    const forwardedPort = freePort();
    const client = resources.use(await startClient(folder, { ...options, forwardedPort, sshdPort: link.port }));
    await client.waitForPort(forwardedPort);
    const proxy = resources.use(await startReverseProxy(options.folder, forwardedPort));
    const kept = resources.move();
    return {
      url: `http://127.0.0.1:${proxy.port}`,
      headers: {},
      programs: { nginx: proxy.program, sshd, ssh: client },
      [Symbol.asyncDispose]: () => kept.disposeAsync(),
    };
  },
};

async function makeKeys(folder: string): Promise<void> {
  const keygen = await findTool("ssh-keygen");
  for (const name of ["host_key", "user_key"]) {
    await runTool([keygen, "-q", "-t", "ed25519", "-N", "", "-f", join(folder, name)]);
  }
  await Deno.copyFile(join(folder, "user_key.pub"), join(folder, "authorized_keys"));
}

async function startServer(folder: string, port: number): Promise<Program> {
  const sshd = await findTool("sshd");
  if (Deno.uid() === 0) await Deno.mkdir(PRIVILEGE_SEPARATION_FOLDER, { recursive: true, mode: 0o755 });
  const configFile = join(folder, "sshd_config");
  await Deno.writeTextFile(
    configFile,
    `ListenAddress 127.0.0.1:${port}
HostKey ${join(folder, "host_key")}
AuthorizedKeysFile ${join(folder, "authorized_keys")}
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AllowTcpForwarding remote
LogLevel ERROR
`,
  );
  const program = Program.start([sshd, "-D", "-e", "-f", configFile], { folder });
  try {
    await program.waitForPort(port);
    return program;
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw error;
  }
}

async function startClient(
  folder: string,
  { targetPort, forwardedPort, sshdPort }: PeerOptions & {
    readonly forwardedPort: number;
    readonly sshdPort: number;
  },
): Promise<Program> {
  const settings = [
    "StrictHostKeyChecking=no",
    "UserKnownHostsFile=/dev/null",
    "IdentitiesOnly=yes",
    "BatchMode=yes",
    "ExitOnForwardFailure=yes",
    "LogLevel=ERROR",
  ].flatMap((setting) => ["-o", setting]);
  return Program.start([
    await findTool("ssh"),
    ...["-N", "-T", "-F", "none", "-i", join(folder, "user_key"), ...settings],
    ...["-p", String(sshdPort), "-R", `127.0.0.1:${forwardedPort}:127.0.0.1:${targetPort}`],
    `${userInfo().username}@127.0.0.1`,
  ], { folder });
}
