/**
 * IP addresses and networks, without a platform's help: IPv4, IPv6, and IPv4 in IPv6 clothing.
 *
 * @module
 */

/** An address as its groups: 4 of 8 bits, or 8 of 16 bits. */
export interface IpAddress {
  readonly version: 4 | 6;
  readonly groups: readonly number[];
}

/** All addresses that begin with the same bits. */
export interface Network extends IpAddress {
  /** How many bits count. */
  readonly prefixLength: number;
}

/** Decimal without leading zeros, which some programs read as octal. */
const IPV4 = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;
const GROUP = /^[0-9a-f]{1,4}$/i;
const MAPPED_BITS = 96;

/**
 * Reads an address. IPv4-mapped IPv6 addresses (`::ffff:192.0.2.1`) are the IPv4 addresses they stand for.
 *
 * @param text An address, also with a zone (`fe80::1%eth0`).
 * @returns `undefined` when it is none.
 */
export function parseIpAddress(text: string): IpAddress | undefined {
  const ipv4 = parseIpv4(text);
  if (ipv4 !== undefined) return { version: 4, groups: ipv4 };
  const groups = parseIpv6(text.replace(/%.*$/s, ""));
  if (groups === undefined) return undefined;
  return isMapped(groups) ? { version: 4, groups: mappedGroups(groups) } : { version: 6, groups };
}

/**
 * Reads the address of a client, as a proxy may write it: also with a port (`192.0.2.1:4711`, `[2001:db8::1]:4711`).
 *
 * @returns `undefined` when it is none, as `unknown`.
 */
export function parseClientAddress(text: string): IpAddress | undefined {
  const address = parseIpAddress(text);
  if (address !== undefined) return address;
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1];
  if (bracketed !== undefined) return bracketed.includes(":") ? parseIpAddress(bracketed) : undefined;
  return parseIpAddress(text.replace(/^([0-9.]+):\d+$/, "$1"));
}

/**
 * Reads a network such as `10.0.0.0/8` or `2001:db8::/32`; an address alone is the network of itself.
 *
 * @throws {RangeError} When it is none, or when bits behind the prefix are set.
 */
export function parseNetwork(text: string): Network {
  const [host = "", length, ...rest] = text.split("/");
  const address = host.includes("%") ? undefined : parseIpAddress(host);
  if (address === undefined || rest.length > 0 || (length !== undefined && !/^(0|[1-9]\d{0,2})$/.test(length))) {
    throw new RangeError("Expected an IP address or a network such as 10.0.0.0/8 or 2001:db8::/32");
  }
  const bits = address.version === 4 ? 32 : 128;
  const isMappedText = address.version === 4 && host.includes(":");
  const prefixLength = length === undefined ? bits : Number(length) - (isMappedText ? MAPPED_BITS : 0);
  if (prefixLength < 0 || prefixLength > bits) {
    throw new RangeError(`Expected at most ${bits} bits behind the slash`);
  }
  const network = { ...address, prefixLength };
  if (!isInNetwork(address, network) || masked(network).some((group, index) => group !== address.groups[index])) {
    throw new RangeError(`Expected no bits set behind the first ${prefixLength} of the network`);
  }
  return network;
}

/** Whether an address lies in a network. IPv4 and IPv6 have nothing in common. */
export function isInNetwork(address: IpAddress, network: Network): boolean {
  if (address.version !== network.version) return false;
  const width = address.version === 4 ? 8 : 16;
  let left = network.prefixLength;
  for (let index = 0; left > 0; index++, left -= width) {
    const mask = left >= width ? -1 : -1 << (width - left);
    if (((address.groups[index]! ^ network.groups[index]!) & mask) !== 0) return false;
  }
  return true;
}

/** A client as rate limits count it: an IPv4 address, or the /64 of an IPv6 address, all of which usually belong to one client. */
export function clientKey({ version, groups }: IpAddress): string | number {
  if (version === 6) return `${groups.slice(0, 4).join(":")}::`;
  return groups[0]! << 24 | groups[1]! << 16 | groups[2]! << 8 | groups[3]!;
}

function parseIpv4(text: string): number[] | undefined {
  const groups = IPV4.exec(text)?.slice(1).map(Number);
  return groups?.every((group) => group <= 255) ? groups : undefined;
}

function parseIpv6(text: string): number[] | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, index) => parseGroups(half, index === halves.length - 1));
  if (head === undefined) return undefined;
  if (halves.length === 1) return head.length === 8 ? head : undefined;
  if (tail === undefined || head.length + tail.length > 7) return undefined;
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

function parseGroups(text: string, isLast: boolean): number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    const ipv4 = isLast && index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (ipv4 !== undefined) groups.push(ipv4[0]! << 8 | ipv4[1]!, ipv4[2]! << 8 | ipv4[3]!);
    else if (GROUP.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

function isMapped(groups: readonly number[]): boolean {
  return groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
}

function mappedGroups(groups: readonly number[]): number[] {
  return [groups[6]! >> 8, groups[6]! & 0xff, groups[7]! >> 8, groups[7]! & 0xff];
}

function masked({ version, groups, prefixLength }: Network): number[] {
  const width = version === 4 ? 8 : 16;
  return groups.map((group, index) => {
    const left = Math.min(Math.max(prefixLength - index * width, 0), width);
    return group & ((1 << width) - (1 << (width - left)));
  });
}
