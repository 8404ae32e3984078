/**
 * The head of a request, in bytes.
 *
 * @module
 */

const encoder = new TextEncoder();
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const TARGET = /^[\x21-\x7e\x80-\xff]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** What the head says. */
export interface RequestHead {
  readonly method: string;
  /** What stands in the request line, one character for each byte. */
  readonly path: string;
  /** Names and values in turn, `Host` and framing included. */
  readonly rawHeaders: readonly string[];
  /** Whether the connection is to stay open. */
  readonly isKept: boolean;
}

/**
 * Writes a head, and a body behind it.
 *
 * @throws {TypeError} when something in it would end a line, or is not to be in a head at all.
 */
export function encodeRequest({ method, path, rawHeaders, isKept }: RequestHead, body?: Uint8Array): Uint8Array {
  if (!TOKEN.test(method)) throw new TypeError("Cannot send request: its method is no token");
  if (!TARGET.test(path)) throw new TypeError("Cannot send request: its path holds a space or a control character");
  let text = `${method} ${path} HTTP/1.1\r\n`;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    const value = rawHeaders[index + 1]!;
    if (!TOKEN.test(name)) throw new TypeError("Cannot send request: the name of a header is no token");
    if (!VALUE.test(value)) throw new TypeError(`Cannot send request: ${name} holds a control character`);
    text += `${name}: ${value}\r\n`;
  }
  text += isKept ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  const bytes = new Uint8Array(text.length + (body?.length ?? 0));
  writeLatin1(text, bytes);
  if (body !== undefined) bytes.set(body, text.length);
  return bytes;
}

/** `Buffer.write` would look at every character in JavaScript, also where there is nothing above ASCII. */
function writeLatin1(text: string, bytes: Uint8Array): void {
  const { read, written } = encoder.encodeInto(text, bytes);
  if (read === text.length && written === text.length) return;
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
}
