/**
 * A server: how it is made, started, drained and closed.
 *
 * @module
 */

import { VERSION } from "../shared/version.ts";
import { databaseUrl } from "./config/database.ts";
import type { ServerConfig } from "./config/server_config.ts";
import type { BodyStore } from "./body_store/mod.ts";
import { componentKinds } from "./components.ts";
import { ConnectionRegistry } from "./connectors/registry.ts";
import { createDelivery, type CreateServerTransport } from "./delivery.ts";
import { checkInterceptor, loadInterceptors } from "./interceptors/load.ts";
import type { Interceptor } from "./interceptors/mod.ts";
import type { Listener } from "./listener/listener.ts";
import { createListener, type ListenerOptions } from "./listener/create_listener.ts";
import {
  DatabaseMonitor,
  migrateToLatest,
  openDatabase,
  readDatabaseId,
  SqliteCheckpoints,
} from "./persistence/mod.ts";
import { sleep } from "../shared/time/sleep.ts";
import { createStorage } from "./storage.ts";
import { compose, type Composition, type CompositionParts } from "./composition.ts";

/** How long what became of stored requests may take to be written when the server stops, in milliseconds. */
const STORAGE_TIMEOUT_MS = 5_000;

/** How often a drain looks whether it may go on, in milliseconds. */
const DRAIN_POLL_MS = 10;

/** How long recorded requests that are not written yet may take when the server stops, in milliseconds. */
const CLOSE_TIMEOUT_MS = 5_000;

/** Where a listener can be reached. */
export interface Address {
  readonly hostname: string;
  readonly port: number;
}

/** A RelayServer. Disposing it closes it now; what runs is cut off. */
export interface RelayServer extends AsyncDisposable {
  /** Opens the listeners. */
  start(): Promise<void>;
  /** Finishes what runs within `drainTimeout`, then closes. Idempotent. */
  drain(): Promise<void>;
  /** Resolves when it no longer listens, asked or not. */
  readonly finished: Promise<void>;
  /** @throws {Error} before `start`. */
  readonly publicAddress: Address;
  /** @throws {Error} before `start`. */
  readonly managementAddress: Address;
}

/** What a server takes beside its configuration. */
export interface RelayServerOptions {
  /** They see requests after those of the configuration, and responses before them. */
  readonly interceptors?: readonly Interceptor[];
  /** Makes what carries requests between origins, instead of the configured one. */
  readonly serverTransport?: CreateServerTransport;
  /** Keeps bodies that may have to be delivered again, instead of the configured store. It is not disposed of. */
  readonly bodyStore?: BodyStore;
}

/**
 * Makes a server. Nothing listens before `start`.
 *
 * @param config Checked configuration, see `docs/configuration.md`.
 * @param options Parts that replace the built-in ones, or are added to them.
 * @throws {ConfigError} when a module with interceptors cannot be loaded.
 * @throws {Error} when the database cannot be opened or was made by a newer version.
 * @example
 * ```ts
 * await using server = await createRelayServer(serverConfigSchema.parse({ port: 0, management: { port: 0 } }));
 * await server.start();
 * ```
 */
export async function createRelayServer(config: ServerConfig, options: RelayServerOptions = {}): Promise<RelayServer> {
  const interceptors = [
    ...await loadInterceptors(config.interceptors),
    ...(options.interceptors ?? []).map(checkInterceptor),
  ];
  const monitor = new DatabaseMonitor();
  const { maximumConnections } = config.database;
  const database = openDatabase({ url: databaseUrl(config), maximumConnections, observer: monitor });
  try {
    await migrateToLatest(database);
    const connections = new ConnectionRegistry();
    const origin = { originId: crypto.randomUUID(), version: VERSION, machineName: Deno.hostname() };
    const delivery = await createDelivery({
      config,
      connections,
      origin,
      databaseId: await readDatabaseId(database),
      createTransport: options.serverTransport,
    });
    const { bodyStore } = options;
    const storage = await createStorage({ config, database, connections, delivery, origin, bodyStore, now: Date.now });
    const kinds = componentKinds(config, options);
    return new Server({
      config,
      database,
      monitor,
      registry: connections,
      server: origin,
      delivery,
      storage,
      interceptors,
      kinds,
    });
  } catch (error) {
    await database.destroy();
    throw error;
  }
}

