/**
 * The `webhooks` section of the server's configuration.
 *
 * @module
 */

import { z } from "zod";
import { choice, duration, flag, list, secret, text } from "../../shared/config/fields.ts";
import { PRESENCE_EVENT_TYPES } from "./presence_events.ts";
import { webhookKey } from "./signature.ts";

const webhookSection = z.strictObject({
  url: secret().refine(isHttpUrl, "Expected an absolute http or https URL").describe(
    "Where events are posted. Treated as a secret, since such addresses often hold one. http is taken only for loopback unless allowInsecure is true.",
  ),
  secret: secret().refine(
    (value) => webhookKey(value) !== undefined,
    "Expected whsec_ and 24 to 64 random bytes in base64",
  ).describe("Key of the signatures: whsec_ and 24 to 64 random bytes in base64."),
  events: list(choice(PRESENCE_EVENT_TYPES)).prefault([...PRESENCE_EVENT_TYPES]).describe(
    "What the receiver hears of.",
  ),
  tenants: list(text()).prefault([]).describe("Names of the tenants it hears of. Without any, of all."),
  timeout: duration({ minimum: 1 }).prefault("10s").describe("How long the receiver may take, in milliseconds."),
  allowInsecure: flag().prefault(false).describe("Allow http to a receiver that is not on this machine."),
}).refine(({ url, allowInsecure }) => allowInsecure === true || !isInsecure(url), {
  when: () => true,
  path: ["url"],
  message: "Must be https, or on this machine (allowInsecure: true takes it anyway)",
});

const webhookName = z.string().regex(/^[A-Za-z0-9_-]{1,50}$/, "Expected a name of letters, digits, _ and -");

/** The `webhooks` section: receivers by name. */
export function webhooksSection() {
  return z.record(webhookName, webhookSection).prefault({}).describe(
    "Receivers of signed calls when a tenant goes on or off line, by name.",
  );
}

function isHttpUrl(value: string): boolean {
  const protocol = URL.parse(value)?.protocol;
  return protocol === "https:" || protocol === "http:";
}

/** The value may be invalid otherwise. */
function isInsecure(value: unknown): boolean {
  const url = URL.parse(String(value));
  return url?.protocol === "http:" && !/^(?:localhost|.*\.localhost|\[::1\]|127(?:\.\d+){3})$/.test(url.hostname);
}
