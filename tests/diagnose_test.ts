import assert from "node:assert/strict";
import { createServer as createTlsServer } from "node:https";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { join } from "node:path";
import { WebSocketServer } from "ws";
import { connectorProgram } from "../connector/cli/program.ts";
import { createConnector } from "../connector/connector.ts";
import type { StepResult } from "../connector/diagnose/step.ts";
import { runCli } from "../shared/cli/mod.ts";
import { testIo } from "../shared/cli/testing.ts";
import { startBrokenProxy } from "../shared/net/testing.ts";
import { encodeFrame } from "../shared/protocol/codec.ts";
import { CONNECTION_ID, FrameType } from "../shared/protocol/frame.ts";
import { makeCertificate } from "./testkit/certificate.ts";
import { connectorConfig, type ConnectorOverrides, type TestTargets } from "./testkit/connector.ts";
import { requireCommands } from "./testkit/requirement.ts";
import { startServer } from "./testkit/server.ts";
import { startTarget } from "./testkit/target.ts";
import type { TestTenant } from "./testkit/tenants.ts";

interface Diagnosis {
  readonly code: number;
  readonly out: string;
  readonly steps: readonly StepResult[];
}

const NOBODY: TestTenant = { id: "x", name: "nobody", connectorSecret: "a-secret-value", clientSecret: "" };

