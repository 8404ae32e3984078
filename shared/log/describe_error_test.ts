import assert from "node:assert/strict";
import { explainImportError } from "./describe_error.ts";

Deno.test("explainImportError() says reason and place on one line when the module's source is quoted", () => {
  const error = new SyntaxError(
    "Expression expected\n  |\n1 | export default {\n  |       ~\n    at file:///syn.ts:1:23",
  );
  assert.equal(explainImportError(error), "Expression expected at file:///syn.ts:1:23");
});
