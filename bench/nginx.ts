/**
 * nginx with one worker, as the target and in front of it.
 *
 * @module
 */

import { join } from "node:path";
import { freePort, Program } from "./processes.ts";
import { findTool } from "./tools.ts";

/** A running nginx. */
export interface Nginx extends AsyncDisposable {
  readonly port: number;
  readonly program: Program;
}

/** Starts nginx with a server block that serves the files of a folder. */
export async function startFileServer(folder: string, rootFolder: string): Promise<Nginx> {
  return await startNginx(folder, { server: `location / { root ${rootFolder}; }` });
}

/** Starts nginx as a reverse proxy that keeps connections to a port of this machine and stores nothing on the way. */
export async function startReverseProxy(folder: string, targetPort: number): Promise<Nginx> {
  return await startNginx(folder, {
    http: `upstream target { server 127.0.0.1:${targetPort}; keepalive 256; keepalive_requests 100000000; }`,
    server: `location / {
      proxy_pass http://target;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering off;
    }`,
  });
}

/** Starts nginx as a balancer that gives a request to the server with the fewest, and lets connectors through. */
export async function startBalancer(folder: string, serverPorts: readonly number[]): Promise<Nginx> {
  const servers = serverPorts.map((port) => `server 127.0.0.1:${port};`).join(" ");
  return await startNginx(folder, {
    http: `map $http_upgrade $forwarded_connection { default upgrade; "" ""; }
  upstream servers { least_conn; ${servers} keepalive 256; keepalive_requests 100000000; }`,
    server: `location / {
      proxy_pass http://servers;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $forwarded_connection;
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_read_timeout 1h;
    }`,
  });
}

async function startNginx(
  folder: string,
  blocks: { readonly http?: string; readonly server: string },
): Promise<Nginx> {
  const nginx = await findTool("nginx");
  const port = freePort();
  const ownFolder = await Deno.makeTempDir({ dir: folder, prefix: "nginx-" });
  const configFile = join(ownFolder, "nginx.conf");
  await Deno.writeTextFile(configFile, config(ownFolder, port, blocks));
  const program = Program.start([nginx, "-p", ownFolder, "-e", "stderr", "-c", configFile], { folder: ownFolder });
  try {
    await program.waitForPort(port);
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw error;
  }
  return { port, program, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
}

function config(folder: string, port: number, blocks: { readonly http?: string; readonly server: string }): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${join(folder, name)};`).join("\n  ");
  return `daemon off;
master_process off;
worker_processes 1;
pid ${join(folder, "nginx.pid")};
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000000;
  client_max_body_size 0;
  ${temporary}
  ${blocks.http ?? ""}
  server {
    listen 127.0.0.1:${port} backlog=4096;
    ${blocks.server}
  }
}
`;
}
