// What every page does beyond links and forms: times, copying, menu, keyboard. All of it works on without this script, but slower.
(() => {
  const clock = new Intl.DateTimeFormat(undefined, {
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hour12: false,
  });
  const today = new Intl.DateTimeFormat(undefined, {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hour12: false,
  });
  const relativeTo = new Intl.RelativeTimeFormat("en", { numeric: "always" });
  const UNITS = [["day", 86400, 172800], ["hour", 3600, 3600], ["minute", 60, 60], ["second", 1, 0]];

  function relative(time) {
    const seconds = Math.round((time - Date.now()) / 1000);
    if (Math.abs(seconds) < 5) return "just now";
    const [unit, length] = UNITS.find(([, , from]) => Math.abs(seconds) >= from);
    return relativeTo.format(Math.round(seconds / length), unit);
  }

  function showTimes(root) {
    for (const element of root.querySelectorAll("time[data-time]")) {
      const time = Date.parse(element.dateTime);
      if (Number.isNaN(time)) continue;
      const isToday = new Date(time).toDateString() === new Date().toDateString();
      const text = isToday ? today.format(time) : clock.format(time);
      element.textContent = element.dataset.time === "relative" ? relative(time) : text;
      element.title = clock.format(time);
    }
  }

  function showCopyButtons(root) {
    for (const button of root.querySelectorAll("[data-copy]")) button.hidden = navigator.clipboard === undefined;
  }

  // On a phone there are more tabs than fit.
  function showOpenTab() {
    const tabs = document.querySelector(".tabs");
    const open = tabs?.querySelector("[aria-current]");
    if (open) tabs.scrollLeft = open.offsetLeft + open.offsetWidth / 2 - tabs.offsetLeft - tabs.clientWidth / 2;
  }

  function prepare(root) {
    showTimes(root);
    showCopyButtons(root);
  }

  async function copy(button) {
    const text = document.getElementById(button.dataset.copy).textContent;
    const label = button.firstChild;
    try {
      await navigator.clipboard.writeText(text);
      label.textContent = "Copied";
    } catch {
      label.textContent = "Cannot copy";
    }
    setTimeout(() => label.textContent = "Copy", 2000);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button");
    if (!button) return;
    if (button.dataset.copy !== undefined) copy(button);
    if (button.dataset.help !== undefined) document.getElementById("help").showModal();
    if (button.dataset.menu !== undefined) {
      const isOpen = button.getAttribute("aria-expanded") === "true";
      button.setAttribute("aria-expanded", String(!isOpen));
    }
  });

  // A second click on "Save" must not make a second tenant.
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method !== "post") return;
    if (event.target.dataset.sent !== undefined) return event.preventDefault();
    event.target.dataset.sent = "";
  });
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });

  let awaitsPlace = false;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const { target, key } = event;
    if (key === "Escape") {
      const open = document.activeElement?.closest?.("details.confirm[open]");
      if (open) {
        open.open = false;
        open.querySelector("summary").focus();
      }
    }
    if (target.matches?.("input, textarea, select, [contenteditable]")) return;
    if (awaitsPlace) {
      awaitsPlace = false;
      const place = document.querySelector(`[data-go="${CSS.escape(key)}"]`);
      if (place) location.assign(place.dataset.path);
      return;
    }
    if (key === "g") {
      awaitsPlace = true;
      setTimeout(() => awaitsPlace = false, 1500);
    } else if (key === "?") {
      document.getElementById("help")?.showModal();
    } else if (key === "/") {
      const search = document.querySelector("[data-search]");
      if (search) {
        event.preventDefault();
        search.focus();
        search.select?.();
      }
    }
  });

  // What comes in by itself must not take away what somebody is just using.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, requestConfig } = event.detail;
    const isByItself = requestConfig?.triggeringEvent?.type?.startsWith("relay-");
    const isUsed = target.querySelector("details[open]") || target.contains(document.activeElement);
    if (isByItself && isUsed) event.detail.shouldSwap = false;
  });
  document.addEventListener("htmx:afterSwap", (event) => prepare(event.detail.target.parentElement ?? document));
  document.addEventListener("relay-shown", (event) => prepare(event.target));
  prepare(document);
  showOpenTab();
  setInterval(() => showTimes(document), 10_000);
})();
