/**
 * Access policies: who may send what to which target of a tenant.
 *
 * @module
 */

export { AccessPolicies, type PolicyOwner } from "./access_policies.ts";
export { type CompiledPolicy, compilePolicy, type PolicyDecision } from "./access_policy.ts";
export type { Caller, CallerVerifiers, ClientSecrets, Credential, IssuerTokens, NamedIssuer } from "./callers.ts";
export { type Denial, DenialLog, type DenialObserver, type DenialSink, type DenialSummary } from "./denials.ts";
export { type PolicyRequest, RuleSubject } from "./rules.ts";
export { type AccessPolicy, accessPolicySchema } from "./schema.ts";
