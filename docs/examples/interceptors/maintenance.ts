/**
 * Answers itself while a target is being maintained. Nothing is delivered.
 *
 * @module
 */

import type { Interceptor } from "../../../server/mod.ts";

/** Targets that are not to be called, by tenant. */
const CLOSED: Readonly<Record<string, readonly string[]>> = { acme: ["erp"] };

export default {
  name: "maintenance",
  interceptRequest({ target }, { tenant }) {
    if (!CLOSED[tenant.name]?.includes(target.toLowerCase())) return;
    return {
      answer: {
        status: 503,
        headers: [["Content-Type", "text/plain; charset=utf-8"], ["Retry-After", "600"]],
        body: "Back in ten minutes.\n",
      },
    };
  },
} satisfies Interceptor;
