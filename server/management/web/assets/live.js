// Keeps a page up to date by server-sent events, and says so when it does not. Hidden pages do not listen: browsers allow few connections.
(() => {
  const PRESENCE = { tenantOnline: true, tenantOffline: false };
  const TYPES = ["tenantOnline", "tenantOffline", "tenantChanged", "tenantRemoved", "originChanged", "requestFinished"];
  const path = document.body.dataset.live;
  const state = document.getElementById("live");
  const integers = new Intl.NumberFormat("en");
  let source;
  let retryTimer;
  let delayMs = 1000;
  let hasBeenOpen = false;
  let waiting = [];

  function say(kind, text) {
    state.hidden = false;
    if (state.dataset.state === kind && state.textContent === text) return;
    state.dataset.state = kind;
    state.textContent = text;
  }

  function tell(name) {
    document.body.dispatchEvent(new CustomEvent(`relay-${name}`, { bubbles: true }));
  }

  function connect() {
    clearTimeout(retryTimer);
    source?.close();
    source = new EventSource(path);
    source.addEventListener("open", () => {
      delayMs = 1000;
      say("open", "Live");
      // Whatever happened in between was not seen.
      if (hasBeenOpen) tell("changed");
      hasBeenOpen = true;
    });
    source.addEventListener("error", () => lose());
    for (const type of TYPES) source.addEventListener(type, (event) => take(type, JSON.parse(event.data)));
    source.addEventListener("lost", () => tell("changed"));
  }

  async function lose() {
    source.close();
    say("lost", "Connection lost, trying again");
    retryTimer = setTimeout(connect, delayMs * (0.5 + Math.random()));
    delayMs = Math.min(delayMs * 2, 15_000);
    // Whoever is logged out need not try again.
    const answer = await fetch("/management/session", { method: "GET" }).catch(() => undefined);
    if (answer?.status !== 401) return;
    clearTimeout(retryTimer);
    say("lost", "Logged out");
    const link = document.createElement("a");
    link.href = `/login?to=${encodeURIComponent(location.pathname + location.search)}`;
    link.textContent = "Log in";
    state.append(" ", link);
  }

  function take(type, data) {
    if (type === "requestFinished") {
      document.dispatchEvent(new CustomEvent("relay-request", { detail: data }));
      waiting.push({ type, data });
      if (waiting.length > 200) waiting = waiting.slice(-200);
      return;
    }
    waiting.push({ type, data });
    if (type in PRESENCE) {
      showPresence(data.tenantId, PRESENCE[type]);
      tell("presence");
    }
    tell("changed");
  }

  function showPresence(tenantId, isOnline) {
    for (const pill of document.querySelectorAll(`[data-presence="${CSS.escape(tenantId)}"]`)) {
      pill.className = `pill ${isOnline ? "good" : "idle"}`;
      pill.textContent = isOnline ? "Online" : "Offline";
    }
  }

  function cell(row, ...content) {
    const element = row.insertCell();
    element.append(...content);
    return element;
  }

  function link(href, text) {
    const element = document.createElement("a");
    element.href = href;
    element.textContent = text;
    return element;
  }

  function timeOf(at) {
    const element = document.createElement("time");
    element.dateTime = at;
    element.dataset.time = "clock";
    element.textContent = at;
    return element;
  }

  function pill(kind, text) {
    const element = document.createElement("span");
    element.className = `pill ${kind}`;
    element.textContent = text;
    return element;
  }

  function duration(milliseconds) {
    return milliseconds < 10 ? `${milliseconds.toFixed(1)} ms` : `${integers.format(Math.round(milliseconds))} ms`;
  }

  const tenantPath = (name) => `/tenants/${encodeURIComponent(name)}`;
  const tenantOf = ({ tenantId, tenantName }) => tenantId ? link(tenantPath(tenantName), tenantName) : tenantName;
  const kindOf = ({ status, outcome }) =>
    outcome === "aborted" ? "warn" : status >= 500 ? "bad" : status >= 400 ? "warn" : "good";

  function requestRow(body, data) {
    const row = body.insertRow(0);
    cell(row, timeOf(data.started));
    if (body.dataset.tenants !== undefined) cell(row, tenantOf(data));
    cell(row, link(`/requests/${data.requestId}`, `${data.method} ${data.target}${data.path}`)).className = "path";
    cell(row, pill(kindOf(data), String(data.status)), data.errorCode ? ` ${data.errorCode}` : "");
    cell(row, duration(data.durationMs)).className = "number";
  }

  const SENTENCES = {
    tenantOnline: ["good", "Online", "The tenant's first connector has connected"],
    tenantOffline: ["idle", "Offline", "The tenant's last connector is gone"],
    tenantChanged: ["warn", "Changed", "Settings were made or changed"],
    tenantRemoved: ["bad", "Removed", "The tenant was removed"],
    originChanged: ["warn", "Server", ""],
  };

  function eventRow(body, { type, data }) {
    const row = body.insertRow(0);
    cell(row, timeOf(data.started ?? new Date().toISOString()));
    if (type === "requestFinished") {
      cell(row, pill(kindOf(data), `Request ${data.status}`));
      cell(row, tenantOf(data));
      const text = `${data.method} ${data.target}${data.path}, ${duration(data.durationMs)}`;
      cell(row, link(`/requests/${data.requestId}`, text)).className = "path";
      return;
    }
    const [kind, word, sentence] = SENTENCES[type];
    cell(row, pill(kind, word));
    cell(
      row,
      type === "tenantRemoved" || !data.tenantName
        ? data.tenantName ?? ""
        : link(tenantPath(data.tenantName), data.tenantName),
    );
    cell(row, type === "originChanged" ? `${data.machineName} is ${data.state}` : sentence);
  }

  // All that came within some time at once, and never more rows than can be read.
  function show() {
    const news = waiting;
    waiting = [];
    for (const feed of document.querySelectorAll("tbody[data-feed]")) {
      const kinds = feed.dataset.feed;
      const most = Number(feed.dataset.most);
      const wanted = news.filter(({ type }) => kinds === "all" || type === "requestFinished").slice(-most);
      if (wanted.length === 0 || feed.dataset.paused !== undefined) continue;
      for (const entry of wanted) kinds === "all" ? eventRow(feed, entry) : requestRow(feed, entry.data);
      while (feed.rows.length > most) feed.deleteRow(-1);
      const empty = document.getElementById(feed.dataset.empty);
      if (empty) empty.hidden = true;
      feed.closest("table").hidden = false;
      feed.dispatchEvent(new CustomEvent("relay-shown", { bubbles: true }));
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-pause]");
    if (!button) return;
    const feed = document.getElementById(button.dataset.pause);
    const isPaused = feed.dataset.paused !== undefined;
    if (isPaused) delete feed.dataset.paused;
    else feed.dataset.paused = "";
    button.setAttribute("aria-pressed", String(!isPaused));
  });

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) return connect();
    clearTimeout(retryTimer);
    source?.close();
  });
  addEventListener("offline", () => say("lost", "No network"));
  addEventListener("online", connect);
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && connect());
  setInterval(show, 500);
  for (const button of document.querySelectorAll("[data-pause]")) button.hidden = false;
  say("connecting", "Connecting");
  connect();
})();
