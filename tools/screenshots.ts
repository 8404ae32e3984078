/**
 * Pictures of the management web for the documentation: a server, connectors and traffic in this process, a browser that looks at every page
 * in both themes and as wide as a phone.
 *
 * `deno task screenshots FOLDER [PAGE,PAGE]` writes `PAGE-light.png`, `PAGE-dark.png` and `PAGE-phone.png`. It takes Chromium from `CHROMIUM`, else
 * `/usr/bin/chromium`. With names of pages it shows only them, and of them what fits into a window.
 *
 * @module
 */

import { join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { connectorConfigSchema } from "../connector/config.ts";
import { createConnector } from "../connector/connector.ts";
import { databaseUrl } from "../server/config/database.ts";
import { serverConfigSchema } from "../server/config/server_config.ts";
import { generateSecret, hashSecret, Passwords } from "../server/auth/mod.ts";
import {
  openDatabase,
  SecretRepository,
  StatisticsRepository,
  type StoredRequest,
  StoredRequestRepository,
  TenantRepository,
  UserRepository,
} from "../server/persistence/mod.ts";
import { createRelayServer, type RelayServer } from "../server/server.ts";
import { stopSignal } from "./stop_signal.ts";

const PASSWORD = "correct horse battery";
const MINUTE_MS = 60_000;
const VIEWS = [
  { name: "light", colorScheme: "light", viewport: { width: 1360, height: 860 } },
  { name: "dark", colorScheme: "dark", viewport: { width: 1360, height: 860 } },
  { name: "phone", colorScheme: "light", viewport: { width: 390, height: 844 } },
] as const;
const NAMES = ["acme", "blue-harbor", "contoso", "fabrikam", "globex.eu", "initech", "northwind", "umbrella", "wayne"];
const CITIES = ["Berlin", "Porto", "Oslo", "Lyon", "Graz", "Gent", "Brno", "Turin", "Bern"];

if (import.meta.main) {
  const stop = stopSignal();
  const stopped = Promise.withResolvers<never>();
  stop.addEventListener("abort", () => stopped.reject(stop.reason));
  await using resources = new AsyncDisposableStack();
  await Promise.race([takePictures(Deno.args, resources), stopped.promise]);
}

async function takePictures(args: readonly string[], resources: AsyncDisposableStack): Promise<void> {
  const [folder = "docs/images", only] = args;
  await Deno.mkdir(folder, { recursive: true });
  const data = await Deno.makeTempDir();
  resources.defer(() => Deno.remove(data, { recursive: true }));
  const config = serverConfigSchema.parse({
    hostname: "127.0.0.1",
    port: 0,
    management: { port: 0 },
    dataDirectory: data,
    log: { level: "error" },
  });
  const server = resources.use(await createRelayServer(config));
  await server.start();
  const browser = await chromium.launch({
    executablePath: Deno.env.get("CHROMIUM") ?? "/usr/bin/chromium",
    args: ["--no-sandbox"],
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  });
  resources.defer(() => browser.close());
  if (only === undefined) {
    await photograph(browser, { server, folder, pages: { setup: "/setup" }, isLoggedIn: false, isComplete: true });
  }
  await fill(databaseUrl(config));
  resources.use(await connect(server, databaseUrl(config)));
  const ask = await logIn(server);
  const recordings = "/tenants/acme/recordings";
  const { id: recordingId } = await ask(recordings, { duration: "5m" });
  await sendTraffic(server);
  const deadLetterId = await queue(server, databaseUrl(config));
  const { id: requestId } = (await ask("/requests?errorCode=target_unreachable&take=1")).results[0];
  const { id: recordedId } = (await ask(`${recordings}/${recordingId}/requests?take=1`)).results[0];
  const pages = {
    login: "/login",
    dashboard: "/",
    tenants: "/tenants",
    "new-tenant": "/new-tenant",
    tenant: "/tenants/acme",
    "tenant-offline": "/tenants/contoso",
    "tenant-requests": "/tenants/acme/requests",
    queue: "/tenants/contoso/queue",
    "dead-letters": "/tenants/contoso/dead-letters",
    "dead-letter": `/tenants/contoso/dead-letters/${deadLetterId}`,
    recordings,
    recording: `${recordings}/${recordingId}`,
    "recorded-request": `${recordings}/${recordingId}/requests/${recordedId}`,
    try: "/tenants/acme/try",
    "tenant-settings": "/tenants/acme/settings",
    "tenant-access": "/tenants/acme/access",
    "tenant-secrets": "/tenants/acme/secrets",
    "tenant-remove": "/tenants/acme/remove",
    requests: "/requests",
    request: `/requests/${requestId}`,
    events: "/events",
    audit: "/audit",
    users: "/users",
    "api-keys": "/api-keys",
    account: "/account",
    missing: "/nothing-here",
  };
  const wanted = Object.entries(pages).filter(([name]) => only === undefined || only.split(",").includes(name));
  const isComplete = only === undefined;
  await photograph(browser, { server, folder, pages: Object.fromEntries(wanted), isLoggedIn: true, isComplete });
}

interface Photographs {
  readonly server: RelayServer;
  readonly folder: string;
  readonly pages: Readonly<Record<string, string>>;
  readonly isLoggedIn: boolean;
  /** Whether pages are shown to their end. */
  readonly isComplete: boolean;
}

async function photograph(
  browser: Browser,
  { server, folder, pages, isLoggedIn, isComplete }: Photographs,
): Promise<void> {
  const base = `http://127.0.0.1:${server.managementAddress.port}`;
  for (const { name: view, ...look } of VIEWS) {
    const context = await browser.newContext(look);
    const page = await context.newPage();
    for (const [name, path] of Object.entries(pages)) {
      await page.goto(base + path);
      if (name === "login" || (isLoggedIn && page.url().includes("/login"))) {
        if (name === "login") await page.screenshot({ path: join(folder, `login-${view}.png`) });
        await page.getByLabel("Name").fill("ada");
        await page.getByLabel("Password").fill(PASSWORD);
        await page.getByRole("button", { name: "Log in" }).click();
        await page.waitForURL((url) => url.pathname !== "/login");
        if (name === "login") continue;
      }
      await page.locator("[data-plot] canvas").first().waitFor({ timeout: 2_000 }).catch(() => {});
      await page.screenshot({ path: join(folder, `${name}-${view}.png`), fullPage: isComplete });
    }
    await context.close();
  }
}

async function fill(url: string): Promise<void> {
  await using database = openDatabase({ url });
  const tenants = new TenantRepository(database, Date.now);
  const users = new UserRepository(database, Date.now);
  const passwords = new Passwords({ logN: 4, r: 8, p: 1 });
  const passwordHash = await passwords.hash(PASSWORD);
  await users.insert({ name: "ada", role: "admin", passwordHash });
  await users.insert({ name: "grace", role: "reader", passwordHash });
  const statistics = new StatisticsRepository(database);
  const now = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
  for (const [index, name] of NAMES.entries()) {
    const { id } = await tenants.insert(name, {
      displayName: `${name[0]?.toUpperCase()}${name.slice(1)} plant, ${CITIES[index]}`,
      enabled: name !== "globex.eu",
    });
    await statistics.add(Array.from({ length: 360 }, (_, minute) => {
      const requests = Math.round((40 + 25 * Math.sin(minute / 30 + index)) * (1 + (minute * 7919 + index) % 13 / 20));
      return {
        tenantId: id,
        target: ["erp", "crm", "files"][index % 3]!,
        intervalStart: now - minute * MINUTE_MS,
        requests,
        errors: (minute + index) % 17 === 0 ? 3 + index % 4 : 0,
        expired: 0,
        aborted: 0,
        requestBytes: requests * 900,
        responseBytes: requests * 21_000,
        durationMsSum: requests * (18 + 9 * index),
        durationMsMax: 120 + (minute * 31 + index * 97) % 400,
      };
    }));
  }
  await tenants.insert(
    "a-tenant-with-a-name-that-is-as-long-as-names-may-be.and-then-some-more_0123456789.0123456789-abcdef",
    {
      displayName:
        "<script>alert(1)</script> & a display name that somebody has written without thinking of whoever must read it",
    },
  );
}

async function connect(server: RelayServer, url: string): Promise<AsyncDisposable> {
  await using resources = new AsyncDisposableStack();
  await using database = openDatabase({ url });
  const tenants = new TenantRepository(database, Date.now);
  const secrets = new SecretRepository(database, Date.now);
  for (const name of NAMES.slice(0, 6)) {
    const tenant = await tenants.findByName(name);
    if (tenant === undefined || name === "contoso" || !tenant.enabled) continue;
    const value = generateSecret();
    const expiresAt = name === "acme" ? Date.now() + 86_400_000 * 9 : null;
    await secrets.insert({ tenantId: tenant.id, hash: await hashSecret(value), use: "connector", expiresAt });
    const connector = await createConnector(
      connectorConfigSchema.parse({
        relayServerBaseUri: `http://127.0.0.1:${server.publicAddress.port}`,
        tenantName: name,
        tenantSecret: value,
        targets: { legacy: { url: "http://127.0.0.1:1" } },
      }),
      { targets: { erp: answerSlowly, crm: () => Response.json({ ok: true }) } },
    );
    connector.start();
    resources.use(connector);
  }
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  return resources.move();
}

async function answerSlowly(): Promise<Response> {
  await new Promise((resolve) => setTimeout(resolve, 15));
  return new Response("x".repeat(4_000));
}

async function sendTraffic(server: RelayServer): Promise<void> {
  const base = `http://127.0.0.1:${server.publicAddress.port}/relay`;
  const paths = [
    "acme/erp/orders/2026/4711",
    "blue-harbor/crm/customers",
    "acme/crm/search",
    "fabrikam/erp/",
    "acme/legacy/",
  ];
  for (let index = 0; index < 30; index++) {
    await (await fetch(`${base}/${paths[index % paths.length]}`)).body?.cancel();
  }
  await (await fetch(`${base}/contoso/erp/stock`)).body?.cancel();
  await new Promise((resolve) => setTimeout(resolve, 1_500));
}

/** Queues requests of a tenant that is offline; gives the id of one of its dead letters. */
async function queue(server: RelayServer, url: string): Promise<string> {
  const base = `http://127.0.0.1:${server.publicAddress.port}/queue/contoso/erp`;
  for (let index = 0; index < 8; index++) {
    await (await fetch(`${base}/stock/${4_711 + index}`, { method: "POST", body: "x".repeat(900 + 137 * index) }))
      .text();
  }
  await using database = openDatabase({ url });
  const tenant = await new TenantRepository(database, Date.now).findByName("contoso");
  if (tenant === undefined) throw new Error("There is no tenant contoso");
  const deadLetter = (minutes: number, path: string): StoredRequest => ({
    id: crypto.randomUUID(),
    tenantId: tenant.id,
    kind: "queue",
    mode: "connectorFinished",
    state: "dead",
    sequence: 0,
    method: "POST",
    target: "erp",
    path,
    headers: [["Host", "relay.example.com"], ["Content-Type", "application/json"], ["Authorization", "Bearer secret"]],
    isTraced: false,
    body: new TextEncoder().encode("{}"),
    bodyKey: null,
    bodyBytes: 2,
    acknowledgeBase: base,
    createdAt: Date.now() - minutes * MINUTE_MS,
    expiresAt: Date.now() - minutes * MINUTE_MS + 86_400_000,
    attempts: 6,
    nextAttemptAt: 0,
    holder: null,
    reason: "redelivery_limit",
    lastError: "target_unreachable: The target refuses connections",
    earlierDeliveries: 0,
  });
  const deadLetters = [deadLetter(95, "/orders/2026/81"), deadLetter(90, "/orders/2026/82")];
  await new StoredRequestRepository(database).insertMany(deadLetters);
  return deadLetters[0]!.id;
}

/** Asks the management API as the administrator; with a document it posts it. */
async function logIn(server: RelayServer) {
  const base = `http://127.0.0.1:${server.managementAddress.port}/management`;
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify({ name: "ada", password: PASSWORD });
  const login = await fetch(`${base}/session`, { method: "POST", headers, body });
  await login.body?.cancel();
  const Cookie = login.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  return async (path: string, document?: unknown) => {
    const posting = document === undefined ? {} : { method: "POST", body: JSON.stringify(document) };
    const answer = await fetch(base + path, {
      headers: { ...headers, Cookie, Origin: new URL(base).origin },
      ...posting,
    });
    return await answer.json();
  };
}
