/**
 * The `management` section of the server's configuration.
 *
 * @module
 */

import { z } from "zod";
import { list, port, text } from "../../shared/config/fields.ts";
import { tlsSection } from "./fields.ts";

/** The `management` section: the management listener. */
export const managementSection = z.strictObject({
  hostname: text().prefault("127.0.0.1").describe("Address the management listener binds to."),
  port: port().prefault(8081).describe("Port of the management listener; 0 takes a free one."),
  allowedHosts: list(text()).prefault([]).describe(
    "Host names besides the loopback names under which the management listener may be called; any other Host is refused.",
  ),
  tls: tlsSection.prefault({}).describe("With it the management listener speaks HTTPS."),
});
