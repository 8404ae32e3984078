/**
 * The RelayServer as a library.
 *
 * @module
 */

export type { BodyStore, PutOptions, StoredBody } from "./body_store/mod.ts";
export { type ServerConfig, serverConfigSchema } from "./config/server_config.ts";
export { type Address, createRelayServer, type RelayServer, type RelayServerOptions } from "./server.ts";
export type {
  DirectAnswer,
  Hop,
  Intercepted,
  InterceptedRequest,
  InterceptedResponse,
  Interceptor,
  InterceptorContext,
  NewBody,
  ReadBodyOptions,
  RequestChanges,
  ResponseChanges,
} from "./interceptors/mod.ts";
export { type AccessPolicy, accessPolicySchema } from "./policy/mod.ts";
export type { CreateServerTransport, ServerTransportContext } from "./delivery.ts";
export type {
  Consumer,
  Consumption,
  MailReceiver,
  OriginMail,
  QueuedRequest,
  ServerTransport,
  Settlement,
  TenantQueues,
  TransportState,
} from "./transport/transport.ts";
export { RelayError } from "../shared/errors/relay_error.ts";
