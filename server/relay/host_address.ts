/**
 * Reads tenant and target from the host name: `{target}--{tenant}.{baseDomain}`.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { type AddressSource, checkPath, type RelayAddress } from "./address.ts";

/** What stands between the two names, and so in neither of them. */
const SEPARATOR = "--";
/** Longest label of a host name (RFC 1035 §2.3.4); both names and what is between them are one. */
const MAX_LABEL_LENGTH = 63;
const DNS_SAFE = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

/** Knows the hosts below one domain, all of which belong to targets. */
export class HostAddresses {
  readonly #baseDomain: string;
  readonly #suffix: string;

  /** @param baseDomain In lower case, without a dot at its end. */
  constructor(baseDomain: string) {
    this.#baseDomain = baseDomain;
    this.#suffix = `.${baseDomain}`;
  }

  /**
   * Whether a host lies below the domain, so that nothing of the server's own is served on it.
   *
   * @param host The value of `Host`; case, port and the dot of a fully qualified name do not count.
   */
  covers(host: string): boolean {
    return hostName(host).endsWith(this.#suffix);
  }

  /**
   * Reads the address of a request whose host is below the domain. The whole request target is the path.
   *
   * @throws {RelayError} `not_found` for a host that is not `{target}--{tenant}`; `tenant_unknown` or `target_unknown` for a name that is none
   * of DNS; `invalid_request` for a path that would leave the target's base URL.
   */
  read({ host, target: path }: AddressSource): RelayAddress {
    const label = hostName(host).slice(0, -this.#suffix.length);
    const [target = "", tenant = "", ...more] = label.split(SEPARATOR);
    if (label.length > MAX_LABEL_LENGTH || label.includes(".") || target === "" || tenant === "" || more.length > 0) {
      throw new RelayError("not_found", "The host names no tenant and target");
    }
    if (!DNS_SAFE.test(tenant)) throw new RelayError("tenant_unknown", "The host cannot name a tenant");
    if (!DNS_SAFE.test(target)) throw new RelayError("target_unknown", "The host cannot name a target");
    checkPath(path);
    return { route: "relay", tenant, target, path, baseDomain: this.#baseDomain };
  }
}

/** A host without port, in lower case, without the one dot that says that a name is fully qualified. */
function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, "").replace(/\.$/, "");
}
