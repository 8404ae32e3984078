/**
 * Takes every step of connecting by itself, with the functions that the connector connects with.
 *
 * @module
 */

import type { Hello, Welcome } from "../../shared/protocol/handshake_heads.ts";
import { offerSession } from "../../shared/protocol/handshake.ts";
import type { RequestHandler } from "../../shared/protocol/incoming_exchange.ts";
import type { MessagePipe } from "../../shared/protocol/pipe.ts";
import { ProtocolError } from "../../shared/protocol/protocol_error.ts";
import type { Session } from "../../shared/protocol/session.ts";
import { adviceForProxy, proxyErrorIn } from "../connection/connect_advice.ts";
import { ConnectError } from "../connection/connect_error.ts";
import { dial } from "../connection/dial.ts";
import { discover, type Discovery } from "../connection/discovery.ts";
import { type AccessToken, type Credentials, fetchToken } from "../connection/token.ts";
import { adviceFor, adviceForCertificate, adviceForCode, describeChain, sentence } from "./advice.ts";
import type { SiteNetwork } from "./site_network.ts";
import { checkCertificate, endpointOf, messageOf, openTcp, readChain, resolveName } from "./sockets.ts";
import { StepError, type StepResult, StepSequence } from "./step.ts";

/** Whom the servers are asked as, and how they are reached. */
export interface ServerDiagnosis {
  readonly network: SiteNetwork;
  readonly credentials: Credentials;
  readonly connector: Hello["connector"];
  readonly targets: readonly string[];
  /** Serves what the server sends while this looks at the connection: to the server it is a connection like any other. */
  readonly handleRequest: RequestHandler;
  readonly report: (result: StepResult) => void;
  readonly signal: AbortSignal;
  /** Milliseconds for each step; 15 s unless given. */
  readonly timeoutMs?: number;
}

const STEP_TIMEOUT_MS = 15_000;
const SETTINGS = { address: "relayServerBaseUri", authority: "caFile" };
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
const PONG_POLL_MS = 10;

/**
 * Looks at one server.
 *
 * @param baseUri As in `relayServerBaseUri`.
 * @returns Whether a connector could connect.
 */
export async function diagnoseServer(baseUri: string, diagnosis: ServerDiagnosis): Promise<boolean> {
  const steps = new StepSequence(baseUri, diagnosis.report);
  await lookAtWay(new URL(baseUri), steps, diagnosis);
  await lookAtServer(baseUri, steps, diagnosis);
  return steps.isGood;
}

async function lookAtWay(address: URL, steps: StepSequence, { network, ...diagnosis }: ServerDiagnosis): Promise<void> {
  const limits = { timeoutMs: STEP_TIMEOUT_MS, ...diagnosis };
  const proxy = network.proxyFor(address);
  const server = endpointOf(address);
  const nearest = proxy === undefined ? server : endpointOf(proxy);
  const setting = proxy === undefined ? "relayServerBaseUri" : "proxy or HTTPS_PROXY";
  await steps.run("dns", async () => {
    const addresses = await resolveName(nearest.hostname, { ...limits, setting });
    const whose = proxy === undefined ? "" : " (the proxy; it resolves the server's name itself)";
    return { detail: `${nearest.hostname} is ${addresses.join(", ")}${whose}` };
  });
  await steps.run("proxy", async () => {
    if (proxy === undefined) return { detail: "none is configured", isSkipped: true };
    await throughProxy(() => network.tryProxy(proxy, server));
    const name = `${proxy.protocol}//${proxy.host}${proxy.username === "" ? "" : ", with credentials"}`;
    return { detail: `${name}, leads to ${server.hostname} port ${server.port}` };
  });
  await steps.run("tcp", async () => {
    if (proxy !== undefined) return { detail: "the proxy connects to the server", isSkipped: true };
    await openTcp(server.hostname, server.port, limits);
    return { detail: `connected to ${server.hostname} port ${server.port}` };
  });
  await steps.run("tls", async () => {
    if (address.protocol !== "https:") return { detail: "the server is reached over http", isSkipped: true };
    return { detail: await lookAtCertificate(address, network, limits) };
  });
}

async function throughProxy<T>(look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (cause) {
    const error = proxyErrorIn(cause);
    if (error === undefined) throw cause;
    throw new StepError(error.message, sentence(adviceForProxy(error)), { cause });
  }
}

