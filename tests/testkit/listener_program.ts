/**
 * A listener as a program of its own, for faults that would end a process: its first argument is the listener's name. It prints
 * `listening on PORT`, and closes twice when a request asks for `/close`.
 *
 * @module
 */

import type { RelayError } from "../../shared/errors/relay_error.ts";
import type { RelayResponse } from "../../shared/http/message.ts";
import { createListener, type ListenerOptions } from "../../server/listener/create_listener.ts";
import type { Answer, ListenerRequest } from "../../server/listener/listener.ts";

const encoder = new TextEncoder();

function answer({ target }: ListenerRequest): Answer {
  const [, route, code = ""] = target.split("/");
  switch (route) {
    case "byte":
      return {
        status: 200,
        headers: [["X-Byte", `a${String.fromCharCode(Number(code))}b`]],
        body: encoder.encode("sent"),
      };
    case "compressible":
      return { status: 200, headers: [["Content-Type", "text/html"]], body: encoder.encode("abc ".repeat(10_000)) };
    case "socket":
      return {
        protocol: "b",
        accept: (pipe) => pipe.open({ message: (bytes) => pipe.send(bytes.slice()), closed() {} }),
      };
    case "close":
      closing.resolve();
      return { status: 200, headers: [], body: encoder.encode("closing") };
    default:
      return { status: 200, headers: [], body: encoder.encode("alive") };
  }
}

function refuse({ code }: RelayError): RelayResponse {
  return { status: 502, headers: [["X-Refused", code]], body: null };
}

const closing = Promise.withResolvers<void>();
const listener = await createListener({ handle: (request) => Promise.resolve(answer(request)), refuse }, {
  hostname: "127.0.0.1",
  port: 0,
  listener: Deno.args[0] as ListenerOptions["listener"],
  tls: {},
  headerTimeoutMs: 15_000,
  maxMessageBytes: 1 << 20,
});
await Deno.stdout.write(encoder.encode(`listening on ${listener.port}\n`));
await closing.promise;
await Promise.all([listener.close(), listener.close()]);
await listener.close();
await listener.finished;
