// data-emoji="<field's id>" opens the emoji; the chosen one goes where the caret was. Loaded when first opened.
const dialog = document.getElementById("emoji-dialog");
// What phones of the last years can draw (Unicode Emoji 14, 2021).
const NEWEST = 14;
const MOST = 150;
let emoji;
let group = "0";
let field;

const part = (name) => dialog.querySelector(`[${name}]`);

const load = async () => {
  const response = await fetch(dialog.dataset.emojiFrom);
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  const all = await response.json();
  emoji = all
    .filter((one) => one.version <= NEWEST)
    .map((one) => ({ ...one, words: [one.annotation, ...(one.tags ?? []), ...(one.shortcodes ?? [])].join(" ").toLowerCase() }));
};

const found = (text) => {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return emoji.filter((one) => String(one.group) === group);
  const fits = (one) => words.every((word) => ` ${one.words}`.includes(` ${word}`));
  return emoji.filter(fits).slice(0, MOST);
};

const button = (one, index) => {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = one.emoji;
  made.tabIndex = index ? -1 : 0;
  made.setAttribute("aria-label", one.annotation);
  return made;
};

const show = () => {
  const grid = part("data-emoji-grid");
  const text = dialog.querySelector("input").value;
  for (const kind of dialog.querySelectorAll("[data-emoji-group]")) {
    kind.setAttribute("aria-pressed", String(!text && kind.dataset.emojiGroup === group));
  }
  const shown = found(text).map(button);
  grid.replaceChildren(...shown);
  grid.scrollTop = 0;
  part("data-emoji-name").textContent = shown.length ? "" : grid.dataset.none;
};

const open = async (opener) => {
  field = document.getElementById(opener.dataset.emoji);
  dialog.querySelector("input").value = "";
  dialog.showModal();
  try {
    if (!emoji) await load();
    show();
  } catch {
    part("data-emoji-name").textContent = part("data-emoji-grid").dataset.failed;
  }
};

const insert = (text) => {
  dialog.close();
  field.focus();
  field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
};

const move = (current, key) => {
  const all = [...part("data-emoji-grid").children];
  const columns = all.filter((one) => one.offsetTop === all[0].offsetTop).length;
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
  const at = all.indexOf(current);
  const to = { Home: 0, End: all.length - 1 }[key] ?? at + (steps[key] ?? NaN);
  const next = all[to];
  if (!next) return Number.isNaN(to) ? undefined : current;
  current.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
  return next;
};

const name = (target) => {
  const one = target.closest("[data-emoji-grid] > button");
  if (one) part("data-emoji-name").textContent = one.getAttribute("aria-label");
};

if (dialog) {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest?.("[data-emoji]");
    if (opener) open(opener);
  });
  dialog.addEventListener("input", () => emoji && show());
  dialog.addEventListener("click", (event) => {
    const kind = event.target.closest("[data-emoji-group]");
    if (kind) {
      group = kind.dataset.emojiGroup;
      dialog.querySelector("input").value = "";
      if (emoji) show();
    }
    const one = event.target.closest("[data-emoji-grid] > button");
    if (one) insert(one.textContent);
  });
  dialog.addEventListener("keydown", (event) => {
    const first = part("data-emoji-grid").firstElementChild;
    if (event.target.matches("input")) {
      if (event.key === "ArrowDown" && first) {
        event.preventDefault();
        first.focus();
      } else if (event.key === "Enter") {
        event.preventDefault();
        if (event.target.value && first) insert(first.textContent);
      }
    } else if (event.target.closest("[data-emoji-grid]") && move(event.target, event.key)) event.preventDefault();
  });
  dialog.addEventListener("focusin", (event) => name(event.target));
  dialog.addEventListener("mouseover", (event) => name(event.target));
}
