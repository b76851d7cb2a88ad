// The previews: what each system shows, and what it cuts. Used while composing and on the review.
const language = document.documentElement.lang || "en";
const exact = new Intl.NumberFormat(language);
const places = document.querySelector("[data-previews]");

const words = (message, within) => {
  for (const part of within.querySelectorAll("[data-show]")) {
    const text = message[part.dataset.show];
    part.dataset.placeholder ??= part.dataset.show === "title" && part.classList.contains("is-empty") ? part.textContent : (part.dataset.empty ?? "");
    part.classList.toggle("is-empty", !text);
    part.textContent = text || part.dataset.placeholder;
  }
};

const picture = (source, within) => {
  for (const image of within.querySelectorAll("[data-show-image]")) {
    if (image.getAttribute("src") === source) continue;
    image.hidden = !source;
    if (source) image.src = source;
    else image.removeAttribute("src");
  }
};

const icon = (source, within) => {
  for (const place of within.querySelectorAll("[data-show-icon]")) {
    const image = place.querySelector("img");
    if (!source || image?.getAttribute("src") === source) continue;
    const made = document.createElement("img");
    made.alt = "";
    made.src = source;
    place.replaceChildren(made);
  }
};

const buttons = (titles, within) => {
  for (const row of within.querySelectorAll("[data-show-actions]")) {
    row.hidden = !titles.length;
    row.replaceChildren(...titles.map((title) => Object.assign(document.createElement("span"), { textContent: title })));
  }
};

const isCut = (part) =>
  !part.classList.contains("is-empty") &&
  (part.scrollHeight > part.clientHeight + 2 || part.scrollWidth > part.clientWidth + 2);

// Where the end of a title or a text ("title", "body") does not fit: the systems' names and their devices.
export const cuts = (name) => {
  const parts = [...places.querySelectorAll(`[data-cut][data-show=${name}]`)].filter(isCut);
  const previews = parts.map((part) => part.closest("[data-system]"));
  const systems = previews.map((preview) => preview.querySelector("figcaption b").textContent);
  return {
    systems: new Intl.ListFormat(language).format(systems),
    keys: previews.map((preview) => preview.dataset.system),
    count: previews.reduce((sum, preview) => sum + Number(preview.dataset.devices), 0),
  };
};

// The devices of the systems that show no such part.
export const without = (part) =>
  [...places.querySelectorAll("[data-system]")]
    .filter((figure) => !figure.querySelector(part))
    .reduce((sum, figure) => sum + Number(figure.dataset.devices), 0);

export const grouped = (number) => exact.format(number);

// One card as the server has it; `nothing`: this person gets nothing there. Sites without an app show none of its.
export const drawCard = (system, card, site) => {
  const figure = places.querySelector(`[data-system=${system}]`);
  if (!figure) return;
  const toast = figure.querySelector("[data-card]");
  toast.hidden = Boolean(card.nothing);
  figure.querySelector("[data-card-nothing]").hidden = !card.nothing;
  toast.dir = card.rtl ? "rtl" : "ltr";
  words(card, figure);
  picture(card.image, figure);
  icon(card.icon || site, figure);
  buttons(card.actions.map(({ title }) => title), figure);
};

// The same on all, from what stands in the form.
export const draw = (message, site, rtl = false) => {
  const card = { ...message, rtl, nothing: "", actions: message.buttons.map((title) => ({ title })) };
  for (const figure of places.querySelectorAll("[data-system]")) drawCard(figure.dataset.system, card, site);
};

// The previews have a light and a dark of their own: the device's, not this page's.
const looks = document.querySelector("[data-looks]");
if (looks) looks.hidden = false;
looks?.addEventListener("click", (event) => {
  const chosen = event.target.closest("[data-look]");
  if (!chosen) return;
  places.dataset.look = chosen.dataset.look;
  for (const button of looks.querySelectorAll("[data-look]")) button.setAttribute("aria-pressed", String(button === chosen));
});

// Where they are swiped, the keyboard must reach them too.
const reachable = () => {
  if (places.scrollWidth > places.clientWidth + 1) places.tabIndex = 0;
  else places.removeAttribute("tabindex");
};
if (places) {
  reachable();
  new ResizeObserver(reachable).observe(places);
  places.addEventListener(
    "error",
    (event) => {
      if (event.target.matches?.("[data-show-image]")) event.target.hidden = true;
      places.dispatchEvent(new CustomEvent("beckon:no-image", { detail: event.target.getAttribute("src") }));
    },
    true,
  );
}