/** Starts, drains and closes what was put together. */
class Server implements RelayServer {
  readonly #parts: Composition;
  readonly #finished = Promise.withResolvers<void>();
  #publicListener: Listener | undefined;
  #managementListener: Listener | undefined;
  #checkpoints: SqliteCheckpoints | undefined;
  #isReady = false;
  #draining: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: CompositionParts) {
    this.#parts = compose(parts, {
      isReady: () => this.#isReady,
      publicPort: () => this.publicAddress.port,
    });
  }

  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  get publicAddress(): Address {
    return addressOf(this.#publicListener);
  }

  get managementAddress(): Address {
    return addressOf(this.#managementListener);
  }

  async start(): Promise<void> {
    const {
      config,
      monitor,
      database,
      storage,
      delivery,
      authentication,
      observation,
      tenantWatch,
      recording,
      operation,
      shedding,
      managementHandler,
      publicHandler,
      bodies,
    } = this.#parts;
    const { hostname, port, listener, tls, management, limits } = config;
    const shared = { headerTimeoutMs: limits.headerTimeout, maxMessageBytes: limits.connectorMessage };
    const managementOptions: ListenerOptions = { ...shared, ...management, listener: "node" };
    const publicOptions: ListenerOptions = { ...shared, hostname, port, listener, tls };
    // 1. Upkeep that does not wait for requests.
    monitor.watch(database);
    this.#checkpoints = await SqliteCheckpoints.start(database, databaseUrl(config));
    storage.bodies.watch();
    await authentication.start();
    await observation.start();
    tenantWatch.start();
    await storage.requests.start();
    await recording.recorder.refresh();
    recording.recorder.start();
    // 2. Management first: whoever watches the server sees it before clients do.
    this.#managementListener = await createListener(managementHandler, managementOptions);
    // 3. The public listener; from here on requests and connectors come in.
    this.#publicListener = await createListener(publicHandler, publicOptions);
    // 4. Load balancers may send requests.
    this.#isReady = true;
    operation.start();
    delivery.start(bodies);
    shedding.start(config.keepAliveInterval);
    await operation.offerSetup();
    Promise.race([this.#managementListener.finished, this.#publicListener.finished, delivery.conflict])
      .then(this.#finished.resolve, this.#finished.reject);
  }

  drain(): Promise<void> {
    return this.#draining ??= this.#drain();
  }

  async #drain(): Promise<void> {
    const {
      config,
      registry,
      delivery,
      storage,
      shedding,
      operation,
      connectors,
      admission,
      webSockets,
      observation,
      relay,
    } = this.#parts;
    const { shutdownDelay, drainTimeout } = config;
    // 1. Unready but serving, until load balancers have noticed. Whoever keeps connections has to make new ones.
    this.#isReady = false;
    shedding[Symbol.dispose]();
    operation.drain();
    this.#publicListener?.drain();
    await new Delay(shutdownDelay).over;
    // 2. No new requests, no new connectors; other origins look elsewhere first.
    connectors.close();
    delivery.drain();
    const idle = Promise.all([admission.close(), storage.requests.drain()]);
    webSockets.drain();
    observation.drain();
    const startedAtMs = performance.now();
    // 3. What was let in reaches a connector, as long as there are any here.
    await until(() => relay.preparing + delivery.dispatcher.waiting === 0, {
      withinMs: drainTimeout / 2,
    });
    // 4. What runs finishes, also for other origins. Connectors stay for it, and look for another server meanwhile.
    delivery.leave();
    registry.drainAll("draining", "now");
    using limit = new Delay(drainTimeout - (performance.now() - startedAtMs));
    await Promise.race([idle, limit.over]);
    const withinMs = drainTimeout - (performance.now() - startedAtMs);
    await until(() => delivery.served === 0, { withinMs });
    await this.#close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  #close(): Promise<void> {
    return this.#closing ??= (async () => {
      const {
        database,
        monitor,
        registry,
        delivery,
        storage,
        shedding,
        connectors,
        operation,
        observation,
        recording,
        endedRequests,
        relay,
        access,
        authentication,
        tenantWatch,
      } = this.#parts;
      this.#isReady = false;
      shedding[Symbol.dispose]();
      connectors.close();
      // 1. Requests that wait are answered, also those that wait for their next delivery.
      delivery.stop();
      const drained = storage.requests.drain();
      // 2. Connections end; what is still in flight fails with them.
      for (const connection of [...registry.list()]) connection.close(1001, "the server stops");
      // 3. Event streams, for which the listener would wait.
      operation.stop();
      // 4. The listeners, which wait for the last answers.
      await Promise.all([this.#publicListener?.close(), this.#managementListener?.close()]);
      // 5. What is stored and not settled is left to others.
      using limit = new Delay(STORAGE_TIMEOUT_MS);
      await Promise.race([drained, limit.over]);
      await storage.requests.stop({ timeoutMs: STORAGE_TIMEOUT_MS });
      // 6. What is known of the last requests is written down.
      endedRequests[Symbol.dispose]();
      await Promise.all([
        observation.close(),
        recording.recorder.close({ timeoutMs: CLOSE_TIMEOUT_MS }),
      ]);
      // 7. What everything stood on.
      relay[Symbol.dispose]();
      await access[Symbol.asyncDispose]();
      authentication[Symbol.dispose]();
      await tenantWatch[Symbol.asyncDispose]();
      await delivery[Symbol.asyncDispose]();
      storage.bodies[Symbol.dispose]();
      monitor[Symbol.dispose]();
      this.#checkpoints?.[Symbol.dispose]();
      await database.destroy();
      this.#finished.resolve();
    })();
  }
}

function addressOf(listener: Listener | undefined): Address {
  if (listener === undefined) throw new Error("Cannot tell address: the server has not been started");
  return { hostname: listener.hostname, port: listener.port };
}

/** Waits until something is so, or the time is over. For ends, which are rare: nobody has to tell when it has become so. */
async function until(isSo: () => boolean, { withinMs }: { readonly withinMs: number }): Promise<void> {
  const endsAtMs = performance.now() + withinMs;
  while (!isSo() && performance.now() < endsAtMs) await sleep(DRAIN_POLL_MS);
}

/** A time that passes; disposing it leaves no timer behind. */
class Delay implements Disposable {
  readonly over: Promise<void>;
  readonly #timer: ReturnType<typeof setTimeout>;

  constructor(durationMs: number) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    this.#timer = setTimeout(resolve, durationMs);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
