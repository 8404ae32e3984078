import assert from "node:assert/strict";
import { PersistenceError } from "../../persistence/mod.ts";
import { type ManagementSite, managementTestOnDatabases, PASSWORD } from "../testing.ts";

const NOBODY = "11111111-1111-4111-8111-111111111111";
const MEBIBYTE = 1024 * 1024;

/** Routes that take a document, each with a good one. */
async function documentRoutes(site: ManagementSite): Promise<[string, string, Record<string, unknown>][]> {
  await site.call("POST", "/management/tenants", { json: { name: "acme" } });
  const user = await site.call("POST", "/management/users", {
    json: { name: "u", role: "reader", password: PASSWORD },
  });
  return [
    ["POST", "/management/tenants", { name: "other" }],
    ["PUT", "/management/tenants/acme", { displayName: "x" }],
    ["POST", "/management/tenants/acme/secrets", { use: "connector" }],
    ["POST", "/management/tenants/acme/recordings", { duration: "00:01:00", target: "app", maskHeaders: ["x-a"] }],
    ["POST", "/management/tenants/acme/try", { target: "app", method: "GET", path: "/", headers: [] }],
    ["POST", "/management/tenants/acme/ping", { target: "app" }],
    ["POST", `/management/tenants/acme/recordings/${NOBODY}/requests/${NOBODY}/replay`, { method: "GET" }],
    ["POST", "/management/users", { name: "v", role: "reader", password: PASSWORD }],
    ["PUT", `/management/users/${user.json.id}`, { role: "writer" }],
    ["POST", "/management/api-keys", { name: "k", role: "reader" }],
    ["POST", "/management/session", { name: "u", password: PASSWORD }],
  ];
}

managementTestOnDatabases("documents that are no JSON objects are refused by every route", async (site) => {
  const bodies = [
    "",
    " ",
    "{",
    "[]",
    "null",
    "1",
    '"x"',
    "{}x",
    "{'name':'x'}",
    "[".repeat(100_000),
    '{"a":'.repeat(50_000),
  ];
  for (const [method, path] of await documentRoutes(site)) {
    for (const body of bodies) {
      const headers = { "Content-Type": "application/json" };
      const { status, problem } = await site.call(method, path, { body, headers });
      assert.deepEqual([status, problem.code], [400, "invalid_request"], `${method} ${path} ${body.slice(0, 20)}`);
    }
    const invalidUtf8 = await site.call(method, path, {
      body: new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
      headers: { "Content-Type": "application/json" },
    });
    assert.equal(invalidUtf8.status, 400);
  }
});

managementTestOnDatabases("documents of another type are refused by every route", async (site) => {
  for (const [method, path, json] of await documentRoutes(site)) {
    for (
      const type of [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "text/json",
        "application/",
      ]
    ) {
      const answer = await site.call(method, path, { body: JSON.stringify(json), headers: { "Content-Type": type } });
      assert.deepEqual(
        [answer.status, answer.problem.code],
        [415, "unsupported_media_type"],
        `${method} ${path} ${type}`,
      );
    }
    const untyped = await site.call(method, path, { body: new TextEncoder().encode(JSON.stringify(json)) });
    assert.equal(untyped.status, 415);
  }
});

managementTestOnDatabases("documents of another JSON type or with parameters are taken", async (site) => {
  for (const type of ["application/json; charset=utf-8", "application/vnd.x+json", "APPLICATION/JSON"]) {
    const answer = await site.call("POST", "/management/api-keys", {
      body: JSON.stringify({ name: type.replaceAll(/\W/g, ""), role: "reader" }),
      headers: { "Content-Type": type },
    });
    assert.equal(answer.status, 201, type);
  }
});

managementTestOnDatabases(
  "documents above 1 MiB are refused by every route, with and without a length",
  async (site) => {
    for (const [method, path, json] of await documentRoutes(site)) {
      const body = JSON.stringify({ ...json, filler: "x".repeat(MEBIBYTE) });
      const headers = { "Content-Type": "application/json" };
      for (const extra of [{}, { "Content-Length": String(body.length) }, { "Content-Length": "0" }]) {
        const answer = await site.call(method, path, { body, headers: { ...headers, ...extra } });
        assert.deepEqual([answer.status, answer.problem.code], [413, "body_too_large"], `${method} ${path}`);
      }
    }
  },
);

