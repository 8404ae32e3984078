import assert from "node:assert/strict";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { makeCertificate, type TestCertificate } from "./testkit/certificate.ts";
import { assertFailedAt, diagnose, NOBODY } from "./testkit/diagnose.ts";
import { requireCommands } from "./testkit/requirement.ts";
import { startTarget } from "./testkit/target.ts";

const openssl = await requireCommands(["openssl"], { requirement: "proxy" });

/** Serves HTTPS on all addresses of this machine, with a certificate for some of them that `change` may write anew. */
async function withTls(
  look: (port: number, files: TestCertificate) => Promise<void>,
  change: (files: TestCertificate) => readonly (readonly string[])[] = () => [],
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const files = await makeCertificate(folder, openssl.path("openssl"));
    for (const args of change(files)) {
      const { success, stderr } = await new Deno.Command(openssl.path("openssl"), { args: [...args] }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
    }
    const [cert, key] = [await Deno.readTextFile(files.certFile), await Deno.readTextFile(files.keyFile)];
    const server = createServer({ cert, key }, (_request, response) => void response.writeHead(404).end());
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
function selfSigned({ certFile, keyFile }: TestCertificate, days: number): readonly (readonly string[])[] {
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
    const url = `https://localhost:${port}`;
    const { steps } = await diagnose("http://127.0.0.1:1", NOBODY, {
      targets: { erp: url, crm: { url, proxy: "none" } },
    });
    for (const name of ["erp", "crm"]) {
      assert.match(
        steps.find(({ subject }) => subject === name)?.advice ?? "",
        new RegExp(`It ended on ${day}: renew`),
      );
    }
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