async function lookAtCertificate(
  address: URL,
  network: SiteNetwork,
  limits: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<string> {
  const agent = network.agentFor(address);
  const chain = await readChain(address, agent, limits).catch(() => []);
  try {
    await throughProxy(() => checkCertificate(address, agent, limits));
    return describeChain(chain);
  } catch (cause) {
    if (cause instanceof StepError) throw cause;
    const reason = messageOf(cause);
    const { hostname } = endpointOf(address);
    const advice = adviceForCertificate(chain, { hostname, reason, nowMs: Date.now(), settings: SETTINGS });
    const seen = chain.length === 0 ? "" : `; the chain is ${describeChain(chain)}`;
    throw new StepError(`${reason}${seen}`, advice, { cause });
  }
}

async function lookAtServer(baseUri: string, steps: StepSequence, diagnosis: ServerDiagnosis): Promise<void> {
  const { network, credentials, signal, timeoutMs = STEP_TIMEOUT_MS } = diagnosis;
  const http = { fetch: network.fetch, timeoutMs, signal };
  const discovery = await steps.run<Discovery>("discovery", () =>
    advised(async () => {
      const value = await discover(baseUri, http);
      return { value, detail: `version ${value.serverVersion}, connectors go to ${value.connectorEndpoint}` };
    }));
  const token = await steps.run<AccessToken>("token", () =>
    advised(async () => {
      const value = await fetchToken(discovery!.authorizationServer, credentials, http);
      const minutes = Math.round((value.expiresAt - Date.now()) / 60_000);
      return { value, detail: `given to ${credentials.tenantName}, holds for ${minutes} min` };
    }));
  const pipe = await steps.run<MessagePipe>("websocket", () =>
    advised(async () => {
      const { connectorEndpoint } = discovery!;
      const agent = network.agentFor(new URL(connectorEndpoint));
      const options = { token: token!.token, agent, maxMessageBytes: MAX_MESSAGE_BYTES, timeoutMs, signal };
      return { value: await dial(connectorEndpoint, options), detail: `open to ${connectorEndpoint}` };
    }));
  await lookAtSession(pipe, steps, diagnosis);
}

async function lookAtSession(
  pipe: MessagePipe | undefined,
  steps: StepSequence,
  { connector, targets, handleRequest, signal, timeoutMs = STEP_TIMEOUT_MS }: ServerDiagnosis,
): Promise<void> {
  const opened = await steps.run<{ session: Session; welcome: Welcome }>("handshake", () =>
    advised(async () => {
      const hello = { connector, targets: [...targets], limits: { maxMessageBytes: MAX_MESSAGE_BYTES } };
      const handlers = { request: handleRequest };
      const value = await offerSession(pipe!, { hello, timeoutMs, handlers, signal });
      const { version, server, tenantName } = value.welcome;
      return {
        value,
        detail: `protocol ${version} with ${server.machineName}, version ${server.version}, as ${tenantName}`,
      };
    }));
  await steps.run("keep-alive", async () => {
    const roundTripMs = await untilPong(opened!.session, { timeoutMs, signal });
    return { detail: `round trip ${roundTripMs.toFixed(1)} ms` };
  });
  opened?.session.drain("shutdown", "later");
  if (opened !== undefined) await Promise.race([opened.session.ended, sleep(timeoutMs, signal)]);
  opened?.session.close(1000, "diagnosed");
}

async function untilPong(
  session: Session,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<number> {
  let end: string | undefined;
  session.ended.then(({ code, reason }) => end = `the server closed: ${code} ${reason}`);
  const deadlineMs = performance.now() + timeoutMs;
  while (session.roundTripMs === undefined) {
    const late = performance.now() > deadlineMs ? `no answer to a ping within ${timeoutMs} ms` : undefined;
    const why = end ?? late;
    if (why !== undefined) {
      throw new StepError(
        why,
        "Something between here and the server cuts WebSockets: look at proxies and their time limits",
      );
    }
    signal.throwIfAborted();
    await sleep(PONG_POLL_MS, signal);
  }
  return session.roundTripMs;
}

async function advised<T>(look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (cause) {
    if (cause instanceof ProtocolError) {
      throw new StepError(`The handshake failed: ${cause.message}`, adviceForCode("protocol_mismatch"), { cause });
    }
    if (!(cause instanceof ConnectError)) throw cause;
    throw new StepError(cause.message, adviceFor(cause), { cause });
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", done);
    resolve();
  };
  const timer = setTimeout(done, ms);
  signal.addEventListener("abort", done);
  if (signal.aborted) done();
  return promise;
}
