// The page of the phones: who there is, the screen of one of them, figures and log.

import { $, ask, make, number } from "/static/parts.js";
import { loadFaults, prepareFaults } from "./faults.js";
import { closeApp, drawScreen, prepareScreen } from "./screen.js";

const second = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
const SHOWN = 25;
const SERVICES = { fcm: "FCM", apns: "APNs", "apns+sandbox": "APNs sandbox" };

let devices = [];
let bulk = 0;
let chosen = null; // an installation: its token may change
let messages = [];
let logged = [];

const current = () => devices.find((one) => one.install === chosen);

// When the service stops, the state above says so; once it is back everything is loaded anew.
async function quietly(work) {
  try {
    await work;
  } catch {
    return;
  }
}

// What a person asked for: if it fails, they are told why.
async function tell(work) {
  const error = $("stage-error");
  error.hidden = true;
  try {
    await work;
  } catch (problem) {
    error.textContent = problem.message;
    error.hidden = false;
  }
}

// Phones

function state(device) {
  if (!device.online) return "Offline";
  return device.allowed ? "Online" : "Notifications off";
}

function row(device) {
  const button = make("button", { type: "button" },
    make("span", { className: "name", textContent: device.name }),
    make("span", {
      className: device.online && device.allowed ? "state" : "state state-off", textContent: state(device),
    }),
    make("small", { textContent: `${device.platform === "iOS" ? "iPhone" : "Android"} · ${SERVICES[device.service]} · ${device.app}` }));
  button.setAttribute("aria-pressed", String(device.install === chosen));
  button.addEventListener("click", () => quietly(choose(device.install)));
  return make("li", {}, button);
}

async function loadDevices() {
  const found = await ask("GET", "/devices?limit=200");
  ({ devices, bulk } = found);
  if (!current()) {
    chosen = devices.length ? devices[0].install : null;
    await loadMessages();
  }
  const list = devices.map(row);
  if (!list.length) {
    list.push(make("li", { className: "teach", textContent:
      "None yet. A virtual phone registers at Beckon as the app would, and shows here what arrives." }));
  }
  // The list is drawn anew: keep the focus where it was.
  const focused = document.activeElement.closest("[data-devices]") !== null;
  $("devices").replaceChildren(...list);
  if (focused) $("devices").querySelector("[aria-pressed=true]")?.focus();
  $("others").textContent = bulk ? `Also here: ${number.format(bulk)} made in bulk, which report by themselves.` : "";
  drawStage();
}

async function choose(install) {
  chosen = install;
  closeApp();
  await loadMessages();
  await loadDevices();
}

const done = (message) => Object.keys(message.events).length;

// Into what is there already: more may have arrived while an answer was under way.
function merge(found) {
  const known = new Map(messages.filter((one) => one.install === chosen).map((one) => [one.id, one]));
  for (const one of found) {
    const before = known.get(one.id);
    if (!before || before.state === "waiting" || done(one) >= done(before)) known.set(one.id, one);
  }
  messages = [...known.values()].sort((a, b) => b.accepted_at - a.accepted_at).slice(0, SHOWN);
}

async function loadMessages() {
  const device = current();
  const found = device ? await ask("GET", `/devices/${encodeURIComponent(device.token)}?limit=${SHOWN}`) : { messages: [] };
  if (device === current() || device?.install === chosen) merge(found.messages);
}

// The stage

async function report(message, event) {
  const known = messages.find((one) => one.id === message.id);
  Object.assign(known || {}, await ask("POST", "/receipts", { id: message.id, event }));
  drawStage();
}

function note(device) {
  if (!device) return "";
  const words = [device.name, device.online ? "online" : "offline"];
  if (!device.allowed) words.push("notifications off");
  return words.join(", ");
}

function drawStage() {
  const device = current();
  drawScreen(device, messages, (message, event) => quietly(report(message, event)));
  $("stage-acts").hidden = !device;
  $("stage-note").textContent = note(device);
  $("toggle-online").textContent = device?.online ? "Take it offline" : "Bring it online";
  $("toggle-allowed").textContent = device?.allowed ? "Forbid notifications" : "Allow notifications";
  drawFacts(messages[0]);
}

function drawFacts(message) {
  $("facts-empty").hidden = Boolean(message);
  $("raw-box").hidden = !message;
  if (!message) {
    $("facts").replaceChildren();
    return;
  }
  const { notification } = message;
  const facts = {
    Opens: notification.link, "On the web": notification.url === notification.link ? "" : notification.url,
    ...notification.more, Badge: notification.badge ?? "",
    Reported: Object.keys(message.events).join(", ") || "nothing yet",
    Shown: message.shown ? "" : "no, notifications were off",
  };
  $("facts").replaceChildren(...Object.entries(facts).filter(([, value]) => value !== "" && value !== undefined)
    .map(([name, value]) => make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: value }))));
  $("raw").textContent = JSON.stringify(message.raw, null, 2);
}

const path = () => `/devices/${encodeURIComponent(current().token)}`;
$("toggle-online").addEventListener("click", () => tell(ask("PATCH", path(), { online: !current().online })));
$("toggle-allowed").addEventListener("click", () => tell(ask("PATCH", path(), { allowed: !current().allowed })));
$("rotate").addEventListener("click", () => tell(ask("POST", `${path()}/rotate`)));
$("remove").addEventListener("click", () => tell(ask("DELETE", path())));

// Figures and log

const WORDS = {
  displayed: "Displayed, as phones report", opened: "Opened", dismissed: "Dismissed",
  receipts_taken: "Receipts taken by Beckon", receipts_not_taken: "Receipts not taken",
  waiting: "Waiting for an offline phone", replaced: "Replaced by their collapse key", expired: "Expired while waiting",
  gone: "Tokens that have ended",
};

