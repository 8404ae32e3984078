/**
 * Changes bodies that are JSON: adds the sender to requests, and takes what is not for clients out of responses. Bodies are read into memory for it,
 * up to 64 KiB.
 *
 * @module
 */

import type { Interceptor } from "../../../server/mod.ts";

const MAX_BYTES = 64 * 1024;

const isJson = (type: string | undefined) => type?.split(";", 1)[0]?.trim().toLowerCase() === "application/json";

export default {
  name: "json-body",
  async interceptRequest(request, { clientAddress }) {
    if (!isJson(request.header("content-type"))) return;
    const order = JSON.parse(new TextDecoder().decode(await request.readBody({ maxBytes: MAX_BYTES })));
    return { body: JSON.stringify({ ...order, sender: clientAddress }) };
  },
  async interceptResponse(response) {
    if (!isJson(response.header("content-type"))) return;
    const { internal: _, ...order } = JSON.parse(
      new TextDecoder().decode(await response.readBody({ maxBytes: MAX_BYTES })),
    );
    return { body: JSON.stringify(order) };
  },
} satisfies Interceptor;
