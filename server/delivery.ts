/**
 * The part of the composition root that brings requests to connections: here, at other origins, or in a queue.
 *
 * @module
 */

import { Cluster, type ClusterService } from "./cluster/cluster.ts";
import { ShortcutMail } from "./cluster/shortcut_mail.ts";
import type { ServerConfig } from "./config.ts";
import type { ConnectionRegistry } from "./connectors/registry.ts";
import { Dispatcher } from "./dispatch/dispatcher.ts";
import { AmqpTransport } from "./transport/amqp/amqp_transport.ts";
import { MemoryTransport } from "./transport/memory_transport.ts";
import type { ServerTransport } from "./transport/transport.ts";

/** What a server transport is made for. */
export interface ServerTransportContext {
  /** UUID of this origin. */
  readonly originId: string;
  /** Requests of one tenant that may wait at this origin. */
  readonly maxQueuedPerTenant: number;
}

/** Makes a server transport. It is disposed of with the server. */
export type CreateServerTransport = (context: ServerTransportContext) => Promise<ServerTransport>;

/** What delivery is put together from. */
export interface DeliveryParts {
  readonly config: ServerConfig;
  readonly registry: ConnectionRegistry;
  readonly origin: { readonly originId: string; readonly machineName: string; readonly version: string };
  /** Identifies the database. */
  readonly databaseId: string;
  /** Somebody else's transport; then the configured one is not made. */
  readonly createTransport?: CreateServerTransport | undefined;
}

/** This server met another one on its broker that does not share its database. */
export class DatabaseConflictError extends Error {
  override readonly name = "DatabaseConflictError";

  constructor(originId: string) {
    super(`Origin ${originId} on the same broker uses another database: what one stores, the other would lose`);
  }
}

/** Delivery as the server sees it. */
export interface Delivery extends AsyncDisposable {
  readonly dispatcher: Dispatcher;
  readonly transport: ServerTransport;
  /** This origin among the others, where there can be others. */
  readonly cluster: Cluster | undefined;
  /** Rejects with a {@linkcode DatabaseConflictError} when this server must not run beside another one. */
  readonly conflict: Promise<never>;
  /** Hears of stored requests that wait for any origin; one listener. */
  onStoredRequestWaits(listener: (tenantId: string) => void): void;
  /** Takes requests of other origins, and sends them some. */
  start(other: Pick<ClusterService, "serveOther">): void;
  /** Other origins send nothing more here. */
  drain(): void;
  /** Requests that wait are answered. */
  stop(): void;
}

/** Puts together what the configuration asks for. */
export async function createDelivery(parts: DeliveryParts): Promise<Delivery> {
  const { config, registry, origin } = parts;
  const transport = await createTransport(parts);
  const { promise: conflict, reject } = Promise.withResolvers<never>();
  conflict.catch(() => {});
  const cluster = createCluster(parts, {
    transport,
    foreignNeighbour: (originId) => reject(new DatabaseConflictError(originId)),
  });
  let storedRequestWaits: ((tenantId: string) => void) | undefined;
  const dispatcher = new Dispatcher({
    connections: registry,
    queues: transport.queues,
    ...(cluster === undefined ? {} : { remote: cluster }),
  }, {
    originId: origin.originId,
    connectionGraceMs: config.connectionGrace,
    connectorTransportShortcut: config.connectorTransportShortcut,
    storedRequestWaits: (tenantId) => storedRequestWaits?.(tenantId),
  });
  return {
    dispatcher,
    transport,
    cluster,
    conflict,
    onStoredRequestWaits: (listener) => void (storedRequestWaits = listener),
    start: (other) =>
      cluster?.start({
        serve: (request) => dispatcher.serve(request),
        offer: (requestId, originId) => dispatcher.offer(requestId, originId),
        serveOther: (request) => other.serveOther?.(request),
      }),
    drain: () => cluster?.drain(),
    stop: () => dispatcher[Symbol.dispose](),
    async [Symbol.asyncDispose]() {
      cluster?.[Symbol.dispose]();
      await transport[Symbol.asyncDispose]();
    },
  };
}

function createTransport({ config, origin, createTransport }: DeliveryParts): Promise<ServerTransport> {
  const { type, amqp } = config.transport;
  const context = { originId: origin.originId, maxQueuedPerTenant: config.limits.requestsPerTenant };
  if (createTransport !== undefined) return createTransport(context);
  if (type === "amqp") return AmqpTransport.open({ ...context, ...amqp });
  return Promise.resolve(new MemoryTransport(context));
}

/** An origin that is alone, and takes the short way to its connectors, has nobody to talk to. */
function createCluster(
  { config, registry, origin, databaseId }: DeliveryParts,
  { transport, foreignNeighbour }: {
    readonly transport: ServerTransport;
    readonly foreignNeighbour: (originId: string) => void;
  },
): Cluster | undefined {
  const isAlone = transport instanceof MemoryTransport;
  if (isAlone && config.connectorTransportShortcut) return undefined;
  const mail = config.serverTransportShortcut ? new ShortcutMail(transport.mail, origin.originId) : transport.mail;
  return new Cluster({ mail, connections: registry }, {
    origin,
    databaseId,
    keepAliveIntervalMs: config.keepAliveInterval,
    includesItself: !config.connectorTransportShortcut,
    foreignNeighbour,
  });
}
