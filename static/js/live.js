// htmx: the CSRF token goes with every unsafe request; an answer that fails says so once.
document.addEventListener("htmx:configRequest", (event) => {
  const token = document.querySelector('meta[name="csrf-token"]')?.content;
  if (token && event.detail.verb !== "get") event.detail.headers["X-CSRFToken"] = token;
});

// A page in a background tab need not ask; it asks again when it is looked at.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.detail.elt.matches("[data-live]")) event.preventDefault();
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  for (const part of document.querySelectorAll("[data-live]")) window.htmx?.trigger(part, "beckon:look");
});

// data-title="66% · Winter layers" on a swapped part becomes the title of the tab.
document.addEventListener("htmx:afterSettle", (event) => {
  const part = event.target.closest?.("[data-title]") ?? event.target.querySelector?.("[data-title]");
  if (part) document.title = part.dataset.title;
});

// Live regions speak at most every 10 seconds: data-speak holds the sentence, #spoken is the region.
let spoken = 0;
document.addEventListener("htmx:afterSettle", (event) => {
  const part = event.target.closest?.("[data-speak]") ?? event.target.querySelector?.("[data-speak]");
  const region = document.getElementById("spoken");
  if (!part || !region || Date.now() - spoken < 10_000) return;
  spoken = Date.now();
  region.textContent = part.dataset.speak;
});
