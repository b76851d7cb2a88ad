// Conditions: the figures follow as one types, and values can be picked from those that occur.
const SHOWN = 8;
const PAUSE = 400;
const form = document.getElementById("step-form");
let timer;

const ask = () => {
  clearTimeout(timer);
  timer = setTimeout(() => window.htmx.trigger("#whom", "beckon:count"), PAUSE);
};

// As Python's csv: a value with a comma stands in double quotes.
const split = (text) => [...text.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^,]*))\s*(?:,|$)/g)].map(([, quoted, plain]) => (quoted?.replaceAll('""', '"') ?? plain ?? "").trim()).filter(Boolean);
const join = (values) => values.map((value) => (/[",]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)).join(", ");

const field = (line) => line.querySelector("select[name$=-field]");
const values = (line) => line.querySelector("input[name$=-values]");

const press = (line) => {
  const chosen = new Set(split(values(line).value).map((value) => value.toLowerCase()));
  for (const button of line.querySelectorAll("[data-pick]")) {
    button.setAttribute("aria-pressed", String(chosen.has(button.dataset.pick.toLowerCase())));
  }
};

const toggle = (line, value) => {
  const chosen = split(values(line).value);
  const at = chosen.findIndex((other) => other.toLowerCase() === value.toLowerCase());
  if (at < 0) chosen.push(value);
  else chosen.splice(at, 1);
  values(line).value = join(chosen);
  press(line);
  ask();
};

const offer = (line) => {
  const place = line.querySelector("[data-suggestions]");
  const known = [...document.querySelectorAll(`[data-value][data-field="${field(line).value}"]`)].slice(0, SHOWN);
  const buttons = known.map((item) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "pill pill-sm";
    button.dataset.pick = item.dataset.value;
    button.disabled = form.querySelector("fieldset").disabled;
    button.append(...[...item.cloneNode(true).childNodes]);
    return button;
  });
  place.replaceChildren(place.querySelector("[data-suggestions-label]"), ...buttons);
  place.hidden = !buttons.length;
  press(line);
};

const start = () => {
  for (const line of document.querySelectorAll("[data-line]")) offer(line);
  document.querySelector("[data-values]").hidden = true;
};

form.addEventListener("click", (event) => {
  const pick = event.target.closest("[data-pick]");
  if (pick) toggle(pick.closest("[data-line]"), pick.dataset.pick);
});

form.addEventListener("input", (event) => {
  const line = event.target.closest("[data-line]");
  if (line && event.target.matches("select[name$=-field]")) offer(line);
  if (line && event.target.matches("input")) press(line);
  ask();
});

// A line was added or removed: go on in it, or in the one before.
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id !== "conditions") return;
  start();
  const line = document.querySelector("[data-focus-line]");
  (line ? field(line) : document.querySelector("[name=add]"))?.focus();
  ask();
});

start();