managementTestOnDatabases(
  "fields that are not known or of a wrong type are refused by name, all at once",
  async (site) => {
    for (const [method, path, json] of await documentRoutes(site)) {
      const wrong = {
        ...Object.fromEntries(Object.keys(json).map((key) => [key, { not: "this" }])),
        extra: 1,
        "<b>": 2,
      };
      const answer = await site.call(method, path, { json: wrong });
      assert.equal(answer.status, 400);
      assert.equal(answer.headers.get("Content-Type"), "application/problem+json");
      assert.equal(answer.headers.get("RelayServer-Error"), "invalid_request");
      const paths = answer.problems.map(({ path }) => path).sort();
      assert.deepEqual(paths, Object.keys(wrong).sort(), `${method} ${path}`);
      const polluted = await site.call(method, path, {
        body: JSON.stringify(json).replace("{", '{"__proto__":{"role":"admin"},'),
        headers: { "Content-Type": "application/json" },
      });
      assert.equal(polluted.status, 400, `${method} ${path} with __proto__`);
    }
  },
);

managementTestOnDatabases("a problem document does not grow with what was sent", async (site) => {
  const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`${"k".repeat(100)}${index}`, 1]));
  const { text, problem } = await site.call("POST", "/management/tenants", {
    json: { ...many, ["x".repeat(10_000)]: 1 },
  });
  assert.ok(text.length < 30_000);
  assert.match(problem.detail, /500\d problems/);
});

managementTestOnDatabases("tenants have wrong fields refused one by one", async (site) => {
  const wrong: Record<string, unknown[]> = {
    name: ["", ".", "..", "a b", "a/b", "ä", "x".repeat(101), "<script>", "a'--", null, 5, "a\n"],
    displayName: ["x".repeat(201), 5, "a\u0000b", "\u001b[31m", "\ud800"],
    description: ["x".repeat(4001), []],
    requireAuthentication: [null, "true", 1],
    maximumConcurrentConnectorRequests: [-1, 1.5, "5", null, 1e12],
    keepAliveInterval: ["00:00:00", "50ms", "x", 30, "25:00:00x", "-00:00:30", "100.00:00:00"],
    enableTracing: ["false", 0],
    reconnectMinimumDelay: ["-1s", "", {}],
    reconnectMaximumDelay: ["1 h", true],
    acknowledgeMode: ["Manual", "none", 1],
    requireActiveConnection: ["yes"],
    enabled: [null, "true"],
    accessPolicy: [[], "deny", { default: "maybe" }, { default: "deny", unknown: 1 }, 5],
  };
  for (const [field, values] of Object.entries(wrong)) {
    for (const value of values) {
      const { status, problems } = await site.call("POST", "/management/tenants", {
        json: { name: "acme", [field]: value },
      });
      const what = `${field}: ${JSON.stringify(value)}`;
      assert.equal(status, 400, what);
      assert.ok(problems.every(({ path }) => path.split(".")[0] === field), what);
    }
  }
  const delays = { reconnectMinimumDelay: "00:01:00", reconnectMaximumDelay: "00:00:59" };
  const { problems } = await site.call("POST", "/management/tenants", { json: { name: "acme", ...delays } });
  assert.equal(problems[0]?.path, "reconnectMinimumDelay");
  assert.equal((await site.call("GET", "/management/tenants")).json.totalCount, 0);
});

managementTestOnDatabases("a policy of any depth is refused or kept, never a fault", async (site) => {
  const nested = `{"name":"deep","accessPolicy":${'{"default":'.repeat(20_000)}1${"}".repeat(20_000)}}`;
  const { status } = await site.call("POST", "/management/tenants", {
    body: nested,
    headers: { "Content-Type": "application/json" },
  });
  assert.equal(status, 400);
});

