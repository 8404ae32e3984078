import assert from "node:assert/strict";
import { Hono } from "hono";
import type { HeaderLine } from "../../shared/http/message.ts";
import type { ListenerRequest } from "../listener/listener.ts";
import { allowLoopback } from "./allow_loopback.ts";
import type { WebBindings } from "./web_routes.ts";

async function statusFrom(peerAddress: string, headers: HeaderLine[] = []): Promise<number> {
  const app = new Hono<{ Bindings: WebBindings }>();
  app.use(allowLoopback((context) => Promise.resolve(context.text("who are you", 401))));
  app.get("/", (context) => context.text("secret"));
  const incoming = { peerAddress, headers } as unknown as ListenerRequest;
  return (await app.request("/", {}, { incoming })).status;
}

Deno.test("allowLoopback() lets pass who is on this machine", async () => {
  for (const address of ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"]) {
    assert.equal(await statusFrom(address), 200, address);
  }
});

Deno.test("allowLoopback() asks everybody else", async () => {
  for (const address of ["192.0.2.1", "::2", "128.0.0.1", "::ffff:10.0.0.1", "", "127.0.0.1.example"]) {
    assert.equal(await statusFrom(address), 401, address);
  }
});

Deno.test("allowLoopback() asks whoever comes through a proxy on this machine", async () => {
  for (const name of ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"]) {
    assert.equal(await statusFrom("127.0.0.1", [[name, "127.0.0.1"]]), 401, name);
  }
});
