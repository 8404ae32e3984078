/**
 * Many connectors in one program that say hello, answer pings, and answer requests with 1 KiB. Reads `{ url, tokens, count }` from the file that
 * its first argument names, opens `count` connections with the tokens in turn, and prints `connected` once all are welcome.
 *
 * @module
 */

import { type RawData, WebSocket } from "ws";
import { decodeFrame, encodeFrame } from "../../shared/protocol/codec.ts";
import { CONNECTION_ID, FrameType, SUB_PROTOCOL } from "../../shared/protocol/frame.ts";

const AT_A_TIME = 64;
const HELLO = {
  versions: [1],
  connector: { version: "bench", machineName: "bench" },
  targets: ["web"],
  limits: { maxMessageBytes: 1 << 20 },
};
const BODY = new Uint8Array(1024).fill(0x78);

function connect(url: string, token: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/connector`, SUB_PROTOCOL, {
    headers: { authorization: `Bearer ${token}` },
    perMessageDeflate: false,
  });
  socket.binaryType = "nodebuffer";
  socket.once("open", () => socket.send(encodeFrame(FrameType.hello, CONNECTION_ID, { head: HELLO })));
  socket.on("error", reject);
  socket.on("close", (code: number) => {
    reject(new Error(`Connection closed: ${code}`));
    // A connection that is lost would make the result look better than it is.
    Deno.exit(1);
  });
  socket.on("message", (data: RawData) => {
    const frame = decodeFrame(data as Uint8Array);
    if (frame.type === FrameType.welcome) resolve();
    if (frame.type === FrameType.ping) {
      socket.send(encodeFrame(FrameType.pong, CONNECTION_ID, { payload: frame.payload }));
    }
    if (frame.type === FrameType.request) {
      const head = { status: 200, headers: [["content-type", "text/plain"]] };
      socket.send(encodeFrame(FrameType.response, frame.id, { head, payload: BODY }));
    }
  });
  return promise;
}

const { url, tokens, count } = JSON.parse(await Deno.readTextFile(Deno.args[0] ?? ""));
let begun = 0;
await Promise.all(Array.from({ length: AT_A_TIME }, async () => {
  while (begun < count) await connect(url, tokens[begun++ % tokens.length]);
}));
await Deno.stdout.write(new TextEncoder().encode("connected\n"));
