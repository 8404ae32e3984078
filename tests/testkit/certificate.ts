/**
 * Certificates for tests, made by `openssl`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";

/** PEM files. */
export interface TestCertificate {
  /** Certificate of the authority, for clients. */
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];

/**
 * Makes an authority, and a certificate of it for `localhost`, the names below `relay.localhost`, and this machine's loopback addresses. One that signs itself
 * would not do: Deno's TLS takes no authority for a server.
 *
 * @param folder Where the files go: `ca.pem`, `fullchain.pem` and `privkey.pem`.
 * @param openssl Path of the program.
 * @param options More `names`, as `DNS:name` or `IP:address`.
 */
export async function makeCertificate(
  folder: string,
  openssl: string,
  { names: more = [] }: { readonly names?: readonly string[] } = {},
): Promise<TestCertificate> {
  const file = (name: string) => join(folder, name);
  const [caFile, caKeyFile, certFile, keyFile] = ["ca.pem", "ca.key", "fullchain.pem", "privkey.pem"].map(file);
  const names = ["subjectAltName=DNS:localhost,DNS:*.relay.localhost,IP:127.0.0.1,IP:::1", ...more].join(",");
  await run(openssl, ["req", "-x509", ...NEW_KEY, "-subj", "/CN=test", "-keyout", caKeyFile!, "-out", caFile!]);
  const request = ["-subj", "/CN=localhost", "-addext", names, "-addext", "basicConstraints=critical,CA:FALSE"];
  const issued = ["-CA", caFile!, "-CAkey", caKeyFile!, "-keyout", keyFile!, "-out", certFile!];
  await run(openssl, ["req", "-x509", ...NEW_KEY, ...request, ...issued]);
  return { caFile: caFile!, certFile: certFile!, keyFile: keyFile! };
}

async function run(openssl: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(openssl, { args: [...args] }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}
