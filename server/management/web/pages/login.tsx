/**
 * First run, login and logout.
 *
 * @module
 */

import type { ContentfulStatusCode } from "hono/utils/http-status";
import { allow, refuseOtherSites, sessionTokenOf } from "../../api/authentication.ts";
import { actorOf } from "../../api/environment.ts";
import { statusOfProblem, toManagementError } from "../../api/problem.ts";
import { clearSessionCookie, setSessionCookie } from "../../api/session_cookie.ts";
import type { LoginRequest } from "../../credentials.ts";
import type { Web, WebContext, WebParts } from "../environment.ts";
import { faultyForm, type FormState, freshForm, readForm } from "../form.ts";
import { goTo, safePath } from "../guards.ts";
import { showBarePage } from "../layout.tsx";
import { Notice } from "../parts/blocks.tsx";
import { Faults, TextField } from "../parts/fields.tsx";

const DONE: Readonly<Record<string, string>> = {
  logout: "You are logged out.",
  password: "Your password was changed. Log in with the new one.",
};

/** Adds the pages. */
export function addLoginPages(web: Web, parts: WebParts): void {
  addSetup(web, parts);
  addLogin(web, parts);
  web.post("/logout", allow("reader", parts.credentials), async (context) => {
    const token = sessionTokenOf(context);
    const { principal } = context.get("caller");
    if (token !== undefined) await parts.sessions.logOut(token, { principal, actor: actorOf(context, parts) });
    clearSessionCookie(context);
    return goTo(context, "/login?done=logout");
  });
}

function addSetup(web: Web, parts: WebParts): void {
  const { setup, clientAddress } = parts;
  web.get("/setup", async (context) => {
    if (!await setup.isOpen()) return goTo(context, "/login");
    return await showSetup(context, freshForm());
  });
  web.post("/setup", refuseOtherSites, async (context) => {
    const { code = "", name = "", password = "", repeated = "" } = await readForm(context);
    const values = { code, name };
    if (!await setup.isOpen()) return goTo(context, "/login");
    if (password !== repeated) {
      return await showSetup(context, { values, faults: { repeated: "Is not the same as the password" } });
    }
    const address = clientAddress(context.env.incoming);
    try {
      await setup.complete({ code, name, password }, { clientAddress: address });
    } catch (error) {
      return await showSetup(context, faultyForm(error, values));
    }
    await logIn(context, { parts, request: { name, password, clientAddress: address } });
    return goTo(context, "/");
  });
}

function addLogin(web: Web, parts: WebParts): void {
  const { setup, clientAddress } = parts;
  web.get("/login", async (context) => {
    if (await setup.isOpen()) return goTo(context, "/setup");
    return await showLogin(context, { form: freshForm(), to: safePath(context.req.query("to")) });
  });
  web.post("/login", refuseOtherSites, async (context) => {
    const { name = "", password = "", to } = await readForm(context);
    try {
      await logIn(context, { parts, request: { name, password, clientAddress: clientAddress(context.env.incoming) } });
    } catch (error) {
      const { code, retryAfterSeconds = 1 } = toManagementError(error);
      const { values } = faultyForm(error, { name });
      const fault = code === "rate_limited"
        ? `Too many attempts. Try again in ${retryAfterSeconds} ${retryAfterSeconds === 1 ? "second" : "seconds"}.`
        : "Name or password is wrong.";
      if (code === "rate_limited") context.header("Retry-After", String(retryAfterSeconds));
      const form = { values, faults: { "": fault } };
      return await showLogin(context, {
        form,
        to: safePath(to),
        status: statusOfProblem(code) as ContentfulStatusCode,
      });
    }
    return goTo(context, safePath(to));
  });
}

async function logIn(
  context: WebContext,
  { parts, request }: { readonly parts: WebParts; readonly request: LoginRequest },
): Promise<void> {
  const login = await parts.sessions.logIn(request);
  setSessionCookie(context, { login, isSecure: parts.isSecure });
}

function showSetup(context: WebContext, form: FormState): Promise<Response> {
  const isFaulty = Object.keys(form.faults).length > 0;
  return showBarePage(
    context,
    { title: "First run", status: isFaulty ? 400 : 200 },
    <div class="card">
      <div>
        <h1>Welcome</h1>
        <p class="muted">Make the first administrator. Everything else is done from within.</p>
      </div>
      <Faults
        form={form}
        labels={{ code: "Setup code", name: "Name", password: "Password", repeated: "Password again" }}
      />
      <form method="post" action="/setup" class="form">
        <TextField
          form={form}
          name="code"
          label="Setup code"
          required
          help="The server's log has it, in the line that says “There is no user yet”. It works once."
        />
        <TextField form={form} name="name" label="Name" required autocomplete="username" />
        <TextField
          form={form}
          name="password"
          label="Password"
          type="password"
          required
          autocomplete="new-password"
          help="At least 12 characters."
        />
        <TextField
          form={form}
          name="repeated"
          label="Password again"
          type="password"
          required
          autocomplete="new-password"
        />
        <button type="submit" class="primary">Make administrator</button>
      </form>
    </div>,
  );
}

function showLogin(
  context: WebContext,
  { form, to, status = 200 }: { readonly form: FormState; readonly to: string; readonly status?: ContentfulStatusCode },
): Promise<Response> {
  const done = DONE[context.req.query("done") ?? ""];
  return showBarePage(
    context,
    { title: "Log in", status },
    <div class="card">
      <h1>Log in</h1>
      {done !== undefined && (
        <Notice kind="good">
          <p>{done}</p>
        </Notice>
      )}
      <Faults form={form} />
      <form method="post" action="/login" class="form">
        <input type="hidden" name="to" value={to} />
        <TextField form={form} name="name" label="Name" required autocomplete="username" />
        <TextField
          form={form}
          name="password"
          label="Password"
          type="password"
          required
          autocomplete="current-password"
        />
        <button type="submit" class="primary">Log in</button>
      </form>
    </div>,
  );
}