/** Runs `diagnose --json` with a configuration file. */
async function diagnose(
  url: string,
  tenant: TestTenant = NOBODY,
  options: ConnectorOverrides & { readonly targets?: TestTargets } = {},
): Promise<Diagnosis> {
  const folder = await Deno.makeTempDir();
  try {
    const file = join(folder, "connector.json");
    await Deno.writeTextFile(file, JSON.stringify(connectorConfig({ url }, tenant, options)));
    const io = testIo();
    const code = await runCli(connectorProgram({ createConnector }), ["diagnose", "--json", "--config", file], io);
    assert.doesNotMatch(io.out() + io.err(), new RegExp(tenant.connectorSecret));
    const { ok, steps } = JSON.parse(io.out());
    assert.equal(ok, code === 0);
    return { code, out: io.out(), steps };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Checks that one step failed, with these words, and that those of the same server after it were skipped. */
function assertFailedAt({ code, steps }: Diagnosis, step: string, what: { detail: RegExp; advice: RegExp }): void {
  assert.equal(code, 1);
  const failed = steps.filter(({ state }) => state === "failed");
  assert.deepEqual(failed.map((each) => each.step), [step], JSON.stringify(failed));
  assert.match(failed[0]!.detail, what.detail);
  assert.match(failed[0]!.advice ?? "", what.advice);
  const after = steps.slice(steps.indexOf(failed[0]!) + 1).filter(({ subject }) => subject === failed[0]!.subject);
  for (const { state, detail } of after) assert.deepEqual([state, detail], ["skipped", `after the failure of ${step}`]);
}

Deno.test("diagnose ends with 0 and the time of every step when all is well", async () => {
  await using server = await startServer();
  await using target = startTarget(() => new Response(null, { status: 404 }));
  const tenant = await server.database.createTenant();
  const { code, steps } = await diagnose(server.url, tenant, { targets: { app: target.url, echo: { type: "echo" } } });
  assert.equal(code, 0, JSON.stringify(steps, null, 1));
  assert.deepEqual(steps.map(({ step, state }) => [step, state]), [
    ["configuration", "ok"],
    ["dns", "ok"],
    ["proxy", "skipped"],
    ["tcp", "ok"],
    ["tls", "skipped"],
    ["discovery", "ok"],
    ["token", "ok"],
    ["websocket", "ok"],
    ["handshake", "ok"],
    ["keep-alive", "ok"],
    ["target", "ok"],
    ["target", "ok"],
  ]);
  assert.match(steps.find(({ step }) => step === "keep-alive")!.detail, /^round trip \d/);
  assert.match(steps.find(({ subject }) => subject === "app")!.detail, /answers 404/);
  assert.ok(steps.some(({ durationMs }) => durationMs > 0));
});

Deno.test("diagnose without --json prints a line a step, and advice below", async () => {
  const io = testIo({
    RELAY_CONNECTOR__RELAY_SERVER_BASE_URI: "http://127.0.0.1:1",
    RELAY_CONNECTOR__TENANT_NAME: "acme",
    RELAY_CONNECTOR__TENANT_SECRET: "s3cret-value",
  });
  assert.equal(await runCli(connectorProgram({ createConnector }), ["diagnose"], io), 1);
  assert.match(io.out(), /^ok {6}configuration environment and flags: tenant acme, 0 targets \(/);
  assert.match(io.out(), /\nfailed {2}tcp +http:\/\/127\.0\.0\.1:1: .*\n {8}-> Nothing listens on port 1,/);
  assert.match(io.out(), /\nskipped discovery +http:\/\/127\.0\.0\.1:1: after the failure of tcp\n/);
  assert.match(io.out(), /\nNot everything is in order, see above\.\n$/);
  assert.doesNotMatch(io.out(), /s3cret-value/);
});

Deno.test("diagnose names every problem of the configuration and looks no further", async () => {
  const result = await diagnose("ftp://nowhere", { ...NOBODY, name: "" });
  assert.equal(result.steps.length, 1);
  assertFailedAt(result, "configuration", { detail: /relayServerBaseUri.*tenantName/s, advice: /configuration\.md/ });
});

Deno.test("diagnose names a name that does not resolve", async () => {
  const result = await diagnose("https://no-such-host.invalid");
  assertFailedAt(result, "dns", { detail: /Cannot resolve no-such-host\.invalid/, advice: /spelled/ });
});

Deno.test("diagnose names a port on which nobody listens", async () => {
  const result = await diagnose("http://127.0.0.1:1");
  assertFailedAt(result, "tcp", {
    detail: /Cannot connect to 127\.0\.0\.1 port 1: .*refused/i,
    advice: /Nothing listens/,
  });
});

Deno.test("diagnose names a captive portal that answers everything with a page", async () => {
  await using portal = startTarget(() =>
    new Response("<html>Please log in", { headers: { "content-type": "text/html" } })
  );
  const result = await diagnose(portal.url);
  assertFailedAt(result, "discovery", { detail: /no discovery document/, advice: /captive portal/ });
});

Deno.test("diagnose names a wrong secret and a disabled tenant", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  const wrong = await diagnose(server.url, { ...tenant, connectorSecret: "not-the-secret" });
  assertFailedAt(wrong, "token", { detail: /refused the tenant's credentials/, advice: /tenantSecret/ });
  await server.database.updateTenant(tenant.id, { enabled: false });
  const disabled = await diagnose(server.url, tenant);
  assert.equal(disabled.code, 1);
  const failed = disabled.steps.filter(({ state }) => state === "failed");
  assert.ok(["token", "websocket"].includes(failed[0]?.step ?? ""), JSON.stringify(failed));
  assert.equal(failed.length, 1);
});

Deno.test("diagnose names a server that speaks another protocol version", async () => {
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => "relayserver.v1" });
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  const http = createServer((_request, response) => {
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    const document = { serverVersion: "9.0.0", authorizationServer: server.url, connectorEndpoint: `${url}/connector` };
    response.setHeader("content-type", "application/json").end(JSON.stringify(document));
  });
  http.on("upgrade", (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const error = { code: "version_unsupported", message: "This server speaks protocol version 9" };
      webSocket.on("message", () => {
        webSocket.send(encodeFrame(FrameType.error, CONNECTION_ID, { head: error }));
        webSocket.close(4002, "version_unsupported");
      });
    }));
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  try {
    const result = await diagnose(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, tenant);
    assertFailedAt(result, "handshake", { detail: /protocol version 9/, advice: /update the older/ });
  } finally {
    for (const client of sockets.clients) client.terminate();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  }
});

Deno.test("diagnose names a target that is down, and looks at the others", async () => {
  await using server = await startServer();
  await using up = startTarget(() => new Response("up"));
  const tenant = await server.database.createTenant();
  const targets = { down: "http://127.0.0.1:1", up: up.url };
  const result = await diagnose(server.url, tenant, { targets });
  assertFailedAt(result, "target", {
    detail: /^http:\/\/127\.0\.0\.1:1: /,
    advice: /Nothing listens on port 1: check that the application runs/,
  });
  assert.equal(result.steps.find(({ subject }) => subject === "up")?.state, "ok");
});

const openssl = await requireCommands(["openssl"], { requirement: "proxy" });

interface TlsFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** Serves HTTPS on all addresses of this machine, with a certificate for some of them that `change` may write anew. */
async function withTls(
  look: (port: number, files: TlsFiles) => Promise<void>,
  change: (files: TlsFiles) => readonly (readonly string[])[] = () => [],
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const files = await makeCertificate(folder, openssl.path("openssl"));
    for (const args of change(files)) {
      const { success, stderr } = await new Deno.Command(openssl.path("openssl"), { args: [...args] }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
    }
    const [cert, key] = [await Deno.readTextFile(files.certFile), await Deno.readTextFile(files.keyFile)];
    const server = createTlsServer({ cert, key }, (_request, response) => void response.writeHead(404).end());
    server.on("tlsClientError", () => {});
    await new Promise<void>((resolve) => server.listen(0, resolve));
    try {
      await look((server.address() as AddressInfo).port, files);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Writes the certificate anew so that it signs itself, valid for so many days from now. */
function selfSigned({ certFile, keyFile }: TlsFiles, days: number): readonly (readonly string[])[] {
  const first = ["req", "-x509", "-key", keyFile, "-subj", "/CN=changed", "-addext", "subjectAltName=DNS:localhost"];
  return [
    [...first, "-out", certFile],
    ["x509", "-in", certFile, "-signkey", keyFile, "-days", String(days), "-out", certFile],
  ];
}

function tlsTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: openssl.label(name), ignore: openssl.isSkipped, fn });
}

tlsTest("diagnose shows the chain, and goes on when it is trusted", () =>
  withTls(async (port, { caFile }) => {
    const { steps } = await diagnose(`https://localhost:${port}`, NOBODY, { caFile });
    const tls = steps.find(({ step }) => step === "tls");
    assert.equal(tls?.state, "ok", JSON.stringify(tls));
    assert.match(tls!.detail, /^localhost < test, valid until \d{4}-\d\d-\d\d$/);
  }));

tlsTest("diagnose names who signed a certificate that this machine does not trust", () =>
  withTls(async (port) => {
    const result = await diagnose(`https://localhost:${port}`);
    assertFailedAt(result, "tls", { detail: /localhost < test/, advice: /signed it, "test".*caFile/ });
  }));

tlsTest("diagnose names a self-signed certificate", () =>
  withTls(async (port) => {
    const result = await diagnose(`https://localhost:${port}`);
    assertFailedAt(result, "tls", { detail: /the chain is changed/, advice: /signed it, "changed"/ });
  }, (files) => selfSigned(files, 2)));

tlsTest("diagnose names an expired certificate and its last day", () =>
  withTls(async (port) => {
    const day = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
    const result = await diagnose(`https://localhost:${port}`);
    assertFailedAt(result, "tls", { detail: new RegExp(`until ${day}`), advice: new RegExp(`It ended on ${day}`) });
    const { steps } = await diagnose("http://127.0.0.1:1", NOBODY, { targets: { erp: `https://localhost:${port}` } });
    assert.match(steps.find(({ subject }) => subject === "erp")?.advice ?? "", new RegExp(`It ended on ${day}: renew`));
  }, (files) => selfSigned(files, -1)));

tlsTest("diagnose names the names of a certificate for somebody else", () =>
  withTls(async (port, { caFile }) => {
    const result = await diagnose(`https://127.0.0.2:${port}`, NOBODY, { caFile });
    assertFailedAt(result, "tls", {
      detail: /localhost < test/,
      advice: /It is for DNS:localhost.*not for 127\.0\.0\.2/,
    });
  }));

tlsTest(
  "diagnose names http and https that were mixed up, of the server and of a target",
  () =>
    withTls(async (port, { caFile }) => {
      await using plain = startTarget(() => new Response("plain"));
      const swapped = await diagnose(`http://localhost:${port}`, NOBODY, { allowInsecure: true });
      assertFailedAt(swapped, "discovery", {
        detail: /Cannot reach/,
        advice: /speaks no HTTP: the port may be for https/,
      });
      const other = await diagnose(plain.url.replace("http:", "https:"));
      assertFailedAt(other, "tls", { detail: /./, advice: /Nothing there speaks TLS/ });
      const targets = {
        tls: { url: `http://localhost:${port}` },
        plain: { url: plain.url.replace("http:", "https:") },
        unknown: { url: `https://localhost:${port}` },
        nowhere: { url: "http://erp.no-such-host.invalid" },
        known: { url: `https://localhost:${port}`, tls: { caFile } },
      };
      const { steps } = await diagnose("http://127.0.0.1:1", NOBODY, { targets });
      const advice = Object.fromEntries(steps.map((each) => [each.subject, each.advice ?? each.state]));
      assert.match(advice.tls!, /speaks no HTTP: check http or https/);
      assert.match(advice.plain!, /speaks no TLS: check https/);
      assert.match(advice.unknown!, /signed it, "test".*tls\.caFile/);
      assert.match(advice.nowhere!, /DNS does not know erp\.no-such-host\.invalid/);
      assert.equal(advice.known, "ok");
    }),
);

Deno.test("diagnose names a file of authorities that is not there, or holds no certificate", async () => {
  const missing = await diagnose("https://relay.example", NOBODY, { caFile: "/nowhere/ca.pem" });
  assertFailedAt(missing, "configuration", { detail: /caFile: Cannot read the file: it does not exist/, advice: /./ });
  const empty = await diagnose("https://relay.example", NOBODY, { caFile: import.meta.filename! });
  assertFailedAt(empty, "configuration", { detail: /caFile: .*no certificate \(PEM\)/, advice: /./ });
});

/** A proxy that opens tunnels, or refuses to. */
async function startTunnels(refusal?: string) {
  const http = createServer();
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => sockets.add(socket.on("error", () => {}));
  let tunnels = 0;
  http.on("connection", keep);
  http.on("connect", (request, socket) => {
    if (refusal !== undefined) return void socket.end(`HTTP/1.1 ${refusal}\r\nContent-Length: 0\r\n\r\n`);
    tunnels++;
    const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(request.url ?? "") ?? [];
    const upstream = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(upstream).pipe(socket);
    });
    keep(upstream);
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    tunnels: () => tunnels,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

Deno.test("diagnose takes the proxy that the connector takes", async () => {
  await using server = await startServer();
  await using proxy = await startTunnels();
  const tenant = await server.database.createTenant();
  const { code, steps } = await diagnose(server.url, tenant, { proxy: proxy.url });
  assert.equal(code, 0, JSON.stringify(steps, null, 1));
  const detail = (name: string) => steps.find(({ step }) => step === name)?.detail;
  assert.equal(detail("proxy"), `${proxy.url}, leads to 127.0.0.1 port ${new URL(server.url).port}`);
  assert.equal(detail("tcp"), "the proxy connects to the server");
  assert.ok(proxy.tunnels() >= 3, `${proxy.tunnels()} tunnels`);
});

Deno.test("diagnose names a proxy that wants other credentials, without showing those it has", async () => {
  await using server = await startServer();
  await using proxy = await startTunnels("407 Proxy Authentication Required");
  const url = new URL(proxy.url);
  Object.assign(url, { username: "me", password: "a-proxy-password" });
  const tenant = await server.database.createTenant();
  const result = await diagnose(server.url, tenant, { proxy: url.href });
  assertFailedAt(result, "proxy", { detail: /credentials \(407\)/, advice: /^Check user and password in `proxy`/ });
  assert.doesNotMatch(result.out, /a-proxy-password/);
});

Deno.test("diagnose names a proxy that is not there", async () => {
  const result = await diagnose("http://127.0.0.1:9", NOBODY, { proxy: "http://127.0.0.1:1" });
  assertFailedAt(result, "proxy", {
    detail: /Cannot reach the proxy http:\/\/127\.0\.0\.1:1/,
    advice: /^Check the address/,
  });
});

Deno.test("diagnose names a proxy that refuses the address, speaks no HTTP, or has a name that does not resolve", async () => {
  await using strict = await startTunnels("403 Forbidden");
  const refused = await diagnose("https://relay.example", NOBODY, { proxy: strict.url });
  assertFailedAt(refused, "proxy", { detail: /refused the connection \(403\)/, advice: /^Have it allow CONNECT/ });
  await using nonsense = await startBrokenProxy("SSH-2.0-OpenSSH\r\n");
  const spoken = await diagnose("https://relay.example", NOBODY, { proxy: nonsense.url.href });
  assertFailedAt(spoken, "proxy", { detail: /speaks no HTTP/, advice: /^Check the address/ });
  const unknown = await diagnose("https://relay.example", NOBODY, { proxy: "http://no-such-proxy.invalid:3128" });
  assertFailedAt(unknown, "dns", { detail: /no-such-proxy\.invalid/, advice: /spelled in proxy or HTTPS_PROXY/ });
});
