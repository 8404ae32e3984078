import assert from "node:assert/strict";
import type { IncomingRequest } from "../../shared/protocol/exchange.ts";
import { encodeFrame } from "../../shared/protocol/codec.ts";
import { FrameType } from "../../shared/protocol/frame.ts";
import { FakeTime, makeRequest, settle } from "../../shared/protocol/testing.ts";
import { Links } from "./links.ts";
import { LOSING_MAIL } from "./testing.ts";

const KEEP_ALIVE_MS = 5_000;

Deno.test("a link whose other end is not known there ends after a keep-alive interval, for who asks and for who serves", async () => {
  using time = new FakeTime();
  let served: IncomingRequest | undefined;
  const links = new Links(LOSING_MAIL, {
    originId: "here",
    keepAliveIntervalMs: KEEP_ALIVE_MS,
    serve: (request) => {
      served = request;
      return new Promise(() => {});
    },
  });
  const { response } = links.to("there").deliver(makeRequest());
  const linkId = "1".repeat(32);
  links.accept({ type: "open", linkId, originId: "there" });
  links.frame("acceptor", linkId, encodeFrame(FrameType.request, "2".repeat(32), { head: makeRequest() }));
  time.pass(KEEP_ALIVE_MS - 1);
  await settle();
  assert.deepEqual([links.size, served?.signal.aborted], [2, false]);
  time.pass(1);
  await assert.rejects(response, { code: "connector_lost" });
  assert.deepEqual([links.size, served?.signal.aborted, time.timers], [0, true, 0]);
});
