// The four previews: what each system shows, and what it cuts. Used while composing and on the review.
const language = document.documentElement.lang || "en";
const exact = new Intl.NumberFormat(language);
const places = document.querySelector("[data-previews]");

const words = (message) => {
  for (const part of places.querySelectorAll("[data-show]")) {
    const text = message[part.dataset.show];
    part.dataset.placeholder ??= part.dataset.show === "title" && part.classList.contains("is-empty") ? part.textContent : (part.dataset.empty ?? "");
    part.classList.toggle("is-empty", !text);
    part.textContent = text || part.dataset.placeholder;
  }
};

const picture = (message) => {
  for (const image of places.querySelectorAll("[data-show-image]")) {
    if (image.getAttribute("src") === message.image) continue;
    image.hidden = !message.image;
    if (message.image) image.src = message.image;
    else image.removeAttribute("src");
  }
};

const icon = (message, site) => {
  const source = message.icon || site;
  for (const place of places.querySelectorAll("[data-show-icon]")) {
    const image = place.querySelector("img");
    if (!source || image?.getAttribute("src") === source) continue;
    const made = document.createElement("img");
    made.alt = "";
    made.src = source;
    place.replaceChildren(made);
  }
};

const buttons = (message) => {
  for (const row of places.querySelectorAll("[data-show-actions]")) {
    row.hidden = !message.buttons.length;
    row.replaceChildren(
      ...message.buttons.map((title) => Object.assign(document.createElement("span"), { textContent: title })),
    );
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
    count: previews.reduce((sum, preview) => sum + Number(preview.dataset.devices), 0),
  };
};

export const devices = (...systems) =>
  systems.reduce((sum, system) => sum + Number(places.querySelector(`[data-system=${system}]`).dataset.devices), 0);

export const grouped = (number) => exact.format(number);

export const draw = (message, site) => {
  words(message);
  picture(message);
  icon(message, site);
  buttons(message);
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
