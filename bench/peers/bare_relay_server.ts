/**
 * The server of the bare relay. Prints `port N`.
 *
 * @module
 */

import type { Buffer } from "node:buffer";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { type WebSocket, WebSocketServer } from "ws";
import { decode, encode, type RequestHead, type ResponseHead } from "./bare_relay_message.ts";

const waiting = new Map<number, ServerResponse>();
let connector: WebSocket | undefined;
let latestId = 0;

const server = createServer(({ method, url: path, rawHeaders: headers }, response) => {
  const id = ++latestId;
  waiting.set(id, response);
  connector?.send(encode<RequestHead>({ id, head: { method, path, headers }, body: new Uint8Array(0) }));
});
const connectors = new WebSocketServer({ noServer: true, perMessageDeflate: false });
server.on("upgrade", (request, socket, head) => {
  connectors.handleUpgrade(request, socket, head, (opened) => {
    connector = opened;
    opened.on("message", (bytes: Buffer) => {
      const { id, head: { status, headers }, body } = decode<ResponseHead>(bytes);
      const response = waiting.get(id);
      waiting.delete(id);
      response?.writeHead(status ?? 502, headers);
      response?.end(body);
    });
  });
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`));
