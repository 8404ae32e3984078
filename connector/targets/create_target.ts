/**
 * Makes a target of its configuration.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { ConfigError, type ConfigProblem } from "../../shared/config/config_error.ts";
import { reasonUnreadable } from "../../shared/config/file.ts";
import { certificateProblem } from "../../shared/net/pem.ts";
import { hostRules } from "../../shared/net/host_rules.ts";
import type { RelayRequest } from "../../shared/http/message.ts";
import { EchoTarget } from "./echo.ts";
import { FetchHandlerTarget } from "./fetch_handler.ts";
import type { HealthCheckOptions } from "./health_check.ts";
import { LimitedTarget } from "./limited.ts";
import { loadFetchHandler } from "./module.ts";
import { PingTarget } from "./ping.ts";
import { RewritingTarget } from "./rewriting.ts";
import type { Target } from "./target.ts";
import { WebTarget } from "./web.ts";

/** One target's configuration; see `config.ts` for what each key means. */
export interface TargetOptions {
  /** `web`, `echo`, `ping`, or the path of a module (see `module.ts`). */
  readonly type: string;
  /** Base URL, for `web`. */
  readonly url?: string | undefined;
  /** Until the head of the response, in milliseconds. */
  readonly timeout?: number | undefined;
  readonly maximumConcurrentRequests?: number | undefined;
  readonly followRedirects?: boolean | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly credentials?: {
    readonly basic?: { readonly username: string; readonly password: string } | undefined;
    readonly bearer?: string | undefined;
  } | undefined;
  readonly preserveHost?: boolean | undefined;
  readonly rewrite?: boolean | undefined;
  /** URL of a proxy; `none` means the same as absent. */
  readonly proxy?: string | undefined;
  readonly tls?: {
    /** PEM files. */
    readonly caFile?: string | undefined;
    readonly certFile?: string | undefined;
    readonly keyFile?: string | undefined;
    readonly insecureSkipVerify?: boolean | undefined;
  } | undefined;
  readonly healthCheck?: HealthCheckOptions | undefined;
}

/** What targets have in common. */
export interface TargetSurroundings {
  /** Hosts that targets may be at; all when absent. */
  readonly allowedTargets?: readonly string[] | undefined;
  /** The path under which a request's client sees its target. */
  publicPath(request: RelayRequest): string;
}

/** The files of a target, read. */
export interface TargetFiles {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** A target, and the part of it that calls the application without waiting its turn. */
export interface CreatedTarget {
  readonly target: Target;
  readonly direct: Target;
}

/** Until the head of a response, in milliseconds, where nothing is configured. */
const DEFAULT_TIMEOUT_MS = 100_000;

/**
 * Reads the files that a target's configuration names.
 *
 * @throws {ConfigError} with every file that cannot be read, or is not what it has to be.
 */
export async function readTargetFiles(name: string, { tls = {} }: TargetOptions): Promise<TargetFiles> {
  const problems: ConfigProblem[] = [];
  const read = async (key: "caFile" | "certFile" | "keyFile") => {
    const file = tls[key];
    if (file === undefined) return undefined;
    try {
      return await Deno.readTextFile(file);
    } catch (cause) {
      problems.push({
        path: `targets.${name}.tls.${key}`,
        message: `Cannot read the file: ${reasonUnreadable(cause)}`,
      });
      return undefined;
    }
  };
  const ca = await read("caFile");
  const problem = ca === undefined ? undefined : certificateProblem(ca);
  if (problem !== undefined) {
    problems.push({ path: `targets.${name}.tls.caFile`, message: `Cannot use the file: ${problem}` });
  }
  const files = { ca, cert: await read("certFile"), key: await read("keyFile") };
  if (problems.length > 0) throw new ConfigError(problems);
  return files;
}

/**
 * Makes a target.
 *
 * @throws {ConfigError} when the configuration cannot be used.
 */
export async function createTarget(
  name: string,
  options: TargetOptions,
  { files, surroundings }: { readonly files: TargetFiles; readonly surroundings: TargetSurroundings },
): Promise<CreatedTarget> {
  try {
    const direct = await createDirectTarget(options, { files, surroundings });
    return { direct, target: wrap(direct, options, surroundings) };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError([{ path: `targets.${name}`, message: reason }], { cause });
  }
}

async function createDirectTarget(
  options: TargetOptions,
  { files, surroundings }: { readonly files: TargetFiles; readonly surroundings: TargetSurroundings },
): Promise<Target> {
  const { type, timeout } = options;
  if (type === "echo") return new EchoTarget();
  if (type === "ping") return new PingTarget();
  if (type !== "web") return new FetchHandlerTarget(await loadFetchHandler(type), { timeoutMs: timeout });
  if (options.url === undefined) throw new TypeError("A web target needs a url");
  const { url, followRedirects, preserveHost, proxy, tls } = options;
  const { allowedTargets } = surroundings;
  return new WebTarget({
    url,
    timeoutMs: timeout,
    followRedirects,
    headers: { ...options.headers, ...authorization(options) },
    preserveHost,
    tls: { ...files, insecureSkipVerify: tls?.insecureSkipVerify },
    ...(proxy === undefined || proxy === "none" ? {} : { proxy: new URL(proxy) }),
    ...(allowedTargets === undefined ? {} : { isAllowed: hostRules(allowedTargets, { includesSubdomains: false }) }),
  });
}

function wrap(direct: Target, options: TargetOptions, { publicPath }: TargetSurroundings): Target {
  const { maximumConcurrentRequests, timeout: timeoutMs = DEFAULT_TIMEOUT_MS, url, rewrite } = options;
  let target = direct;
  if (rewrite === true && url !== undefined) target = new RewritingTarget(target, { url, publicPath });
  return maximumConcurrentRequests === undefined
    ? target
    : new LimitedTarget(target, { maximumConcurrentRequests, timeoutMs });
}

function authorization({ credentials }: TargetOptions): Record<string, string> {
  if (credentials?.bearer !== undefined) return { Authorization: `Bearer ${credentials.bearer}` };
  if (credentials?.basic === undefined) return {};
  const { username, password } = credentials.basic;
  return { Authorization: `Basic ${Buffer.from(`${username}:${password}`, "utf8").toString("base64")}` };
}
