/**
 * The part of the composition root that brings requests to connections: here, at other origins, or in a queue.
 *
 * @module
 */

import type { AnnouncedConnections } from "./cluster/announcer.ts";
import { Cluster, type ClusterService } from "./cluster/cluster.ts";
import { ShortcutMail } from "./cluster/shortcut_mail.ts";
import type { TenantChange } from "./cluster/mail.ts";
import type { ServerConfig } from "./config/server_config.ts";
import type { ConnectionDirectory, ConnectionsElsewhere, ListedConnection } from "./connectors/connection_directory.ts";
import type { LocalConnections } from "./dispatch/connections.ts";
import { Dispatcher } from "./dispatch/dispatcher.ts";
import type { TenantEvents } from "./management/mod.ts";
import { AmqpTransport } from "./transport/amqp/amqp_transport.ts";
import { MemoryTransport } from "./transport/memory_transport.ts";
import type { ServerTransport, TransportState } from "./transport/transport.ts";

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
  /** The connections at this origin. */
  readonly connections: LocalConnections & AnnouncedConnections;
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
    super(
      `Cannot run beside origin ${originId}: it is on the same broker and uses another database, what one stores the other would lose`,
    );
  }
}

/** How the way to other origins is. */
export interface TransportStatus {
  readonly state: TransportState;
  /** Other origins that are known. */
  readonly peers: number;
  /** Ends of links to them. */
  readonly links: number;
  /** Requests of other origins that are served here. */
  readonly served: number;
}

/** What other origins may have done here. */
export interface LocalManagement {
  readonly directory: ConnectionDirectory;
  /** Makes changes of tenants effective here. */
  readonly tenantEvents: TenantEvents;
}

/** Delivery as the server sees it. */
export interface Delivery extends AsyncDisposable {
  readonly dispatcher: Dispatcher;
  readonly transport: ServerTransport;
  /** This origin among the others, where there can be others. */
  readonly cluster: Cluster | undefined;
  /** Rejects with a {@linkcode DatabaseConflictError} when this server must not run beside another one. */
  readonly conflict: Promise<never>;
  /** Tells the other origins of changes. */
  readonly tenantEvents: TenantEvents;
  /** The connections at other origins, where there can be others. */
  readonly elsewhere: ConnectionsElsewhere | undefined;
  /** Lets the other origins ask and tell from now on. */
  openManagement(local: LocalManagement): void;
  /** Hears of stored requests that wait for any origin; one listener. */
  onStoredRequestWaits(listener: (tenantId: string) => void): void;
  /** Takes requests of other origins, and sends them some. */
  start(other: Pick<ClusterService, "serveOther">): void;
  /** How it is at present. */
  readonly status: TransportStatus;
  /** Requests of other origins that are served here. */
  readonly served: number;
  /** Connections at each other origin that takes new ones; none while nothing can be heard of them. */
  connectionsAtOthers(): readonly number[];
  /** Other origins send nothing more here by themselves. */
  drain(): void;
  /** Nothing of other origins is taken any more; what runs finishes. */
  leave(): void;
  /** Requests that wait are answered. */
  stop(): void;
}

/** Puts together what the configuration asks for. */
export async function createDelivery(parts: DeliveryParts): Promise<Delivery> {
  const { config, connections, origin } = parts;
  const transport = await createTransport(parts);
  const { promise: conflict, reject } = Promise.withResolvers<never>();
  conflict.catch(() => {});
  const cluster = createCluster(parts, {
    transport,
    foreignNeighbour: (originId) => reject(new DatabaseConflictError(originId)),
  });
  let storedRequestWaits: ((tenantId: string) => void) | undefined;
  const dispatcher = new Dispatcher({
    connections,
    queues: transport.queues,
    ...(cluster === undefined ? {} : { remote: cluster.remote }),
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
    tenantEvents: tellOthers(cluster),
    elsewhere: cluster && connectionsElsewhere(cluster),
    openManagement: (local) => cluster && openManagement(cluster, local),
    onStoredRequestWaits: (listener) => void (storedRequestWaits = listener),
    start: (other) =>
      cluster?.start({
        serve: (request) => dispatcher.serve(request),
        offer: (requestId, originId) => dispatcher.offer(requestId, originId),
        serveOther: (request) => other.serveOther?.(request),
      }),
    get status() {
      const { peers = 0, links = 0 } = cluster?.counts ?? {};
      return { state: transport.state, peers, links, served: cluster?.served ?? 0 };
    },
    get served() {
      return cluster?.served ?? 0;
    },
    connectionsAtOthers() {
      if (cluster?.remote.isReachable !== true) return [];
      return cluster.peers.filter(({ state }) => state === "ready").map(({ connections }) => connections);
    },
    drain: () => cluster?.drain(),
    leave: () => cluster?.leave(),
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
  { config, connections, origin, databaseId }: DeliveryParts,
  { transport, foreignNeighbour }: {
    readonly transport: ServerTransport;
    readonly foreignNeighbour: (originId: string) => void;
  },
): Cluster | undefined {
  const isAlone = transport instanceof MemoryTransport;
  if (isAlone && config.connectorTransportShortcut) return undefined;
  const mail = config.serverTransportShortcut ? new ShortcutMail(transport.mail, origin.originId) : transport.mail;
  return new Cluster({ mail, connections }, {
    origin,
    databaseId,
    keepAliveIntervalMs: config.keepAliveInterval,
    includesItself: !config.connectorTransportShortcut,
    foreignNeighbour,
  });
}

function tellOthers(cluster: Cluster | undefined): TenantEvents {
  const tell = (change: TenantChange) => cluster?.colleagues.tell(change);
  return {
    tenantChanged: (tenantId, tenantName) => tell({ kind: "tenantChanged", tenantId, tenantName }),
    tenantRemoved: (tenantId, tenantName) => tell({ kind: "tenantRemoved", tenantId, tenantName }),
    secretRemoved: (tenantId, secretId) => tell({ kind: "secretRemoved", tenantId, secretId }),
  };
}

function connectionsElsewhere(cluster: Cluster): ConnectionsElsewhere {
  return {
    count: (tenantId) => cluster.countElsewhere(tenantId),
    // Origins of one cluster trust each other: these are lists of their directories.
    list: async (tenantId) => await cluster.colleagues.connections(tenantId) as readonly ListedConnection[],
    disconnect: (tenantId, connectionId) => cluster.colleagues.disconnect(tenantId, connectionId),
  };
}

function openManagement({ colleagues }: Cluster, { directory, tenantEvents }: LocalManagement): void {
  colleagues.open({
    changed(change) {
      if (change.kind === "secretRemoved") tenantEvents.secretRemoved(change.tenantId, change.secretId);
      else tenantEvents[change.kind]?.(change.tenantId, change.tenantName);
    },
    connections: (tenantId) => directory.listHere(tenantId),
    disconnect: (tenantId, connectionId) => directory.disconnectHere(tenantId, connectionId),
  });
}
