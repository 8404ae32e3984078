/**
 * The connector as a library: applications in this process become targets.
 *
 * @module
 */

export { type ConnectorConfig, connectorConfigSchema } from "./config.ts";
export { type Connector, type ConnectorOptions, createConnector } from "./connector.ts";
export type { FetchHandler, FetchHandlerContext } from "./targets/fetch_handler.ts";
export type { ConnectorStatus, Counters, LinkStatus, TargetState } from "./status/status.ts";
