import assert from "node:assert/strict";
import { traceIdOf } from "./trace_context.ts";

const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN_ID = "00f067aa0ba902b7";

Deno.test("traceIdOf() reads the trace id, whatever the case of the header's name", () => {
  assert.equal(traceIdOf([["Host", "x"], ["TraceParent", `00-${TRACE_ID}-${SPAN_ID}-01`]]), TRACE_ID);
  assert.equal(traceIdOf([["traceparent", `01-${TRACE_ID}-${SPAN_ID}-01-more`]]), TRACE_ID);
});

Deno.test("traceIdOf() takes nothing else for one", () => {
  const values = [
    "",
    TRACE_ID,
    `ff-${TRACE_ID}-${SPAN_ID}-01`,
    `00-${"0".repeat(32)}-${SPAN_ID}-01`,
    `00-${TRACE_ID}-${"0".repeat(16)}-01`,
    `00-${TRACE_ID.toUpperCase()}-${SPAN_ID}-01`,
    `00-${TRACE_ID}-${SPAN_ID}-01x`,
  ];
  for (const value of values) assert.equal(traceIdOf([["traceparent", value]]), undefined, value);
  assert.equal(traceIdOf([["tracestate", `00-${TRACE_ID}-${SPAN_ID}-01`], ["x-traceparen", "1"]]), undefined);
});