managementTestOnDatabases(
  "query parameters that are not known, malformed or doubled are refused by name",
  async (site) => {
    await site.call("POST", "/management/tenants", { json: { name: "acme" } });
    const cases: [path: string, field: string][] = [
      ["/management/tenants?skip=-1", "skip"],
      ["/management/tenants?skip=1.5", "skip"],
      ["/management/tenants?skip=1e3", "skip"],
      ["/management/tenants?skip=", "skip"],
      ["/management/tenants?skip=99999999999", "skip"],
      ["/management/tenants?take=0", "take"],
      ["/management/tenants?take=1001", "take"],
      ["/management/tenants?take=0x10", "take"],
      ["/management/tenants?take=1&take=2", "take"],
      ["/management/tenants?serach=x", "serach"],
      ["/management/tenants?search=%00", "search"],
      [`/management/tenants?search=${"x".repeat(201)}`, "search"],
      ["/management/requests?from=yesterday", "from"],
      ["/management/requests?from=2026-01-01", "from"],
      ["/management/requests?to=2026-01-01T00:00:00", "to"],
      ["/management/requests?outcome=success", "outcome.0"],
      ["/management/requests?outcome=failed,", "outcome.1"],
      ["/management/requests?status=6xx", "status"],
      ["/management/requests?status=40", "status"],
      ["/management/requests?requestId=1", "requestId"],
      ["/management/requests?path=%00", "path"],
      ["/management/requests?tenant=a%20b", "tenant"],
      ["/management/requests?tenantId=x", "tenantId"],
      ["/management/tenants/acme/requests?tenant=other", "tenant"],
      ["/management/tenants/acme/statistics?resolution=90s", "resolution"],
      ["/management/tenants/acme/statistics?resolution=0s", "resolution"],
      ["/management/tenants/acme/statistics?resolution=hour", "resolution"],
      ["/management/tenants/acme/statistics?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from"],
      [
        "/management/tenants/acme/statistics?from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z&resolution=60s",
        "resolution",
      ],
      ["/management/audit?subjectKind=%00", "subjectKind"],
      ["/management/audit?to=x", "to"],
      ["/management/events?types=everything", "types.0"],
      ["/management/events?tenant=..", "tenant"],
      ["/management/users?search=%01", "search"],
    ];
    for (const [path, field] of cases) {
      const { status, problems } = await site.call("GET", path);
      assert.deepEqual([status, problems[0]?.path, problems[0]?.in], [400, field, "query"], path);
    }
  },
);

managementTestOnDatabases("names and ids in paths cannot be anything else", async (site) => {
  await site.call("POST", "/management/tenants", { json: { name: "acme" } });
  const names = [
    "%00",
    "' or '1'='1",
    "%ff",
    "a%2fb",
    "<script>",
    "x".repeat(5_000),
    "acme%00",
    "acme ",
    "%F0%9F%92%A9",
  ];
  for (const name of names) {
    for (const suffix of ["", "/secrets", "/connections", "/requests", "/statistics"]) {
      const path = `/management/tenants/${name.includes("%") ? name : encodeURIComponent(name)}${suffix}`;
      const { status, problem } = await site.call("GET", path);
      assert.deepEqual([status, problem.code], [404, "tenant_unknown"], path);
      assert.ok(!problem.detail.includes("<"));
    }
  }
  for (const id of ["1", "%00", "' or 1=1", "11111111-1111-1111-1111-11111111111g"]) {
    for (const path of ["users", "api-keys", "requests"]) {
      const { status, problems } = await site.call("GET", `/management/${path}/${encodeURIComponent(id)}`);
      assert.deepEqual([status, problems[0]?.in, problems[0]?.path], [400, "path", "id"], `${path}/${id}`);
    }
  }
});

managementTestOnDatabases("a document that does not arrive in time, or breaks off, is refused", async (site) => {
  const broken = new ReadableStream({
    pull: (controller) => controller.error(new Error("gone")),
  });
  const { status, problem } = await site.call("POST", "/management/tenants", {
    body: broken,
    headers: { "Content-Type": "application/json" },
  });
  assert.deepEqual([status, problem.code], [400, "invalid_request"]);
});

managementTestOnDatabases("faults of the database become problem documents that tell nothing of it", async (site) => {
  site.store.tenants.list = () => Promise.reject(new Error("secret detail of the database"));
  const { status, problem, text } = await site.call("GET", "/management/tenants");
  assert.deepEqual([status, problem.code], [500, "internal_error"]);
  assert.ok(!text.includes("detail of"));
});

managementTestOnDatabases(
  "without the database every route says so, and that it is worth trying again",
  async (site) => {
    const away = () => Promise.reject(new PersistenceError("database_unavailable", "password in a message"));
    site.store.tenants.list = site.store.tenants.findByName = site.store.apiKeys.list = away;
    site.store.transaction = away;
    const calls: [string, string, unknown][] = [
      ["GET", "/management/tenants", undefined],
      ["GET", "/management/tenants/acme", undefined],
      ["POST", "/management/tenants", { name: "acme" }],
      ["GET", "/management/api-keys", undefined],
    ];
    for (const [method, path, json] of calls) {
      const answer = await site.call(method, path, { json });
      assert.deepEqual([answer.status, answer.problem.code], [503, "database_unavailable"], `${method} ${path}`);
      assert.equal(answer.headers.get("Retry-After"), "5");
      assert.ok(!answer.text.includes("password"));
    }
    site.store.apiKeys.findByHash = away;
    const { status } = await site.call("GET", "/management/tenants", {
      as: null,
      headers: { "Api-Key": `rsk_${"A".repeat(43)}` },
    });
    assert.equal(status, 503);
  },
);
