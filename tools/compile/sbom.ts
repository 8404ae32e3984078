/**
 * The list of what is inside an executable, in CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/).
 *
 * @module
 */

import type { PackageInfo } from "./module_graph.ts";

/** What the list is about. */
export interface SbomSubject {
  /** Such as `relayserver-connector`. */
  readonly name: string;
  readonly version: string;
  /** SPDX expression. */
  readonly license: string;
  readonly commit?: string | undefined;
  /** Version of the Deno runtime inside. */
  readonly denoVersion: string;
  readonly packages: readonly PackageInfo[];
  readonly createdAt: Date;
}

/**
 * Makes the list.
 *
 * @returns A document to be written as JSON.
 */
export function createSbom(subject: SbomSubject) {
  const { name, version, license, commit, denoVersion, packages, createdAt } = subject;
  const ref = `${name}@${version}`;
  const runtimeRef = `deno@${denoVersion}`;
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${crypto.randomUUID()}`,
    version: 1,
    metadata: {
      timestamp: createdAt.toISOString(),
      component: {
        type: "application",
        "bom-ref": ref,
        name,
        version,
        licenses: [{ license: { id: license } }],
        ...(commit === undefined ? {} : { properties: [{ name: "relayserver:commit", value: commit }] }),
      },
    },
    components: [
      {
        type: "platform",
        "bom-ref": runtimeRef,
        name: "deno",
        version: denoVersion,
        licenses: [{ license: { id: "MIT" } }],
      },
      ...packages.map(componentOf),
    ],
    dependencies: [
      { ref, dependsOn: [runtimeRef, ...directOf(packages).map(purlOf)] },
      { ref: runtimeRef, dependsOn: [] },
      ...packages.map((each) => ({
        ref: purlOf(each),
        dependsOn: packages.filter(({ id }) => each.dependencies.includes(id)).map(purlOf),
      })),
    ],
  };
}

function componentOf(each: PackageInfo) {
  const at = each.name.lastIndexOf("/");
  const [algorithm, digest] = splitIntegrity(each.integrity);
  return {
    type: "library",
    "bom-ref": purlOf(each),
    ...(at === -1 ? {} : { group: each.name.slice(0, at) }),
    name: each.name.slice(at + 1),
    version: each.version,
    purl: purlOf(each),
    hashes: [{ alg: algorithm, content: digest }],
    licenses: each.license === undefined ? [] : [licenseOf(each.license)],
  };
}

function licenseOf(license: string) {
  return / (?:OR|AND|WITH) /.test(license) ? { expression: license } : { license: { id: license } };
}

/** Packages that no other package brings. */
function directOf(packages: readonly PackageInfo[]): readonly PackageInfo[] {
  const brought = new Set(packages.flatMap(({ dependencies }) => dependencies));
  return packages.filter(({ id }) => !brought.has(id));
}

/** https://github.com/package-url/purl-spec: the at sign of a scope is escaped, its slash is not. */
function purlOf({ name, version }: PackageInfo): string {
  return `pkg:npm/${name.replace(/^@/, "%40")}@${version}`;
}

function splitIntegrity(integrity: string): readonly [algorithm: string, hexDigest: string] {
  const [, size, digest] = /^sha(\d+)-(.+)$/.exec(integrity) ?? [];
  if (size === undefined || digest === undefined) throw new TypeError(`Cannot read integrity: ${integrity}`);
  return [size === "1" ? "SHA-1" : `SHA-${size}`, Uint8Array.fromBase64(digest).toHex()];
}
