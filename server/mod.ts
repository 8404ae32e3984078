/**
 * The RelayServer as a library.
 *
 * @module
 */

export { type ServerConfig, serverConfigSchema } from "./config.ts";
export { type Address, createRelayServer, type RelayServer } from "./server.ts";
