/**
 * Answers senders of webhooks at once, and delivers what they sent: they do not wait for slow targets, nor hear of failing ones.
 *
 * @module
 */

import type { Interceptor } from "../../../server/mod.ts";

export default {
  name: "webhook",
  interceptRequest: ({ method, target }) =>
    method === "POST" && target === "webhooks" ? { answer: { status: 202 }, deliver: true } : undefined,
} satisfies Interceptor;
