import assert from "node:assert/strict";
import { type Role, ROLES } from "../../persistence/mod.ts";
import { managementTest } from "../testing.ts";

const ID = "11111111-1111-4111-8111-111111111111";

/** Every route of the API and who may call it. */
const ROUTES: readonly [method: string, path: string, role: Role | "everybody"][] = [
  ["post", "/management/session", "everybody"],
  ["get", "/management/session", "reader"],
  ["delete", "/management/session", "reader"],
  ["put", "/management/session/password", "reader"],
  ["get", "/management/tenants", "reader"],
  ["post", "/management/tenants", "writer"],
  ["get", "/management/tenants/{name}", "reader"],
  ["put", "/management/tenants/{name}", "writer"],
  ["delete", "/management/tenants/{name}", "writer"],
  ["get", "/management/tenants/{name}/secrets", "reader"],
  ["post", "/management/tenants/{name}/secrets", "writer"],
  ["delete", "/management/tenants/{name}/secrets/{id}", "writer"],
  ["get", "/management/tenants/{name}/connections", "reader"],
  ["delete", "/management/tenants/{name}/connections/{id}", "writer"],
  ["get", "/management/tenants/{name}/queue", "reader"],
  ["delete", "/management/tenants/{name}/queue", "writer"],
  ["get", "/management/tenants/{name}/queue/{id}", "reader"],
  ["delete", "/management/tenants/{name}/queue/{id}", "writer"],
  ["get", "/management/tenants/{name}/dead-letters", "reader"],
  ["delete", "/management/tenants/{name}/dead-letters", "writer"],
  ["get", "/management/tenants/{name}/dead-letters/{id}", "reader"],
  ["delete", "/management/tenants/{name}/dead-letters/{id}", "writer"],
  ["post", "/management/tenants/{name}/dead-letters/{id}/resend", "writer"],
  ["get", "/management/requests", "reader"],
  ["get", "/management/tenants/{name}/requests", "reader"],
  ["get", "/management/requests/{id}", "reader"],
  ["get", "/management/requests/{id}/recordings", "writer"],
  ["get", "/management/tenants/{name}/statistics", "reader"],
  ["get", "/management/tenants/{name}/recordings", "reader"],
  ["post", "/management/tenants/{name}/recordings", "writer"],
  ["get", "/management/tenants/{name}/recordings/{id}", "reader"],
  ["delete", "/management/tenants/{name}/recordings/{id}", "writer"],
  ["post", "/management/tenants/{name}/recordings/{id}/stop", "writer"],
  ["get", "/management/tenants/{name}/recordings/{id}/har", "writer"],
  ["get", "/management/tenants/{name}/recordings/{id}/curl", "writer"],
  ["get", "/management/tenants/{name}/recordings/{id}/requests", "writer"],
  ["get", "/management/tenants/{name}/recordings/{id}/requests/{requestId}", "writer"],
  ["get", "/management/tenants/{name}/recordings/{id}/requests/{requestId}/curl", "writer"],
  ["get", "/management/tenants/{name}/recordings/{id}/requests/{requestId}/bodies/{message}", "writer"],
  ["post", "/management/tenants/{name}/recordings/{id}/requests/{requestId}/replay", "writer"],
  ["post", "/management/tenants/{name}/try", "writer"],
  ["post", "/management/tenants/{name}/ping", "writer"],
  ["get", "/management/origins", "reader"],
  ["get", "/management/audit", "reader"],
  ["get", "/management/events", "reader"],
  ["get", "/management/users", "admin"],
  ["post", "/management/users", "admin"],
  ["get", "/management/users/{id}", "admin"],
  ["put", "/management/users/{id}", "admin"],
  ["delete", "/management/users/{id}", "admin"],
  ["get", "/management/api-keys", "admin"],
  ["post", "/management/api-keys", "admin"],
  ["get", "/management/api-keys/{id}", "admin"],
  ["get", "/management/status", "reader"],
  ["get", "/management/statistics", "reader"],
  ["get", "/management/statistics/targets", "reader"],
  ["delete", "/management/api-keys/{id}", "admin"],
];

function addressOf(path: string): string {
  return path.replace("{name}", "nobody").replace("{id}", ID).replace("{requestId}", ID).replace(
    "{message}",
    "client-request",
  );
}

managementTest("the table of this test has every route", async (site) => {
  const { json } = await site.call("GET", "/management/openapi.json", { as: null });
  const { paths } = json as { readonly paths: Record<string, object> };
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`)
  );
  assert.deepEqual(described.sort(), ROUTES.map(([method, path]) => `${method} ${path}`).sort());
});

managementTest(
  "every route refuses who has no credentials, or too small a role, before it reads anything",
  async (site) => {
    for (const [method, path, needed] of ROUTES) {
      if (needed === "everybody") continue;
      const refused = ROLES.slice(0, ROLES.indexOf(needed));
      const body = ["post", "put"].includes(method) ? { body: "{ no JSON" } : {};
      const anonymous = await site.call(method.toUpperCase(), addressOf(path), { as: null, ...body });
      assert.deepEqual(
        [anonymous.status, anonymous.problem.code],
        [401, "authentication_required"],
        `${method} ${path}`,
      );
      for (const role of refused) {
        const { status, problem } = await site.call(method.toUpperCase(), addressOf(path), { as: role, ...body });
        assert.deepEqual([status, problem.code], [403, "access_denied"], `${method} ${path} as ${role}`);
      }
    }
  },
);

managementTest("every route lets the needed role and those above it pass", async (site) => {
  for (const [method, path, needed] of ROUTES) {
    if (needed === "everybody" || path.endsWith("/events")) continue;
    for (const role of ROLES.slice(ROLES.indexOf(needed))) {
      const json = ["post", "put"].includes(method) ? { json: { wrong: true } } : {};
      const { status } = await site.call(method.toUpperCase(), addressOf(path), { as: role, ...json });
      assert.ok([200, 204, 400, 404].includes(status), `${method} ${path} as ${role}: ${status}`);
    }
  }
});

managementTest("what is not there is 404, another method 405 with what is allowed", async (site) => {
  for (
    const path of [
      "/management",
      "/management/",
      "/management/nothing",
      "/management/tenants/",
      "/management/tenants/a/b",
    ]
  ) {
    const { status, problem } = await site.call("GET", path, { as: null });
    assert.deepEqual([status, problem.code], [404, "not_found"], path);
  }
  for (const path of new Set(ROUTES.map(([, path]) => path))) {
    const { status, problem, headers } = await site.call("PATCH", addressOf(path), { as: null });
    assert.deepEqual([status, problem.code], [405, "method_not_allowed"], path);
    const methods = ROUTES.filter(([, other]) => other === path).map(([method]) => method.toUpperCase());
    const allowed = methods.includes("GET") ? [...methods, "HEAD"] : methods;
    assert.equal(headers.get("Allow"), allowed.sort().join(", "));
  }
});

managementTest("HEAD is answered as GET, without a body", async (site) => {
  for (const [method, path] of ROUTES) {
    if (method !== "get") continue;
    const [get, head] = [await site.fetch("GET", addressOf(path)), await site.call("HEAD", addressOf(path))];
    await get.body?.cancel();
    assert.deepEqual([head.status, head.text], [get.status, ""], path);
  }
});
