/**
 * The `transport` section of the server's configuration.
 *
 * @module
 */

import { z } from "zod";
import { choice, list, text } from "../../shared/config/fields.ts";

const brokerUrl = text().refine(
  (url) => /^amqps?:\/\/[^/?#\s]+/.test(url) && URL.canParse(url),
  "Expected amqp: or amqps: with host, port and virtual host, such as amqp://user:password@broker:5672/relay",
);

/** The `transport` section: memory, or a broker. */
export const transportSection = z.strictObject({
  type: choice(["memory", "amqp"]).prefault("memory").describe(
    "What carries requests between origins: memory for a single one, amqp (RabbitMQ) for several.",
  ),
  amqp: z.strictObject({
    urls: list(brokerUrl).prefault([]).describe(
      "URLs of brokers, amqp: or amqps:, with user, password and virtual host. One after the other is tried.",
    ),
    queueType: choice(["quorum", "classic"]).prefault("quorum").describe("Kind of the tenants' queues."),
    caFile: text().optional().describe("File with certificates of authorities that brokers are trusted by, in PEM."),
  }).prefault({}).describe("The broker, for the type amqp."),
}).refine((transport) => !(transport.type === "amqp" && transport.amqp?.urls?.length === 0), {
  when: () => true,
  path: ["amqp", "urls"],
  message: "Must name a broker for the type amqp",
});
