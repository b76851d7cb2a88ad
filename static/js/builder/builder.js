// The rule builder: its buttons change the tree without a new page, and the sentence and the figures follow as one types.
import { drag } from "./drag.js";
import { suggest } from "./suggest.js";

const PAUSE = 400;
const form = document.querySelector("[data-builder]");
const phone = window.matchMedia("(max-width: 639.98px)");
const builder = () => document.getElementById("builder");
const said = () => document.getElementById("said");
const alone = new Map();
let timer;
let drawing = false;
let rule = said()?.querySelector("[name=rule]").value;

// What each condition matches by itself: kept here, as a condition that moves is drawn anew.
let asking;
const show = () => {
  for (const [id, text] of alone) {
    const place = document.getElementById(`${id}-alone`);
    if (place) place.textContent = text;
  }
};

const count = async () => {
  asking?.abort();
  asking = new AbortController();
  const places = JSON.parse(said().dataset.places);
  const body = new URLSearchParams({ rule, page: said().querySelector("[name=page]").value });
  const headers = { "X-CSRFToken": document.querySelector('meta[name="csrf-token"]').content };
  try {
    const answer = await fetch(form.dataset.alone, { method: "POST", body, headers, signal: asking.signal });
    if (answer.status !== 200) return;
    const figures = await answer.json();
    for (const id of alone.keys()) alone.set(id, "");
    for (const [path, figure] of Object.entries(figures)) {
      const number = figure.devices.toLocaleString(document.documentElement.lang);
      if (places[path]) alone.set(places[path], figure.about ? `≈ ${number}` : number);
    }
    show();
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
};

// An error goes as soon as what it says is mended.
const mend = () => {
  const amiss = new Set(said().dataset.amiss.split(" "));
  for (const error of builder().querySelectorAll(".field-errors[id$=_error]")) {
    const id = error.id.slice(0, -"_error".length);
    const mended = !amiss.has(id);
    error.hidden = mended;
    document.getElementById(id)?.classList.toggle("is-invalid", !mended);
    if (mended) document.getElementById(id)?.removeAttribute("aria-invalid");
  }
  const summary = document.querySelector(".error-summary");
  for (const link of summary?.querySelectorAll('a[href^="#n"]') ?? []) link.closest("li").hidden = !amiss.has(link.hash.slice(1));
  if (summary) summary.hidden = !summary.querySelector("li:not([hidden])");
};

const changed = () => {
  mend();
  const now = said().querySelector("[name=rule]").value;
  if (now === rule) return show();
  rule = now;
  document.body.dispatchEvent(new CustomEvent("beckon:rule"));
  count();
};

// On a phone a condition is a sentence, and opens on a touch.
const fold = (item, open) => item.querySelector(".builder-words").setAttribute("aria-expanded", String(open));
const foldAll = () => {
  for (const item of builder().querySelectorAll(".builder-item")) {
    const finished = item.querySelector(".builder-words").matches("[data-finished]") && !item.querySelector(".is-invalid");
    if (!item.contains(document.activeElement)) fold(item, !finished);
  }
};

const ask = (values, target, swap) =>
  window.htmx.ajax("POST", form.dataset.builder, { source: values.live ? "#said" : "#builder", target, swap, values });

const act = async (action) => {
  clearTimeout(timer);
  window.htmx.trigger("#said", "htmx:abort");
  drawing = action.startsWith("draw");
  form.dataset.changed = "";
  await ask({ do: action }, "#builder", "morph");
};

const live = () => {
  clearTimeout(timer);
  form.dataset.changed = "";
  timer = setTimeout(() => ask({ live: "1" }, "#said", "outerHTML"), PAUSE);
};

// What was changed while an answer was on its way is newer than the answer.
const late = new Map();
form.addEventListener("input", ({ target }) => target.id && target.type !== "checkbox" && target.type !== "radio" && late.set(target.id, target.value));
document.addEventListener("htmx:beforeSend", (event) => event.target.id === "builder" && late.clear());
document.addEventListener("htmx:afterSwap", () => {
  for (const [id, value] of late) {
    const place = document.getElementById(id);
    if (place && place.value !== value) place.value = value;
  }
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (!builder()) return;
  if (event.target.id === "said") return changed();
  const go = builder().dataset.go;
  if (!go) return event.target.closest?.("#builder") && changed();
  builder().dataset.go = "";
  if (phone.matches) foldAll();
  const place = document.getElementById(go);
  const folded = place?.closest(".builder-item")?.querySelector(".builder-words[aria-expanded=false]");
  if (folded && !go.endsWith("-move")) fold(folded.closest(".builder-item"), true);
  // After a mere drawing somebody may have gone on by themselves.
  if (!drawing || document.activeElement === document.body) place?.focus();
  changed();
});

form.addEventListener("submit", (event) => {
  if (event.submitter?.name !== "do") {
    delete form.dataset.changed;
    return;
  }
  event.preventDefault();
  act(event.submitter.value);
});

form.addEventListener("input", (event) => {
  if (!event.target.matches("[data-draw]")) live();
});

form.addEventListener("change", (event) => {
  const item = event.target.closest("[data-item]");
  if (event.target.matches("[data-draw]")) act(`draw ${item.dataset.item} ${event.target.dataset.draw}`);
  const ticks = event.target.closest(".builder-ticks");
  if (!ticks) return;
  const names = [...ticks.querySelectorAll("input:checked + label")].map((label) => label.textContent);
  const summary = ticks.querySelector("[data-ticked]");
  summary.textContent = names.join(", ") || summary.dataset.ticked;
  summary.closest("summary").setAttribute("aria-label", `${summary.dataset.label}: ${summary.textContent}`);
});

form.addEventListener("click", (event) => {
  const words = event.target.closest(".builder-words");
  if (!words) return;
  const open = words.getAttribute("aria-expanded") === "true";
  fold(words.closest(".builder-item"), !open);
  if (open) act("draw");
});

const MOVES = { ArrowUp: "up", ArrowDown: "down", ArrowRight: "into", ArrowLeft: "out" };
// On the handle only: in an input or a select these keys have their own meaning.
form.addEventListener("keydown", (event) => {
  if (!event.altKey || event.ctrlKey || event.metaKey || !MOVES[event.key] || !event.target.matches("[data-drag]")) return;
  event.preventDefault();
  event.stopPropagation();
  act(`${MOVES[event.key]} ${event.target.closest("[data-item]").dataset.item}`);
});

window.addEventListener("beforeunload", (event) => {
  if ("changed" in form.dataset) event.preventDefault();
});

document.getElementById("id_name")?.addEventListener("input", () => (form.dataset.changed = ""));

drag(form, act);
suggest(form);
if (phone.matches) foldAll();
phone.addEventListener("change", () => phone.matches && foldAll());
if (rule) count();
