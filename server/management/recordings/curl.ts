/**
 * Recorded requests as commands for a POSIX shell. Whatever a client has sent stays data: no byte of it can end a word or begin a command.
 *
 * @module
 */

import type { RecordedBody, RecordedRequest } from "../../persistence/mod.ts";
import { HOP_BY_HOP } from "../../../shared/http/headers.ts";
import { fromBase64 } from "./body_content.ts";
import { type ServerAddress, urlOf } from "./export_address.ts";

/** Longer words are refused by Linux. */
const LONGEST_WORD = 100_000;

const NOT_SENT: ReadonlySet<string> = new Set([...HOP_BY_HOP, "host", "content-length"]);

/** The command that sends a recorded request again; what was masked is left out and named before it. */
export function toCurlCommand(recorded: RecordedRequest, address: ServerAddress): string {
  const { clientRequest: head, maskedHeaders } = recorded.messages;
  const { method, headers, body } = head;
  const left = new Set(maskedHeaders);
  const words = ["curl", "--silent", "--show-error", "--include", "--globoff", "--path-as-is"];
  words.push(...(method === "HEAD" ? ["--head"] : ["--request", quote(method)]));
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    if (NOT_SENT.has(lower) || left.has(lower)) continue;
    // Without a value curl would leave it out.
    words.push("--header", quote(value === "" ? `${name};` : `${name}: ${value}`));
  }
  const sent = bodyWords(body);
  const isTyped = headers.some(([name]) => name.toLowerCase() === "content-type" && !left.has("content-type"));
  // Else curl would say that it is a form.
  if (sent.words.length > 0 && !isTyped) words.push("--header", quote("Content-Type:"));
  words.push(...sent.words, "--url", quote(urlOf(head, address)));
  const notes = notesOf(recorded, headers.some(([name]) => left.has(name.toLowerCase())));
  return [...notes, sent.before + words.join(" ")].join("\n") + "\n";
}

function notesOf({ requestId, messages }: RecordedRequest, isMasked: boolean): string[] {
  const notes = [`# ${requestId}`];
  // Names of headers have no spaces and no ends of lines.
  if (isMasked) notes.push(`# Not recorded, and therefore left out: ${messages.maskedHeaders.join(" ")}`);
  const { body } = messages.clientRequest;
  if (body?.isCut === true) {
    notes.push(`# Only the first ${fromBase64(body.base64).length} bytes of the body were recorded`);
  }
  return notes;
}

function bodyWords(body: RecordedBody | null): { readonly before: string; readonly words: string[] } {
  if (body === null || body.base64 === "") return { before: "", words: [] };
  const text = plainText(fromBase64(body.base64));
  if (text !== undefined) return { before: "", words: ["--data-raw", quote(text)] };
  // `printf` belongs to the shell, whose own commands take words of any length.
  return { before: `printf %s '${body.base64}' | base64 -d | `, words: ["--data-binary", "@-"] };
}

/** A body that can be a word as it is. */
function plainText(bytes: Uint8Array): string | undefined {
  if (bytes.length > LONGEST_WORD) return undefined;
  const isPlain = bytes.every((byte) => byte >= 0x20 && byte < 0x7f || byte === 0x0a || byte === 0x09);
  return isPlain ? new TextDecoder().decode(bytes) : undefined;
}

/** A byte string as one word of a POSIX shell. */
function quote(bytes: string): string {
  if (/^[\t\n\x20-\x7e]*$/.test(bytes)) return `'${bytes.replaceAll("'", `'\\''`)}'`;
  const format = bytes.replaceAll(
    /[^\x20-\x7e]|[%'\\]/g,
    (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`,
  );
  return `"$(printf '${format}')"`;
}
