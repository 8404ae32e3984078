/**
 * What the codes of failed requests mean, and what to do about them.
 *
 * @module
 */

/** Explanations by code. */
export const ERROR_TEXTS: Readonly<Record<string, { readonly meaning: string; readonly remedy: string }>> = {
  invalid_request: {
    meaning: "The request was malformed: its target, its path, a header or its length.",
    remedy: "Look at what the client sends. Paths with .. that would leave the target are refused as well.",
  },
  authentication_required: {
    meaning: "The tenant wants a token, and the client sent none that counts.",
    remedy: "Get a token with a secret for clients, and send it as a bearer token.",
  },
  access_denied: {
    meaning: "The tenant's access policy forbids the request.",
    remedy: "The reason names the rule. Change the policy, or the request.",
  },
  tenant_disabled: { meaning: "The tenant is disabled.", remedy: "Enable it, if it is to work again." },
  tenant_unknown: { meaning: "There is no tenant of that name.", remedy: "Look at the address the client uses." },
  target_unknown: {
    meaning: "The connector has no target of that name.",
    remedy: "Look at the targets of the connections, and at the address the client uses.",
  },
  not_found: { meaning: "There is nothing at this address.", remedy: "Look at the address the client uses." },
  request_timeout: {
    meaning: "The client stopped sending the body of its request.",
    remedy: "Look for what is between client and server; limits.bodyIdleTimeout says how long the server waits.",
  },
  body_too_large: {
    meaning: "The body of the request is larger than allowed.",
    remedy: "maxBodySize of the server, of the access policy or of one of its rules is the limit.",
  },
  headers_too_large: { meaning: "The headers are too large.", remedy: "Cookies are the usual reason." },
  rate_limited: {
    meaning: "More requests came than the access policy allows.",
    remedy: "Clients should wait as Retry-After says; else raise the limit in the policy.",
  },
  client_gone: {
    meaning: "The client left before it had the whole answer.",
    remedy: "Nobody's fault, unless clients give up because the target is slow: compare with its duration.",
  },
  internal_error: {
    meaning: "The server failed in a way that was not foreseen.",
    remedy: "Its log has the reason, by the id of the request.",
  },
  target_unreachable: {
    meaning: "The connector could not connect to the target, or the target broke the connection.",
    remedy: "See that the application runs, and that its URL in the connector's configuration is right.",
  },
  target_invalid_response: {
    meaning: "What the target answered is not HTTP that can be passed on.",
    remedy: "Ask the target directly from the connector's machine.",
  },
  connector_lost: {
    meaning:
      "The connector went away after it had been given the request. Whether the target has seen it is not known.",
    remedy:
      "Look at the connector's log and at its network. An acknowledge mode of the tenant can have such requests repeated.",
  },
  connector_unavailable: {
    meaning: "No connector of the tenant was connected.",
    remedy: "Start the connector, and see its log if it cannot connect.",
  },
  transport_unavailable: {
    meaning: "What carries requests between servers, or the database, could not be reached.",
    remedy: "See the dashboard for what is away.",
  },
  body_store_unavailable: { meaning: "The body store could not be reached.", remedy: "See the dashboard and the log." },
  authentication_unavailable: {
    meaning: "Nobody could say whether the client's token counts.",
    remedy: "See that the database and the issuer can be reached.",
  },
  queue_full: {
    meaning: "Too many requests of the tenant wait already.",
    remedy: "See whether its connectors take any; limits.queuedRequestsPerTenant is the limit.",
  },
  overloaded: {
    meaning: "The server or the tenant had too many requests under way.",
    remedy: "limits.requests and limits.requestsPerTenant are the limits. Look for slow targets first.",
  },
  draining: { meaning: "The server was about to stop.", remedy: "Clients may try again at once." },
  target_timeout: {
    meaning: "The target did not answer within its time.",
    remedy: "timeout of the target in the connector's configuration is the limit.",
  },
  request_expired: {
    meaning: "There was no answer within the time a request may take.",
    remedy: "requestExpiration is the limit. See whether requests had to wait for a connector.",
  },
};
