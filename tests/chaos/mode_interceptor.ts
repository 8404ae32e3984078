/**
 * Gives each request of a campaign its acknowledge mode.
 *
 * @module
 */

import type { Interceptor } from "../../server/mod.ts";
import { ID_HEADER } from "./chaos_target.ts";
import { modeOf } from "./lines.ts";

export default {
  name: "chaos mode",
  interceptRequest(request) {
    const acknowledgeMode = modeOf(request.header(ID_HEADER) ?? "");
    return acknowledgeMode === undefined ? undefined : { acknowledgeMode };
  },
} satisfies Interceptor;
