/**
 * Whose forwarding headers are believed.
 *
 * @module
 */

import { BlockList, isIP } from "node:net";

/**
 * Makes a test for addresses.
 *
 * @param networks IP addresses and networks such as `10.0.0.0/8`.
 */
export function createTrustedProxies(networks: readonly string[]): (address: string) => boolean {
  if (networks.length === 0) return () => false;
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", bits] = network.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (address) => {
    const version = isIP(address);
    return version !== 0 && list.check(address, version === 6 ? "ipv6" : "ipv4");
  };
}
