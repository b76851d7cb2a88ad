// Below the previews: the bytes, and what systems cut or do not show, each with a way to change it.
import { cuts, grouped, without } from "./previews.js";

const payload = document.querySelector("[data-payload]");
const list = payload.querySelector("[data-warnings]");
// What a field that says it shorter on one system is called.
const OWN = { macos: "mac", ios: "ios", windows: "windows", android: "android", ios_app: "ios", android_app: "android" };
let failedImage = "";

const meter = (place, bytes) => {
  const { pattern, over } = payload.dataset;
  const limit = Number(place.dataset.limit);
  const words = pattern.replace("{size}", grouped(bytes)).replace("{limit}", grouped(limit));
  place.querySelector("[data-payload-size]").textContent = words;
  place.dataset.bytes = bytes;
  const bar = place.querySelector(".meter-bar");
  bar.setAttribute("aria-label", words);
  bar.querySelector("rect").setAttribute("width", `${Math.min(100, (bytes / limit) * 100).toFixed(3)}%`);
  const error = place.querySelector("[data-payload-error]");
  error.hidden = bytes <= limit;
  error.textContent = error.hidden ? "" : over.replace("{over}", grouped(bytes - limit));
};

// Bytes by channel; the page may not show all of them.
export const meters = (sizes) => {
  for (const place of payload.querySelectorAll("[data-payload-of]")) {
    if (place.dataset.payloadOf in sizes) meter(place, sizes[place.dataset.payloadOf]);
  }
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

// Where only some cut it, there is a field for what is said there.
const where = (part, keys) => {
  const own = `${OWN[keys[0]]}_${part}`;
  return keys.length === 1 && document.getElementById(`id_${own}`) ? own : part;
};

// `shown` has the address of the picture and the words of the buttons.
export const warnings = (shown) => {
  const texts = list.dataset;
  const made = [];
  for (const [part, pattern] of [["title", texts.cutTitle], ["body", texts.cutBody]]) {
    const { systems, keys, count } = cuts(part);
    const about = texts.cutCount.replace("{count}", grouped(count));
    if (systems) made.push(warning("warning", pattern.replace("{systems}", systems), about, where(part, keys)));
  }
  if (shown.image && shown.image === failedImage) made.unshift(warning("warning", texts.noImage, ""));
  const blind = without("[data-show-image]");
  if (shown.image && blind) made.push(warning("info", texts.imageOnly.replace("{count}", grouped(blind)), texts.wordsOnly));
  const bare = without("[data-show-actions]:not([hidden])");
  if (shown.buttons.length && bare) made.push(warning("info", texts.buttonsOnly.replace("{count}", grouped(bare)), texts.wordsOnly));
  list.replaceChildren(...made);
};

export const imageFailed = (source) => {
  failedImage = source;
};

// A link to a field that is folded away opens what is around it.
list.addEventListener("click", (event) => {
  const field = document.querySelector(event.target.closest?.("a")?.getAttribute("href") || "none");
  field?.closest("details")?.setAttribute("open", "");
});
