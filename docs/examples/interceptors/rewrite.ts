/**
 * Sends an old path to where it is now: another target, another path, the same query.
 *
 * @module
 */

import type { Interceptor } from "../../../server/mod.ts";

const OLD = /^\/legacy\/orders(?=[/?]|$)/;

export default {
  name: "rewrite",
  interceptRequest: ({ target, path }) =>
    target === "erp" && OLD.test(path) ? { target: "shop", path: path.replace(OLD, "/orders") } : undefined,
} satisfies Interceptor;
