// data-look: says what is at the address in a field, once the field was left or filled by a script.
const asked = new WeakMap();

const show = (place, found) => {
  place.hidden = !found.sentence;
  place.classList.toggle("is-warn", !found.ok);
  place.textContent = [found.sentence, found.fix].filter(Boolean).join(" ");
};

export const look = async (place) => {
  const url = document.getElementById(place.dataset.lookField)?.value.trim() ?? "";
  if (asked.get(place) === url) return;
  asked.set(place, url);
  if (!url) return show(place, { ok: true, sentence: "" });
  show(place, { ok: true, sentence: place.dataset.looking });
  const body = new FormData();
  body.append("url", url);
  body.append("what", place.dataset.look);
  const token = document.querySelector('meta[name="csrf-token"]')?.content ?? "";
  const headers = { Accept: "application/json", "X-CSRFToken": token };
  let found = { ok: true, sentence: "" };
  try {
    const response = await fetch(place.dataset.lookAt, { method: "POST", body, headers });
    if (response.ok) found = await response.json();
  } catch {
    // Nobody was told anything: the review looks again.
  }
  if (asked.get(place) === url) show(place, found);
};

document.addEventListener("change", (event) => {
  for (const place of document.querySelectorAll("[data-look-field]")) {
    if (place.dataset.lookField === event.target.id) look(place);
  }
});

for (const place of document.querySelectorAll("[data-look-field]")) look(place);
