/**
 * Values of the server's configuration that are of use in more than one section, or take more than a line to check.
 *
 * @module
 */

import { isIP } from "node:net";
import { z } from "zod";
import { duration, text } from "../../shared/config/fields.ts";

/** An IP address, or a network with its bits. */
export const address = text().refine(isAddressOrNetwork, "Expected an IP address or a network such as 10.0.0.0/8");

/** A DNS name with room for the labels of targets and tenants before it; in lower case once parsed. */
export const domain = text().transform((value) => value.toLowerCase()).refine(
  isBaseDomain,
  "Expected a DNS name such as relay.example.com, without port and without a dot at its end",
);

/** Certificate and key of a listener. */
export const tlsSection = z.strictObject({
  certFile: text().optional().describe("File with the certificate chain, in PEM."),
  keyFile: text().optional().describe("File with the certificate's private key, in PEM."),
}).refine(({ certFile, keyFile }) => (certFile === undefined) === (keyFile === undefined), {
  path: ["keyFile"],
  message: "Must be set together with certFile",
});

/** No timer waits for these. */
const LONGEST_AGE_MS = 100 * 365 * 86_400_000;

/**
 * How long something is kept, in milliseconds.
 *
 * @param minimum The shortest one, in milliseconds.
 */
export function age(minimum: number) {
  return duration({ minimum, maximum: LONGEST_AGE_MS });
}

function isAddressOrNetwork(value: string): boolean {
  const [host = "", bits, ...rest] = value.split("/");
  const version = isIP(host);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || /^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128);
}

/** Whether a target's label and a dot still fit before a name. A number at its end would make it an address. */
function isBaseDomain(name: string): boolean {
  return name.length <= 253 - 64 && /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.|$))+(?<!\.)$/.test(name) &&
    !/(?:^|\.)[0-9]+$/.test(name);
}
