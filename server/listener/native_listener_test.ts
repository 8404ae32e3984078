import { testMessagePipe } from "../../shared/protocol/pipe_contract.ts";
import { testListener } from "./listener_contract.ts";
import { listenNative } from "./native_listener.ts";
import type { Listen } from "./testing.ts";
import { createPipes } from "./upgrade_contract.ts";

const listen: Listen = (handler) => Promise.resolve(listenNative(handler, { hostname: "127.0.0.1", port: 0 }));

testListener("native listener", listen, {
  outcomes: "native",
  skip: {
    "refuses HTTP/1.1 without a Host": "Deno.serve makes up one, localhost and its port",
    "keeps order, case and repeats of header lines": "Deno.serve sorts, lowers and combines them",
    "takes a thousand header lines, and no more": "Deno.serve refuses more than 128 with 400",
    "answers a head above 64 KiB with 431, and garbage with 400, in its handler's words":
      "Deno.serve answers an empty 400 by itself",
    "takes a body with GET and HEAD": "Deno.serve drops it, so that it is refused with 400",
    "sends no 100 Continue in the middle of an answer": "Deno.serve sends it before it asks the handler",
    "sends no 100 Continue when the body is refused": "Deno.serve sends it before it asks the handler",
    "keeps Content-Length with 304": "Deno.serve removes it",
    "answers 205 as 205, with a length": "Deno.serve cannot frame it",
    "resets the connection when an answer breaks off that only its end would end": "Deno.serve has no reset",
    "takes the body of a request for another protocol": "Deno.serve refuses it with 400",
  },
});

const DROPPED = "a native WebSocket cannot be dropped, it says 1001";
testMessagePipe("native listener's pipe", () => createPipes(listen), {
  skip: { "terminate() ends the other side with 1006": DROPPED },
});
testMessagePipe("ws's pipe to a native listener", async () => {
  const pair = await createPipes(listen);
  return Object.assign([pair[1], pair[0]] as typeof pair, { [Symbol.asyncDispose]: () => pair[Symbol.asyncDispose]() });
});
