/**
 * Interceptors: code that sees and changes requests and responses on the server.
 *
 * @module
 */

export { RequestDraft, type RequestDraftOptions, type ResponseDraftOptions } from "./draft.ts";
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
} from "./interceptor.ts";
export { Interception, type InterceptorAnswer, Interceptors } from "./interceptors.ts";
