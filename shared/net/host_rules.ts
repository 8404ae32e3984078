/**
 * Lists of hosts as people write them: names, addresses, networks, ports.
 *
 * @module
 */

import { BlockList, isIP, isIPv4 } from "node:net";

/** Whether an entry is one that {@linkcode hostRules} understands. */
export function isHostRule(entry: string): boolean {
  const { host, port } = splitPort(entry.trim().toLowerCase());
  if (port !== undefined && port > 65_535) return false;
  return host === "*" || networkMatch(host) !== undefined ||
    !host.includes("/") && !host.includes(":") && /^(?:\*?\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\.?$/.test(host);
}

/**
 * Makes a check of addresses against a list.
 *
 * An entry is `*` (everything), an address or a network (`10.0.0.0/8`, `fd00::/8`: every literal address in it), a name (`example.com`), or
 * `.example.com` and `*.example.com` for all names below it. With `:port` it counts for that port only. Names are not resolved.
 *
 * @param options Whether a name means all below it as well, and `.example.com` the name itself (`NO_PROXY` is read so).
 */
export function hostRules(
  entries: Iterable<string>,
  options: { readonly includesSubdomains: boolean },
): (address: URL) => boolean {
  const rules = [...entries].map((entry) => entry.trim()).filter((entry) => entry !== "")
    .map((entry) => toRule(entry, options.includesSubdomains));
  return (address) => {
    const host = address.hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "").toLowerCase();
    const port = address.port === "" ? (address.protocol === "https:" ? 443 : 80) : Number(address.port);
    return rules.some((rule) => rule(host, port));
  };
}

type Rule = (host: string, port: number) => boolean;

function toRule(entry: string, includesSubdomains: boolean): Rule {
  const { host, port } = splitPort(entry.toLowerCase());
  const matches = host === "*" ? () => true : networkMatch(host) ?? nameMatch(host, includesSubdomains);
  return (name, actualPort) => (port === undefined || port === actualPort) && matches(name);
}

function splitPort(entry: string): { readonly host: string; readonly port: number | undefined } {
  const bracketed = /^\[(.+)\](?::(\d+))?$/.exec(entry);
  const plain = bracketed === null && entry.split(":").length === 2 ? /^(.+):(\d+)$/.exec(entry) : null;
  const [, host = entry, port] = bracketed ?? plain ?? [];
  return { host, port: port === undefined ? undefined : Number(port) };
}

function networkMatch(entry: string): ((host: string) => boolean) | undefined {
  const [address = "", bits, ...rest] = entry.split("/");
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return undefined;
  const family = version === 4 ? "ipv4" : "ipv6";
  const width = version === 4 ? 32 : 128;
  const prefix = bits === undefined ? width : /^\d{1,3}$/.test(bits) ? Number(bits) : Infinity;
  if (prefix > width) return undefined;
  const network = new BlockList();
  network.addSubnet(address, prefix, family);
  return (host) => isIP(host) !== 0 && network.check(host, isIPv4(host) ? "ipv4" : "ipv6");
}

function nameMatch(entry: string, includesSubdomains: boolean): (host: string) => boolean {
  const name = entry.replace(/^\*?\./, "").replace(/\.$/, "");
  const isSuffix = /^\*?\./.test(entry);
  return (host) =>
    name !== "" && ((host === name && (includesSubdomains || !isSuffix)) ||
      (host.endsWith(`.${name}`) && (includesSubdomains || isSuffix)));
}
