/**
 * The connector as a library: applications in this process become targets.
 *
 * @module
 */

export { type ConnectorConfig, connectorConfigSchema } from "./config.ts";
export { type Connector, type ConnectorOptions, createConnector, type Reconfiguration } from "./connector.ts";
export type { TargetStatus } from "./targets/registry.ts";
export { loadConfig } from "../shared/config/load.ts";
export { ConfigError } from "../shared/config/config_error.ts";
export type { FetchHandler, FetchHandlerContext } from "./targets/fetch_handler.ts";
export type { ConnectorStatus, Counters, LinkStatus, TargetState } from "./status/status.ts";