function label(name) {
  if (WORDS[name]) return WORDS[name];
  const answered = /^(.+)_answered_(\d+)$/.exec(name);
  if (answered) return `${SERVICES[answered[1]] || "Token service"} answered ${answered[2]}`;
  return name.startsWith("fault_") ? `Fault: ${name.slice(6).replaceAll("_", " ")}` : name.replaceAll("_", " ");
}

function strong(count) {
  return make("b", { textContent: number.format(count) });
}

function drawFigures(figures) {
  const { accepted, devices: count, ...rest } = figures;
  $("sentence").replaceChildren(...(count + accepted ? [
    strong(count), count === 1 ? " phone has" : " phones have", " the app, and ",
    strong(accepted), accepted === 1 ? " message has" : " messages have", " been accepted.",
  ] : ["No phone has the app yet."]));
  const shown = Object.entries(rest).filter(([, value]) => value);
  $("figures").replaceChildren(...(shown.length ? shown : [["displayed", 0]]).map(([name, value]) =>
    make("div", {}, make("dt", { textContent: label(name) }), make("dd", { textContent: number.format(value) }))));
  if (accepted !== (logged[0]?.n ?? 0)) quietly(loadLog(accepted));
}

async function loadLog(accepted) {
  const since = Math.max(logged[0]?.n ?? 0, accepted - SHOWN);
  const { entries } = await ask("GET", `/log?since=${since}`);
  // Two requests may be under way at once, and bring the same entry.
  const newest = logged[0]?.n ?? 0;
  logged = [...entries.filter((entry) => entry.n > newest).reverse(), ...logged].slice(0, SHOWN);
  drawLog();
}

function drawLog() {
  const names = new Map(devices.map((device) => [device.token, device.name]));
  $("log").replaceChildren(...logged.map((entry) => {
    const at = new Date(entry.at);
    const format = at.toDateString() === new Date().toDateString() ? second : exact;
    const when = make("time", { dateTime: entry.at, title: exact.format(at), textContent: format.format(at) });
    return make("tr", {}, make("td", {}, when),
      ...[names.get(entry.token) || `${entry.token.slice(0, 8)}…`, entry.topic || "·", SERVICES[entry.service], entry.urgency]
        .map((textContent) => make("td", { textContent })),
      make("td", { className: "num", textContent: `${number.format(entry.ttl)} s` }));
  }));
  $("log-empty").hidden = logged.length > 0;
  $("log-table").hidden = !logged.length;
}

// Making one

const dialog = $("dialog");
const makeForm = $("make-form");
const KEPT = ["site_key", "app_key", "beckon"];

function remembered() {
  try {
    return JSON.parse(localStorage.getItem("phone")) || {};
  } catch {
    return {};
  }
}

async function prefill() {
  const { apple, ...suggested } = await ask("GET", "/suggestions");
  $("apple").textContent = `Key id ${apple.key_id}, team id ${apple.team_id}, bundle id ${apple.bundle_id}`;
  const asked = Object.fromEntries(new URLSearchParams(location.search));
  const values = { ...remembered(), ...suggested, ...asked };
  KEPT.forEach((name) => {
    if (values[name]) makeForm.elements[name].value = values[name];
  });
  if (asked.site_key) dialog.showModal();
}

function blame(problem) {
  const error = $("make-error");
  error.textContent = problem.message;
  error.hidden = false;
  const field = problem.field && makeForm.elements[problem.field];
  if (field) {
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", error.id);
    field.focus();
  }
}

$("open-dialog").addEventListener("click", () => dialog.showModal());
$("close-dialog").addEventListener("click", () => dialog.close());
makeForm.addEventListener("submit", async (event) => {
  event.preventDefault();
  const submit = makeForm.querySelector("[type=submit]");
  if (submit.getAttribute("aria-disabled") === "true") return;
  const values = Object.fromEntries(new FormData(makeForm));
  values.name ||= `Phone ${devices.length + 1}`;
  values.language = navigator.language;
  values.timezone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  makeForm.querySelectorAll("[aria-invalid]").forEach((field) => {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  });
  submit.setAttribute("aria-disabled", "true");
  $("make-error").hidden = true;
  try {
    const device = await ask("POST", "/phones", values);
    localStorage.setItem("phone", JSON.stringify(Object.fromEntries(KEPT.map((name) => [name, values[name]]))));
    makeForm.elements.name.value = "";
    dialog.close();
    await loadDevices();
    await choose(device.install);
  } catch (problem) {
    blame(problem);
  } finally {
    submit.removeAttribute("aria-disabled");
  }
});

// Live

const HANDLERS = {
  counters: (event) => drawFigures(event.counters),
  devices: async () => {
    await loadDevices();
    await loadMessages();
    drawStage();
  },
  faults: loadFaults,
  message: ({ message }) => {
    if (message.install !== chosen) return;
    merge([message]);
    drawStage();
  },
};

function listen() {
  const live = $("live");
  const source = new EventSource("/events");
  source.addEventListener("open", () => {
    live.dataset.state = "on";
    live.textContent = "Live";
    // What came while the connection was down.
    quietly(HANDLERS.devices().then(drawLog));
    quietly(loadFaults());
  });
  source.addEventListener("error", () => {
    live.dataset.state = "off";
    live.textContent = "Stopped. Trying again…";
  });
  source.addEventListener("message", ({ data }) => {
    const event = JSON.parse(data);
    quietly(HANDLERS[event.kind](event));
  });
}

prepareScreen();
prepareFaults(() => current()?.token ?? null);
quietly(prefill());
listen();
