/**
 * Reads the `appsettings.json` of a connector of RelayServer v3.
 *
 * @module
 */

import { parse, type ParseError } from "jsonc-parser";
import { CATCH_ALL_TARGET } from "../config.ts";

/** What became of such a file. */
export interface ImportedSettings {
  /** This connector's configuration, as in its file; incomplete where the old one was. */
  readonly config: Readonly<Record<string, unknown>>;
  /** What was not taken over, and why: the key's path, a colon, the reason. Never a value. */
  readonly notes: readonly string[];
}

interface Entry {
  /** As it is written in the file. */
  readonly key: string;
  readonly value: unknown;
}

const SECTION = "RelayConnector";
/** What takes every name that no other target has, in upper case; here that is `*`. */
const CATCH_ALL = "** CATCH-ALL **";
/** Sections that ASP.NET Core hosts have, and what is there for them here. */
const FOREIGN: Readonly<Record<string, string>> = {
  serilog: "logging is set with log.level and log.format",
  logging: "logging is set with log.level and log.format",
  kestrel: "the connector listens only for its status, see status.port",
  allowedhosts: "the connector listens only for its status, see status.port",
  urls: "the connector listens only for its status, see status.port",
};

/**
 * Translates such a file.
 *
 * @param text Its content; comments and a byte order mark are fine.
 * @throws {TypeError} when it is no JSON object, or has no section of a connector.
 */
export function importV3Settings(text: string): ImportedSettings {
  const errors: ParseError[] = [];
  const root: unknown = parse(text.replace(/^\uFEFF/, ""), errors, { allowTrailingComma: true });
  if (errors.length > 0 || !isObject(root)) throw new TypeError("Cannot import the file: it is no JSON object");
  const sections = entriesOf(root);
  const section = sections.get(SECTION.toLowerCase())?.value;
  if (!isObject(section)) throw new TypeError(`Cannot import the file: it has no section ${SECTION}`);
  const notes: string[] = [];
  for (const [name, { key }] of sections) {
    if (name !== SECTION.toLowerCase()) notes.push(`${key}: ${FOREIGN[name] ?? "is not known to this connector"}`);
  }
  return { config: translate(entriesOf(section), notes), notes };
}

function translate(section: ReadonlyMap<string, Entry>, notes: string[]): Record<string, unknown> {
  const config: Record<string, unknown> = {};
  for (const [name, { key, value }] of section) {
    switch (name) {
      case "relayserverbaseuri":
        config.relayServerBaseUri = value;
        if (/^http:/i.test(String(value))) {
          notes.push(
            `${SECTION}.${key}: is http; only on this machine is that taken, else set up https or allowInsecure`,
          );
        }
        break;
      case "tenantname":
        config.tenantName = value;
        break;
      case "tenantsecret":
        config.tenantSecret = value;
        break;
      case "targets":
        config.targets = translateTargets(value, notes);
        break;
      case "usehttpkeepalive":
        if (!isTrue(value)) notes.push(`${SECTION}.${key}: connections to targets are always kept`);
        break;
      default:
        notes.push(`${SECTION}.${key}: is not known to this connector`);
    }
  }
  for (const key of ["relayServerBaseUri", "tenantName", "tenantSecret"]) {
    if (typeof config[key] !== "string" || config[key] === "") {
      delete config[key];
      notes.push(`${key}: is missing in the file, it may have come from the environment: add it`);
    }
  }
  return config;
}

function translateTargets(value: unknown, notes: string[]): Record<string, unknown> {
  if (!isObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, options]) => {
      const target = translateTarget(`${SECTION}.Targets.${name}`, options, notes);
      return target === undefined ? [] : [[name.toUpperCase() === CATCH_ALL ? CATCH_ALL_TARGET : name, target]];
    }),
  );
}

function translateTarget(path: string, options: unknown, notes: string[]): Record<string, unknown> | undefined {
  const entries = entriesOf(isObject(options) ? options : {});
  const type = typeOf(entries.get("type")?.value);
  if (type === undefined) {
    notes.push(`${path}: its type is a class of its own; write it as a module or a web application`);
    return undefined;
  }
  const target: Record<string, unknown> = { type };
  for (const [name, { key, value }] of entries) {
    switch (name) {
      case "type":
        break;
      case "url":
        if (type === "web") target.url = String(value);
        break;
      case "timeout":
        target.timeout = String(value);
        break;
      case "options":
        translateFlags(`${path}.${key}`, { value, target }, notes);
        break;
      default:
        notes.push(`${path}.${key}: is not known to this connector`);
    }
  }
  if (type === "web" && target.url === undefined) notes.push(`${path}: has no Url: add it`);
  return target;
}

/** The flags of `RelayWebTargetOptions`, by name and separated by commas. */
function translateFlags(
  path: string,
  { value, target }: { readonly value: unknown; readonly target: Record<string, unknown> },
  notes: string[],
): void {
  for (const flag of String(value).split(",").map((each) => each.trim()).filter((each) => each !== "")) {
    if (flag.toLowerCase() === "followredirect") target.followRedirects = true;
    else if (flag.toLowerCase() !== "none") notes.push(`${path}: the flag ${flag} is not known to this connector`);
  }
}

/** The kind of a target, from the name of its class, with or without namespace and assembly. */
function typeOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return "web";
  const name = String(value).split(",", 1)[0]!.split(".").at(-1)!.toLowerCase().replace(/target$/, "").replace(
    /^relay/,
    "",
  );
  return ["web", "echo", "ping"].includes(name) ? name : undefined;
}

/** .NET reads the names of settings without regard to case. */
function entriesOf(object: object): ReadonlyMap<string, Entry> {
  return new Map(Object.entries(object).map(([key, value]) => [key.toLowerCase(), { key, value }]));
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTrue(value: unknown): boolean {
  return value === true || String(value).toLowerCase() === "true";
}
