/**
 * Reads a configuration file: JSON, JSON with comments, or YAML, told apart by its name.
 *
 * @module
 */

import { extname } from "node:path";
import { parse as parseJsonc, type ParseError, printParseErrorCode } from "jsonc-parser";
import { LineCounter, parseDocument } from "yaml";
import { ConfigError } from "./config_error.ts";

/**
 * Reads and parses a configuration file.
 *
 * @param path The file; its ending (`.json`, `.jsonc`, `.yaml`, `.yml`) decides how it is read.
 * @returns The file's keys; none for an empty file.
 * @throws {ConfigError} When it cannot be read or parsed, or is not a set of keys. The parsers' own messages are not repeated: they quote
 * the file, which may hold secrets.
 */
export function readConfigFile(path: string): Record<string, unknown> {
  const text = readText(path);
  const value = parse(path, text.replace(/^\uFEFF/, ""));
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) {
    throw problem(path, "Expected keys and values at the top of the file");
  }
  return value as Record<string, unknown>;
}

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (cause) {
    throw problem(path, `Cannot read the file: ${reasonUnreadable(cause)}`, cause);
  }
}

/** Why a file could not be read, without its path. */
export function reasonUnreadable(cause: unknown): string {
  if (cause instanceof Deno.errors.NotFound) return "it does not exist";
  if (cause instanceof Deno.errors.PermissionDenied || cause instanceof Deno.errors.NotCapable) {
    return "permission denied";
  }
  if (cause instanceof Deno.errors.IsADirectory) return "it is a folder";
  return "it is not a readable text file";
}

function parse(path: string, text: string): unknown {
  switch (extname(path).toLowerCase()) {
    case ".json":
      return json(path, text, { disallowComments: true, allowTrailingComma: false });
    case ".jsonc":
      return json(path, text, { disallowComments: false, allowTrailingComma: true });
    case ".yaml":
    case ".yml":
      return yaml(path, text);
    default:
      throw problem(path, "Expected a file name that ends in .json, .jsonc, .yaml or .yml");
  }
}

function json(
  path: string,
  text: string,
  options: { disallowComments: boolean; allowTrailingComma: boolean },
): unknown {
  const errors: ParseError[] = [];
  const value: unknown = parseJsonc(text, errors, { ...options, allowEmptyContent: true });
  const [first] = errors;
  if (first === undefined) return value;
  const before = text.slice(0, first.offset).split("\n");
  const place = `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
  throw problem(path, `Cannot parse the file: ${inWords(printParseErrorCode(first.error))} at ${place}`);
}

function yaml(path: string, text: string): unknown {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, logLevel: "silent" });
  const [first] = [...document.errors, ...document.warnings];
  if (first !== undefined) {
    const { line, col } = lineCounter.linePos(first.pos[0]);
    throw problem(path, `Cannot parse the file: ${inWords(first.code)} at line ${line}, column ${col}`);
  }
  try {
    return document.toJS();
  } catch {
    throw problem(path, "Cannot parse the file: an alias has no anchor, or stands for too much");
  }
}

/** `BAD_INDENT` and `InvalidSymbol` as people write them. */
function inWords(code: string): string {
  return code.replace(/([a-z])([A-Z])/g, "$1 $2").replaceAll("_", " ").toLowerCase();
}

function problem(path: string, message: string, cause?: unknown): ConfigError {
  return new ConfigError([{ path, message }], { cause });
}
