// Moving what the calendar shows: by dragging it to another day or hour, or in its dialog with the arrow keys. Both end
// in the same POST, which says no or shows the calendar anew.
const MINUTE = 60_000;
const part = () => document.getElementById("calendar");
const dialog = document.getElementById("calendar-dialog");
const language = document.documentElement.lang || "en";
// Wall times have no zone: computed and shown as if all were UTC's.
const words = new Intl.DateTimeFormat(language, {
  weekday: "long", day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: "UTC",
});

// Dragging -----------------------------------------------------------------------------------------------------------
let held = null;

const placeOf = (event) => (held ? event.target.closest?.("[data-day]") : null);

const aim = (place) => {
  for (const old of document.querySelectorAll(".is-aimed")) if (old !== place) old.classList.remove("is-aimed");
  place?.classList.add("is-aimed");
};

document.addEventListener("dragstart", (event) => {
  held = event.target.closest?.("[data-entry]") ?? null;
  if (!held) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", held.id);
  held.classList.add("is-held");
});

document.addEventListener("dragover", (event) => {
  const place = placeOf(event);
  aim(place);
  if (!place) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "move";
});

document.addEventListener("drop", (event) => {
  const place = placeOf(event);
  if (!place) return;
  event.preventDefault();
  if (!place.contains(held)) move(held, place.dataset);
});

document.addEventListener("dragend", () => {
  held?.classList.remove("is-held");
  held = null;
  aim(null);
});

const move = (entry, { day, hour }) => {
  const { seen, occurrence, clock } = entry.dataset;
  const values = { day, seen, occurrence, back: part().dataset.back };
  // To another hour it keeps its minutes, to another day its time.
  if (hour !== undefined) values.clock = `${hour.padStart(2, "0")}${clock.slice(2)}`;
  say(part().dataset.moving);
  entry.setAttribute("aria-busy", "true");
  window.htmx.ajax("POST", entry.dataset.move, { source: part(), target: "#calendar", swap: "outerHTML", values });
};

const say = (text) => {
  const line = document.getElementById("calendar-said");
  if (line) line.textContent = text;
};

// The dialog ---------------------------------------------------------------------------------------------------------
let opener = null;

document.addEventListener("click", (event) => {
  const link = event.target.closest?.(".calendar-open");
  if (link) opener = link.closest("article").id;
});

const fields = (form) => [form.elements.day, form.elements.clock];

const chosen = (form) => {
  const [day, clock] = fields(form);
  const at = new Date(`${day.value}T${clock.value || "00:00"}Z`);
  return Number.isNaN(at.getTime()) ? null : at;
};

const show = (form) => {
  const when = form.querySelector("[role=spinbutton]");
  const at = chosen(form);
  if (!at) return;
  const text = words.format(at);
  when.textContent = text;
  when.setAttribute("aria-valuetext", text);
  when.setAttribute("aria-valuenow", String(at.getTime() / MINUTE));
};

const steer = (form) => {
  const panel = form.querySelector("[data-calendar-steer]");
  panel.hidden = false;
  show(form);
  panel.querySelector("[role=spinbutton]").focus();
};

const STEPS = {
  day: { ArrowLeft: -1440, ArrowRight: 1440, ArrowUp: -10080, ArrowDown: 10080 },
  hour: { ArrowLeft: -1440, ArrowRight: 1440, ArrowUp: -60, ArrowDown: 60 },
};

document.addEventListener("keydown", (event) => {
  const when = event.target.closest?.("[data-calendar-steer] [role=spinbutton]");
  if (!when) return;
  const form = when.closest("form");
  if (event.key === "Enter") {
    event.preventDefault();
    form.requestSubmit(form.querySelector(".btn-primary"));
    return;
  }
  const minutes = STEPS[form.dataset.calendarMove][event.key];
  const at = chosen(form);
  if (!minutes || !at) return;
  event.preventDefault();
  const [day, clock] = fields(form);
  const text = new Date(at.getTime() + minutes * MINUTE).toISOString();
  day.value = text.slice(0, 10);
  clock.value = text.slice(11, 16);
  show(form);
});

document.addEventListener("input", (event) => {
  const form = event.target.closest?.("[data-calendar-move]");
  if (form && fields(form).includes(event.target)) show(form);
});

const ready = (root) => {
  const form = root.querySelector("[data-calendar-move]");
  if (form) steer(form);
};

// What the server has shown ------------------------------------------------------------------------------------------
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "calendar-dialog-body") {
    if (!dialog.open) dialog.showModal();
    const wrong = dialog.querySelector("[data-focus]");
    ready(dialog);
    const first = [wrong, dialog.querySelector("[data-calendar-steer] [role=spinbutton]")];
    (first.find((one) => one?.offsetParent) ?? dialog.querySelector("h2")).focus();
  } else if (event.target.id === "calendar" && !event.detail.requestConfig?.path.includes("count=1")) {
    if (dialog.open) {
      opener = null;
      dialog.close();
    }
    const moved = part().querySelector("[data-calendar-moved]")?.dataset.calendarMoved;
    const entry = moved && document.getElementById(`entry-${moved}`)?.querySelector(".calendar-name a");
    (part().querySelector("[data-calendar-refusal]") ?? entry ?? document.getElementById("calendar-title")).focus();
    say("");
  }
});

dialog?.addEventListener("close", () => {
  document.getElementById(opener)?.querySelector(".calendar-open").focus();
});

if (!dialog) ready(document);
