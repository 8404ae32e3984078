import assert from "node:assert/strict";
import { Hono } from "hono";
import type { Principal } from "../credentials.ts";
import { createRoleGuard } from "./role_guard.ts";

const KEYS: Readonly<Record<string, Principal>> = {
  reader: { kind: "api_key", id: "1", name: "r", role: "reader" },
  writer: { kind: "api_key", id: "2", name: "w", role: "writer" },
};

function app(): Hono {
  const app = new Hono();
  const sessions = {
    verify: () => Promise.resolve(undefined),
    login: () => Promise.resolve(undefined),
    confirm: () => Promise.resolve(false),
    logout: () => Promise.resolve(),
  };
  const apiKeys = { verify: (key: string) => Promise.resolve(KEYS[key]) };
  app.get("/", createRoleGuard("writer", { apiKeys, sessions }), (context) => context.text("yes"));
  app.get("/fault", createRoleGuard("reader", { apiKeys, sessions }), () => {
    throw new Error("own");
  });
  app.onError((error) => new Response(error.message, { status: 599 }));
  return app;
}

Deno.test("createRoleGuard() lets pass who has the role, and answers everybody else", async () => {
  const answers = await Promise.all(["writer", "reader", "unknown"].map(async (key) => {
    const response = await app().request("/", { headers: { "Api-Key": key } });
    return [response.status, response.headers.get("RelayServer-Error"), (await response.text()) === "yes"];
  }));
  assert.deepEqual(answers, [
    [200, null, true],
    [403, "access_denied", false],
    [401, "authentication_required", false],
  ]);
  assert.equal((await app().request("/")).status, 401);
});

Deno.test("createRoleGuard() leaves faults of the route behind it alone", async () => {
  const response = await app().request("/fault", { headers: { "Api-Key": "reader" } });
  assert.deepEqual([response.status, await response.text()], [599, "own"]);
});
