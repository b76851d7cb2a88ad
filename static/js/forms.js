// Forms: the error summary takes focus, counters count, a working button says so, double sends are ignored.
const focusSummary = (root) => root.querySelector("[data-focus]")?.focus();

// As Python counts: code points, not UTF-16 units.
const length = (text) => [...text].length;

const count = (field) => {
  const hint = document.getElementById(`${field.id}_hint`);
  if (!hint?.dataset.countLimit) return;
  const used = length(field.value);
  const limit = Number(hint.dataset.countLimit);
  hint.textContent = hint.dataset.countPattern.replace("{count}", used).replace("{limit}", limit);
  hint.classList.toggle("is-over", used > limit);
};

const spinner = () => {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("class", "icon spin");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", "M21 12a9 9 0 1 1-6.219-8.56");
  svg.append(path);
  return svg;
};

// data-busy="Scheduling…" is what the button says while its form is on the way.
const busy = (button) => {
  button.classList.add("is-busy");
  button.setAttribute("aria-disabled", "true");
  if (!button.dataset.busy) return;
  button.style.minWidth = `${button.offsetWidth}px`;
  button.dataset.before = button.innerHTML;
  button.replaceChildren(spinner(), button.dataset.busy);
};

const ready = (button) => {
  button.classList.remove("is-busy");
  button.removeAttribute("aria-disabled");
  if (button.dataset.before) button.innerHTML = button.dataset.before;
  delete button.dataset.before;
};

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.getAttribute("method")?.toLowerCase() !== "post") return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
  if (event.submitter?.matches("button")) busy(event.submitter);
});

const again = (root) => {
  for (const form of root.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const button of root.querySelectorAll("button.is-busy")) ready(button);
};

// Back from the browser's cache, or after an answer without a new page: the form can be sent again.
window.addEventListener("pageshow", (event) => event.persisted && again(document));
document.addEventListener("htmx:afterRequest", () => again(document));

document.addEventListener("input", (event) => {
  if (event.target.matches?.("[data-counter]")) count(event.target);
});

// data-auto-submit: a filter applies as soon as it is chosen.
document.addEventListener("change", (event) => {
  const form = event.target.closest?.("form[data-auto-submit]");
  if (form && event.target.matches("select, input[type=checkbox], input[type=radio]")) form.requestSubmit();
});

const start = (root) => {
  for (const field of root.querySelectorAll("[data-counter]")) count(field);
};

start(document);
focusSummary(document);
document.addEventListener("htmx:afterSettle", (event) => {
  start(event.target);
  focusSummary(event.target);
});
