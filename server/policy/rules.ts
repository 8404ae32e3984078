/**
 * The rules of an access policy, ready to be applied.
 *
 * @module
 */

import { parseSize } from "../../shared/config/size.ts";
import type { HeaderLines } from "../../shared/http/message.ts";
import type { Caller } from "./callers.ts";
import { contentTypesOf, isOfType } from "./media_type.ts";
import { type IpAddress, isInNetwork, parseClientAddress, parseNetwork } from "./network.ts";
import { fold, isSurelyBelow, mayBeBelow, parsePathPrefix, type PathReadings, readPath } from "./path.ts";
import type { PolicyRule } from "./schema.ts";

/** What rules look at. */
export interface PolicyRequest {
  readonly target: string;
  /** What follows the target, as the client sent it. */
  readonly path: string;
  readonly method: string;
  readonly headers: HeaderLines;
  readonly hasBody: boolean;
  /** As far as proxies are believed. */
  readonly clientAddress: string;
  /** Browsers send it without credentials before a request to another origin. */
  readonly isPreflight: boolean;
}

/** Headers with which some frameworks let a client name another method than the request's. */
const METHOD_OVERRIDES = new Set(["x-http-method-override", "x-http-method", "x-method-override"]);
const METHOD_OVERRIDE_LENGTHS = new Set([...METHOD_OVERRIDES].map(({ length }) => length));

/** One request, read for the rules: each part when it is first needed. */
export class RuleSubject {
  readonly request: PolicyRequest;
  #address: IpAddress | null | undefined;
  #path: PathReadings | null | undefined;
  #methods: readonly string[] | undefined;
  #contentTypes: readonly string[] | null | undefined;

  constructor(request: PolicyRequest) {
    this.request = request;
  }

  /** Null when it cannot be read. */
  get address(): IpAddress | null {
    return this.#address ??= this.#address === null ? null : parseClientAddress(this.request.clientAddress) ?? null;
  }

  /** Null when servers could read it in ways that nobody foresaw. */
  get path(): PathReadings | null {
    return this.#path ??= this.#path === null ? null : readPath(this.request.path) ?? null;
  }

  /** The request's own method, and those that headers name instead. */
  get methods(): readonly string[] {
    return this.#methods ??= methodsOf(this.request);
  }

  /** Null when a content type cannot be read. */
  get contentTypes(): readonly string[] | null {
    return this.#contentTypes ??= this.#contentTypes === null ? null : contentTypesOf(this.request.headers) ?? null;
  }
}

/** Whether a condition holds. */
type Condition = (subject: RuleSubject) => boolean;

/** One rule. */
export class Rule {
  readonly name: string;
  readonly isAllowing: boolean;
  /** Largest body in bytes; `undefined` for no limit. */
  readonly maxBodyBytes: number | undefined;
  /** For logs. */
  readonly reason: string;
  readonly #callers: readonly string[] | undefined;
  readonly #conditions: readonly Condition[];

  /** @param rule One that the schema accepts. */
  constructor(rule: PolicyRule) {
    this.name = rule.name;
    this.isAllowing = rule.effect === "allow";
    this.maxBodyBytes = rule.maxBodySize === undefined ? undefined : parseSize(String(rule.maxBodySize));
    this.reason = `${rule.effect}: rule "${rule.name}"`;
    this.#callers = rule.callers;
    this.#conditions = compile(rule);
  }

  /** Whether all conditions but that on the caller hold. */
  isFor(subject: RuleSubject): boolean {
    return this.#conditions.every((holds) => holds(subject));
  }

  /** Whether the condition on the caller holds. Where a preflight is allowed to nobody, no browser can ask for what follows it. */
  isForCaller(caller: Caller | undefined, { request }: RuleSubject): boolean {
    if (this.#callers === undefined) return true;
    if (caller === undefined) return this.isAllowing && request.isPreflight;
    return this.#callers.some((name) => caller.names.has(name));
  }
}

/** What is allowed must hold however it is read; what is denied, in one way of reading it. What cannot be read is denied. */
function compile(rule: PolicyRule): Condition[] {
  const isAllowing = rule.effect === "allow";
  const conditions: Condition[] = [];
  if (rule.targets !== undefined) {
    const targets = new Set(rule.targets.map((target) => target.toLowerCase()));
    conditions.push(({ request }) => targets.has(request.target.toLowerCase()));
  }
  if (rule.methods !== undefined) conditions.push(methodCondition(rule.methods, isAllowing));
  if (rule.addresses !== undefined) {
    const networks = rule.addresses.map(parseNetwork);
    conditions.push(({ address }) =>
      address === null ? !isAllowing : networks.some((network) => isInNetwork(address, network))
    );
  }
  if (rule.contentTypes !== undefined) conditions.push(contentTypeCondition(rule.contentTypes, isAllowing));
  if (rule.pathPrefixes !== undefined) conditions.push(pathCondition(rule.pathPrefixes, isAllowing));
  return conditions;
}

function methodCondition(methods: readonly string[], isAllowing: boolean): Condition {
  const exact = new Set(methods);
  const upper = new Set(methods.map((method) => method.toUpperCase()));
  return isAllowing
    ? (subject) => subject.methods.every((method) => exact.has(method))
    : (subject) => subject.methods.some((method) => upper.has(method.toUpperCase()));
}

function pathCondition(texts: readonly string[], isAllowing: boolean): Condition {
  const prefixes = texts.map(parsePathPrefix);
  const folded = prefixes.map(fold);
  return isAllowing
    ? ({ path }) => path !== null && prefixes.some((prefix) => isSurelyBelow(path, prefix))
    : ({ path }) => path === null || folded.some((prefix) => mayBeBelow(path, prefix));
}

/** Without a body and without a type there is nothing to object to. */
function contentTypeCondition(texts: readonly string[], isAllowing: boolean): Condition {
  const patterns = texts.map((text) => text.toLowerCase());
  const isListed = (type: string) => patterns.some((pattern) => isOfType(type, pattern));
  return isAllowing
    ? ({ contentTypes, request }) =>
      contentTypes !== null && contentTypes.every(isListed) && (contentTypes.length > 0 || !request.hasBody)
    : ({ contentTypes }) => contentTypes === null || contentTypes.some(isListed);
}

function methodsOf({ method, headers }: PolicyRequest): readonly string[] {
  const methods = [method];
  for (const [name, value] of headers) {
    if (!METHOD_OVERRIDE_LENGTHS.has(name.length) || !METHOD_OVERRIDES.has(name.toLowerCase())) continue;
    for (const part of value.split(",")) methods.push(part.trim().toUpperCase());
  }
  return methods;
}
