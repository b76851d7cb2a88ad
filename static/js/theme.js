// Loaded in the head, before anything is drawn: the theme follows the system until the person picks one.
// Any button with data-theme-switch changes it; charts listen to "beckon:theme" on the document.
(() => {
  const KEY = "beckon-theme";
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  const stored = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // Storage is closed to us: the system decides.
    }
  };

  const store = (theme) => {
    try {
      // Picking what the system has anyway means: follow the system again.
      if (theme === (system.matches ? "dark" : "light")) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, theme);
    } catch {
      // The choice lasts for this page only.
    }
  };

  const label = () => {
    for (const button of document.querySelectorAll("[data-to-dark]")) {
      const words = root.dataset.bsTheme === "dark" ? button.dataset.toLight : button.dataset.toDark;
      button.setAttribute("aria-label", words);
      button.title = words;
    }
  };

  const apply = (theme) => {
    root.dataset.bsTheme = theme;
    const meta = document.querySelector('meta[name="theme-color"]');
    if (meta) meta.content = meta.dataset[theme];
    label();
    document.dispatchEvent(new CustomEvent("beckon:theme", { detail: theme }));
  };

  const current = () => {
    const choice = stored();
    return choice === "light" || choice === "dark" ? choice : system.matches ? "dark" : "light";
  };

  apply(current());
  document.addEventListener("DOMContentLoaded", label);
  system.addEventListener("change", () => apply(current()));
  window.addEventListener("storage", (event) => event.key === KEY && apply(current()));
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-theme-switch]")) return;
    const theme = root.dataset.bsTheme === "dark" ? "light" : "dark";
    store(theme);
    apply(theme);
  });
})();
