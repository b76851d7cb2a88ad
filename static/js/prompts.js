// Prompt page: the preview follows what is typed; the contrast of the colour is said at once.
const card = document.getElementById("card");
const frame = document.getElementById("frame");
const contrast = document.getElementById("contrast");
const trigger = document.querySelector("[data-trigger]");
const after = document.querySelector(".prompt-after");

const luminance = (hex) =>
  [1, 3, 5]
    .map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);

const paint = (color) => {
  if (!/^#[0-9a-f]{6}$/i.test(color)) return;
  card.style.setProperty("--site", color);
  const ratio = 1.05 / (luminance(color) + 0.05);
  const bad = ratio < 4.5;
  contrast.hidden = false;
  contrast.classList.toggle("is-bad", bad);
  // Cut, not rounded: 4.47 is not 4.5.
  const shown = (Math.floor(ratio * 10) / 10).toLocaleString(document.documentElement.lang);
  contrast.textContent = (bad ? contrast.dataset.bad : contrast.dataset.good).replace("{ratio}", shown);
};

const show = (input) => {
  const name = input.dataset.preview;
  if (name === "color") return paint(input.value);
  card.querySelector(`[data-shows="${name}"]`).textContent = input.value;
};

// A number means nothing after a click.
const ask = () => {
  if (after && trigger) after.hidden = trigger.value === "click";
};

for (const input of document.querySelectorAll("[data-preview]")) {
  input.addEventListener("input", () => show(input));
  show(input);
}

// A refused colour has its sentence from the server until another is chosen.
if (document.querySelector('[data-preview="color"].is-invalid')) contrast.hidden = true;

trigger?.addEventListener("change", ask);
ask();

for (const button of document.querySelectorAll("[data-frame]"))
  button.addEventListener("click", () => {
    frame.dataset.width = button.dataset.frame;
    for (const other of document.querySelectorAll("[data-frame]"))
      other.setAttribute("aria-pressed", String(other === button));
  });

// Below the colour, where the eye is.
document.querySelector('[data-preview="color"]')?.closest(".mb-3, .field")?.append(contrast);
