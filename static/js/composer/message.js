// Composing a message: previews, byte counter, warnings, and saving as one types.
import "./insert.js";
import { read, slug } from "./fields.js";
import { answered, anew, wasLeft } from "./marks.js";
import { size, withUtm } from "./payload.js";
import { draw, drawCard } from "./previews.js";
import { remote } from "./remote.js";
import { saver } from "./saving.js";
import { swapping } from "./swap.js";
import { imageFailed, meters, warnings } from "./warnings.js";

const root = document.querySelector("[data-composer]");
const form = document.getElementById("step-form");
let facts = {};
let shown = { image: "", buttons: [] };
// A campaign that is going out keeps its name: there is no field for it then.
let name = form.elements.name?.value;

const begin = () => {
  facts = JSON.parse(document.getElementById("composer-facts").textContent);
};

const opens = (address) => {
  const place = root.querySelector("[data-opens]");
  if (!place) return;
  place.hidden = !address;
  place.querySelector("[data-opens-address]").textContent = address;
};

const about = () => {
  const chosen = (field) => form.elements[field].selectedOptions[0]?.textContent ?? "";
  const kept = form.elements.keep.value === "custom" ? `${form.elements.ttl.value} s` : chosen("keep");
  root.querySelector('[data-about="about_delivery"]').textContent = `${kept} · ${chosen("urgency")}`;
};

const weights = () => {
  const fields = [...form.elements].filter((field) => field.name?.startsWith("weight_"));
  const place = root.querySelector("[data-weights]");
  if (!place) return;
  const sum = fields.reduce((total, field) => total + (Number(field.value) || 0), 0);
  place.textContent = place.dataset.pattern.replace("{sum}", sum);
  place.classList.toggle("is-bad", sum !== 100);
};

// With variables, what counts is what the person reads.
const counters = () => {
  for (const part of ["title", "body"]) {
    const field = document.getElementById(`id_${part}`);
    const hint = document.getElementById(`id_${part}_hint`);
    const read = root.querySelector(`[data-system=android] [data-show=${part}]`);
    if (!hint?.dataset.countPattern || !/{{|{%/.test(field.value) || read.classList.contains("is-empty")) continue;
    const used = [...read.textContent].length;
    const limit = Number(hint.dataset.countLimit);
    hint.textContent = hint.dataset.countPattern.replace("{count}", used).replace("{limit}", limit);
    hint.classList.toggle("is-over", used > limit);
  }
};

const nothing = (sentence) => {
  const place = root.querySelector("[data-nothing]");
  place.hidden = !sentence;
  place.querySelector("[data-nothing-why]").textContent = sentence;
};

const answer = ({ cards, sizes, opens: address, nothing: sentence }) => {
  for (const [system, card] of Object.entries(cards)) drawCard(system, card, facts.icon);
  shown = { image: cards.android.image, buttons: cards.android.actions.map(({ title }) => title) };
  meters(sizes);
  opens(address);
  nothing(sentence);
  counters();
  warnings(shown);
};

const server = remote(form, root.dataset.preview, answer);

// What stands in the form is all there is, and has no gaps that are filled in for each person.
const isPlain = () => {
  const fields = [...form.elements].filter(({ type }) => type === "text" || type === "textarea");
  const own = fields.some(({ name: field, value }) => /^(windows|mac|ios|android)_/.test(field) && value);
  return facts.alone && !own && !fields.some(({ value }) => value.includes("{{") || value.includes("{%"));
};

const show = () => {
  if (!isPlain()) return server.later();
  server.stop();
  const message = read(form);
  shown = { image: message.image, buttons: message.buttons };
  draw(message, facts.icon, facts.dir === "rtl");
  meters({ web: size(message, facts) });
  opens(message.url && withUtm(message.url, message.utm));
  nothing("");
  warnings(shown);
};

// utm_campaign follows the name until somebody gives it another.
const follow = () => {
  const campaign = form.elements.utm_campaign;
  if (campaign.value === slug(name)) campaign.value = slug(form.elements.name.value);
  name = form.elements.name.value;
  document.querySelector("[data-campaign-name]").textContent = name;
};

const saving =
  root.dataset.autosave === undefined
    ? undefined
    : saver(form, document.querySelector("[data-save-state]"), ({ errors, line }) => {
        answered(form, errors);
        document.querySelector("#stepper [aria-current] .caption").textContent = line;
        window.htmx?.trigger(document.body, "beckon:saved");
      });

form.addEventListener("input", (event) => {
  if (event.target.form !== form || ["q", "new_language"].includes(event.target.name)) return;
  if (event.target.name === "name") follow();
  about();
  weights();
  show();
  saving?.later();
});

form.addEventListener("focusout", (event) => {
  if (saving && event.target.name) wasLeft(form, event.target.name);
});

root.querySelector("[data-previews]").addEventListener("beckon:no-image", (event) => {
  imageFailed(event.detail);
  warnings(shown);
});

if (saving) document.addEventListener("beckon:before-test", (event) => event.detail.push(saving.flush()));

swapping(
  form,
  async () => {
    server.stop();
    await saving?.rest();
  },
  (made) => {
    anew();
    begin();
    name = form.elements.name?.value;
    weights();
    document.dispatchEvent(new CustomEvent("htmx:afterSettle", { detail: {} }));
    saving?.noted(made.querySelector("[data-save-state]")?.dataset.savedAt, !made.querySelector(".error-summary"));
    server.ask();
  },
);

begin();
weights();
if (isPlain()) show();
else server.ask();
document.fonts?.ready.then(() => (isPlain() ? show() : warnings(shown)));
