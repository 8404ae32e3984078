// Runs before anything is drawn, so that no page flashes in the other colors.
(() => {
  const NAMES = ["auto", "light", "dark"];
  const LABELS = { auto: "as the system", light: "light", dark: "dark" };
  const read = () => {
    try {
      const stored = localStorage.getItem("relayserver_theme");
      return NAMES.includes(stored) ? stored : "auto";
    } catch {
      return "auto";
    }
  };
  const apply = (name) => {
    if (name === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
  };
  apply(read());
  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-theme-button]")) {
      const show = () => {
        const label = `Colors: ${LABELS[read()]}`;
        button.setAttribute("aria-label", label);
        button.title = label;
      };
      button.hidden = false;
      show();
      button.addEventListener("click", () => {
        const next = NAMES[(NAMES.indexOf(read()) + 1) % NAMES.length];
        try {
          localStorage.setItem("relayserver_theme", next);
        } catch {
          // Where nothing can be stored the choice holds for this page.
        }
        apply(next);
        show();
        document.dispatchEvent(new CustomEvent("relay-theme"));
      });
    }
  });
})();
