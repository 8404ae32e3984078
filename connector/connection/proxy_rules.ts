/**
 * Which proxy leads to a server: that of the configuration, else the one that the environment names (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`,
 * `NO_PROXY`, in lower or upper case).
 *
 * @module
 */

import { proxyUrl } from "../../shared/config/fields.ts";
import { hostRules } from "../../shared/net/host_rules.ts";

/** Says which proxy leads to an address; `undefined` when it is reached directly. */
export type ProxyRules = (address: URL) => URL | undefined;

/** Value of the key `proxy` that turns proxies off, those of the environment as well. */
export const NO_PROXY_VALUE = "none";

/** Where the rules come from. */
export interface ProxyRulesOptions {
  /** The key `proxy` of the configuration: `none`, or an `http:` or `https:` URL. */
  readonly proxy?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Makes the rules.
 *
 * @throws {TypeError} naming the variable whose value is no proxy.
 */
export function proxyRules({ proxy, env }: ProxyRulesOptions): ProxyRules {
  if (proxy === NO_PROXY_VALUE) return () => undefined;
  if (proxy !== undefined) {
    const configured = new URL(proxy);
    return () => configured;
  }
  const secure = variable(env, "HTTPS_PROXY") ?? variable(env, "ALL_PROXY");
  const plain = variable(env, "HTTP_PROXY") ?? variable(env, "ALL_PROXY");
  if (secure === undefined && plain === undefined) return () => undefined;
  const isExempt = exemptions(env["no_proxy"] || env["NO_PROXY"] || "");
  return (address) =>
    isLoopback(address) || isExempt(address) ? undefined : address.protocol === "https:" ? secure : plain;
}

/** No proxy elsewhere reaches this machine's own addresses. */
function isLoopback({ hostname }: URL): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost") || hostname === "[::1]" ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/** Lower case wins, as in curl. */
function variable(env: ProxyRulesOptions["env"], name: string): URL | undefined {
  const value = (env[name.toLowerCase()] || env[name] || "").trim();
  if (value === "") return undefined;
  const url = proxyUrl().safeParse(/^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`);
  if (url.success) return new URL(url.data);
  throw new TypeError(`Cannot use ${name}: expected the http or https URL of a proxy`);
}

/** `NO_PROXY`: entries apart by commas or spaces, see `host_rules.ts`; a name means all below it as well. */
function exemptions(text: string): (address: URL) => boolean {
  return hostRules(text.split(/[\s,]+/), { includesSubdomains: true });
}
