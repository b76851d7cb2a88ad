// Composing a message: previews, byte counter, warnings, and saving as one types.
import { read, slug } from "./fields.js";
import { size, withUtm } from "./payload.js";
import { cuts, devices, draw, grouped } from "./previews.js";
import { saver } from "./saving.js";

const root = document.querySelector("[data-composer]");
const form = document.getElementById("step-form");
const facts = JSON.parse(document.getElementById(root.dataset.facts).textContent);
const payload = root.querySelector("[data-payload]");
const list = payload.querySelector("[data-warnings]");
let failedImage = "";
// A campaign that is going out keeps its name: there is no field for it then.
let name = form.elements.name?.value;

const meter = (bytes) => {
  const { pattern, over } = payload.dataset;
  const words = pattern.replace("{size}", grouped(bytes)).replace("{limit}", grouped(facts.limit));
  payload.querySelector("[data-payload-size]").textContent = words;
  payload.dataset.bytes = bytes;
  const bar = payload.querySelector(".meter-bar");
  bar.setAttribute("aria-label", words);
  bar.querySelector("rect").setAttribute("width", `${Math.min(100, (bytes / facts.limit) * 100).toFixed(3)}%`);
  const error = payload.querySelector("[data-payload-error]");
  error.hidden = bytes <= facts.limit;
  error.textContent = error.hidden ? "" : over.replace("{over}", grouped(bytes - facts.limit));
};

const warning = (kind, title, about, field) => {
  const made = payload.querySelector(`[data-${kind}]`).content.cloneNode(true);
  made.querySelector("b").textContent = title;
  made.querySelector("span > span").textContent = about;
  const link = made.querySelector("a");
  if (link && field) {
    link.href = `#id_${field}`;
    link.textContent = list.dataset.shorten;
  } else link?.remove();
  return made;
};

const warnings = (message) => {
  const texts = list.dataset;
  const made = [];
  for (const [part, pattern] of [["title", texts.cutTitle], ["body", texts.cutBody]]) {
    const { systems, count } = cuts(part);
    const about = texts.cutCount.replace("{count}", grouped(count));
    if (systems) made.push(warning("warning", pattern.replace("{systems}", systems), about, part));
  }
  if (message.image && message.image === failedImage) made.unshift(warning("warning", texts.noImage, ""));
  const apple = devices("macos", "ios");
  if (message.image && apple) made.push(warning("info", texts.imageOnly.replace("{count}", grouped(apple)), texts.wordsOnly));
  if (message.buttons.length && apple) made.push(warning("info", texts.buttonsOnly.replace("{count}", grouped(apple)), texts.wordsOnly));
  list.replaceChildren(...made);
};

const opens = (message) => {
  const place = root.querySelector("[data-opens]");
  place.hidden = !message.url;
  place.querySelector("[data-opens-address]").textContent = message.url && withUtm(message.url, message.utm);
};

const about = () => {
  const chosen = (field) => form.elements[field].selectedOptions[0]?.textContent ?? "";
  const kept = form.elements.keep.value === "custom" ? `${form.elements.ttl.value} s` : chosen("keep");
  root.querySelector('[data-about="about_delivery"]').textContent = `${kept} · ${chosen("urgency")}`;
};

const show = () => {
  const message = read(form);
  draw(message, facts.icon);
  meter(size(message, facts));
  opens(message);
  warnings(message);
};

// utm_campaign follows the name until somebody gives it another.
const follow = () => {
  const campaign = form.elements.utm_campaign;
  if (campaign.value === slug(name)) campaign.value = slug(form.elements.name.value);
  name = form.elements.name.value;
  document.querySelector("[data-campaign-name]").textContent = name;
};

// What the server refused stands beside its field, once the person has left the field.
const left = new Set();
const mark = (field, sentences) => {
  const box = document.getElementById(`div_${field.id}`);
  const id = `${field.id}_error`;
  box?.querySelector(".field-errors")?.remove();
  field.classList.toggle("is-invalid", sentences.length > 0);
  const described = (field.getAttribute("aria-describedby") ?? "").split(" ").filter((part) => part && part !== id);
  if (sentences.length) described.push(id);
  if (described.length) field.setAttribute("aria-describedby", described.join(" "));
  else field.removeAttribute("aria-describedby");
  if (!sentences.length) return;
  const error = document.createElement("div");
  error.id = id;
  error.className = "field-errors";
  error.append(...sentences.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
  field.after(error);
};

let refused = {};
const marks = () => {
  for (const field of form.elements) {
    if (!field.name || field.type === "hidden" || !left.has(field.name)) continue;
    mark(field, refused[field.name] ?? []);
  }
};

const answered = (answer) => {
  refused = answer.errors;
  marks();
  document.querySelector("#stepper [aria-current] .caption").textContent = answer.line;
};

form.addEventListener("input", (event) => {
  if (event.target.name === "name") follow();
  about();
  show();
});

root.querySelector("[data-previews]").addEventListener("beckon:no-image", (event) => {
  failedImage = event.detail;
  warnings(read(form));
});

if (root.dataset.autosave !== undefined) {
  const saving = saver(form, document.querySelector("[data-save-state]"), answered);
  form.addEventListener("input", saving.later);
  form.addEventListener("focusout", (event) => {
    if (!event.target.name) return;
    left.add(event.target.name);
    marks();
  });
  document.addEventListener("beckon:before-test", (event) => event.detail.push(saving.flush()));
}

show();
document.fonts?.ready.then(show);
