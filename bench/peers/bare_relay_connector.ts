/**
 * The connector of the bare relay. Takes the ports of server and target, prints `connected`.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { Agent, request as callTarget } from "node:http";
import process from "node:process";
import { WebSocket } from "ws";
import { decode, encode, type RequestHead, type ResponseHead } from "./bare_relay_message.ts";

const [serverPort, targetPort] = Deno.args.map(Number);
const agent = new Agent({ keepAlive: true });
const server = new WebSocket(`ws://127.0.0.1:${serverPort}/`, { perMessageDeflate: false });

server.on("open", () => process.stdout.write("connected\n"));
server.on("message", (bytes: Buffer) => {
  const { id, head: { method, path, headers } } = decode<RequestHead>(bytes);
  const place = { host: "127.0.0.1", port: targetPort, agent };
  const call = callTarget({ ...place, method, path, headers }, (response) => {
    const parts: Buffer[] = [];
    response.on("data", (part: Buffer) => parts.push(part));
    response.on("end", () => {
      const head = { status: response.statusCode, headers: withoutConnection(response.rawHeaders) };
      server.send(encode<ResponseHead>({ id, head, body: Buffer.concat(parts) }));
    });
  });
  call.end();
});

function withoutConnection(raw: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    if (raw[index]?.toLowerCase() !== "connection") kept.push(raw[index]!, raw[index + 1]!);
  }
  return kept;
}
