/**
 * Gives every request of one tenant a header, and keeps another from it.
 *
 * @module
 */

import type { Interceptor } from "../../../server/mod.ts";

export default {
  name: "request-headers",
  interceptRequest(request, { tenant, requestId }) {
    if (tenant.name !== "acme") return;
    const kept = request.headers.filter(([name]) => name.toLowerCase() !== "x-debug");
    return { headers: [...kept, ["X-Correlation-Id", requestId]] };
  },
} satisfies Interceptor;
