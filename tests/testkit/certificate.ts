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

/** What a certificate of {@linkcode makeCertificateOf} is like. */
export interface CertificateOptions {
  readonly openssl: string;
  /** Folder that {@linkcode makeCertificate} has put its authority into. */
  readonly caFolder: string;
  /** As `YYYYMMDDHHMMSSZ`. */
  readonly from: string;
  readonly to: string;
}

/**
 * Makes a certificate for `localhost` that is valid at another time.
 *
 * @param folder A folder that does not exist yet.
 * @returns Files with the certificate and its key.
 */
export async function makeCertificateOf(
  folder: string,
  options: CertificateOptions,
): Promise<readonly [string, string]> {
  const { openssl, caFolder, from, to } = options;
  await Deno.mkdir(folder);
  const file = (name: string) => join(folder, name);
  const settings = [
    "[ca]",
    "default_ca=d",
    "[d]",
    `database=${file("index")}`,
    `new_certs_dir=${folder}`,
    "rand_serial=yes",
  ];
  settings.push("default_md=sha256", "policy=p", "copy_extensions=copy", "[p]", "commonName=supplied", "");
  await Deno.writeTextFile(file("index"), "");
  await Deno.writeTextFile(file("ca.conf"), settings.join("\n"));
  const extensions = ["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"];
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost"];
  await run(openssl, ["req", ...newKey, ...extensions, "-keyout", file("key.pem"), "-out", file("request.pem")]);
  const authority = ["-cert", join(caFolder, "ca.pem"), "-keyfile", join(caFolder, "ca.key")];
  const times = ["-startdate", from, "-enddate", to];
  const issued = ["-in", file("request.pem"), "-out", file("cert.pem"), "-notext"];
  await run(openssl, ["ca", "-batch", "-config", file("ca.conf"), ...authority, ...times, ...issued]);
  return [file("cert.pem"), file("key.pem")];
}
