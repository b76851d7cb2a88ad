// The sandbox's page: virtual browsers, the screen of one of them, and the faults.

import { $, ask, make, number } from "./parts.js";
import { loadFaults, prepareFaults } from "./faults.js";

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const second = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const SHOWN = 25;

let devices = [];
let chosen = null;
let messages = [];
let logged = [];

// When the service stops, the state above says so; once it is back everything is loaded anew.
async function quietly(work) {
  try {
    await work;
  } catch {
    return;
  }
}

// Browsers

function look(agent) {
  if (/Edg\//.test(agent)) return "Edge on Windows";
  if (/Firefox\//.test(agent)) return "Firefox on Linux";
  if (/iPhone/.test(agent)) return "Safari on iPhone";
  return /Android/.test(agent) ? "Chrome on Android" : "Virtual";
}

const host = (url) => {
  try {
    return new URL(url).host;
  } catch {
    return "";
  }
};

function row(device) {
  const button = make("button", { type: "button" },
    make("span", { className: "name", textContent: device.name }),
    make("span", {
      className: device.online ? "state" : "state state-off",
      textContent: device.online ? "Online" : "Offline",
    }),
    make("small", { textContent: [look(device.agent), host(device.origin)].filter(Boolean).join(" · ") }));
  button.setAttribute("aria-pressed", String(device.token === chosen));
  button.addEventListener("click", () => quietly(choose(device.token)));
  return make("li", {}, button);
}

async function loadDevices() {
  const [named, bulk, real] = await Promise.all(["named", "bulk", "browser"].map(
    (kind) => ask("GET", `/devices?kind=${kind}&limit=${kind === "named" ? 200 : 1}`)));
  devices = named.devices;
  if (!devices.some((device) => device.token === chosen)) {
    chosen = devices.length ? devices[0].token : null;
    await loadMessages();
  }
  const list = devices.map(row);
  if (!list.length) {
    list.push(make("li", { className: "teach", textContent:
      "None yet. A virtual browser says yes on the shop, holds its own keys, and shows here what arrives." }));
  }
  // The list is drawn anew: keep the focus where it was.
  const focused = document.activeElement.closest("[data-devices]") !== null;
  $("devices").replaceChildren(...list);
  if (focused) $("devices").querySelector("[aria-pressed=true]")?.focus();
  const others = [];
  if (bulk.count) others.push(`${number.format(bulk.count)} made in bulk, which report by themselves`);
  if (real.count) others.push(`${number.format(real.count)} real ${real.count === 1 ? "browser" : "browsers"}`);
  $("others").textContent = others.length ? `Also here: ${others.join("; ")}.` : "";
  drawStage();
}

async function choose(token) {
  chosen = token;
  await Promise.all([loadMessages(), loadDevices()]);
}

async function loadMessages() {
  messages = chosen ? (await ask("GET", `/devices/${chosen}?limit=${SHOWN}`)).messages : [];
}

// The screen

function web(url) {
  try {
    const parsed = new URL(url);
    return /^https?:$/.test(parsed.protocol) ? parsed.href : "";
  } catch {
    return "";
  }
}

async function report(message, event) {
  const known = messages.find((one) => one.id === message.id);
  Object.assign(known || {}, await ask("POST", `/messages/${message.id}/${event}`));
  drawStage();
}

function link(className, url, message) {
  const href = web(url);
  const anchor = make(href ? "a" : "div", { className });
  if (href) {
    Object.assign(anchor, { href, target: "_blank", rel: "noopener" });
    anchor.addEventListener("click", () => quietly(report(message, "clicked")));
  }
  return anchor;
}

function toast(message, device) {
  const shown = message.notification || {};
  const item = make("li", { className: "toast" });
  if (message.error) item.classList.add("is-bad");
  const open = link("open", shown.navigate, message);
  const from = host(device.origin) || host(shown.navigate) || "virtual browser";
  const tile = web(shown.icon)
    ? make("img", { className: "tile", src: web(shown.icon), alt: "", width: 36, height: 36 })
    : make("span", { className: "tile", textContent: /^\p{L}/u.test(from) ? from[0].toUpperCase() : "b" });
  if (tile.tagName === "SPAN") tile.setAttribute("aria-hidden", "true");
  open.append(tile,
    make("span", { className: "from", textContent: `${from} · ${clock.format(message.accepted_at * 1000)}` }),
    make("span", { className: "title", textContent: message.error ? "Could not be decrypted" : shown.title || from }),
    make("span", { className: "body", textContent: message.error || shown.body || "" }));
  if (shown.dir) open.dir = shown.dir;
  if (shown.lang) open.lang = shown.lang;
  item.append(open);
  if (web(shown.image)) item.append(make("img", { className: "picture", src: web(shown.image), alt: "" }));
  const actions = Array.isArray(shown.actions) ? shown.actions.slice(0, 2) : [];
  if (actions.length) {
    item.append(make("div", { className: "actions" }, ...actions.map((action) => {
      const anchor = link("", action.navigate || shown.navigate, message);
      anchor.textContent = action.title;
      return anchor;
    })));
  }
  if (message.events.clicked) {
    item.classList.add("is-read");
    item.append(make("p", { className: "did", textContent: "✓ Clicked" }));
  }
  const close = make("button", { type: "button", className: "close", textContent: "×" });
  close.setAttribute("aria-label", `Dismiss ${shown.title || "the notification"}`);
  close.addEventListener("click", () => quietly(report(message, "dismissed")));
  item.append(close);
  return item;
}

function drawStage() {
  const device = devices.find((one) => one.token === chosen);
  // The same tag replaces what it replaced on a real screen too.
  const tags = new Set();
  const open = messages.filter((message) => {
    const tag = message.notification?.tag;
    const repeated = tag && tags.has(tag);
    tags.add(tag);
    return message.state === "read" && !message.events.dismissed && !repeated;
  });
  const list = open.map((message) => toast(message, device || {}));
  if (!list.length) {
    list.push(make("li", { className: "quiet", textContent: device
      ? "Nothing has arrived yet. Send a test or a campaign from Beckon." : "Make a virtual browser to see its screen here." }));
  }
  $("shade").replaceChildren(...list);
  $("stage-acts").hidden = !device;
  $("stage-note").textContent = device
    ? `${device.name}, ${device.online ? "online" : `offline: ${number.format(device.waiting)} waiting`}` : "";
  $("toggle-online").textContent = device?.online ? "Take it offline" : "Bring it online";
}

function tick() {
  const now = new Date();
  $("clock").textContent = clock.format(now);
  $("date").textContent = day.format(now);
}

// Figures and log

const WORDS = {
  displayed: "Displayed, as browsers report", clicked: "Clicked", dismissed: "Dismissed",
  receipts_taken: "Receipts taken by Beckon", receipts_not_taken: "Receipts not taken",
  waiting: "Waiting for an offline browser", replaced: "Replaced by their topic", expired: "Expired while waiting",
  undecryptable: "Could not be decrypted", gone: "Subscriptions that are gone",
  redirects_followed: "Redirects followed (a fault of the sender)",
};

function label(name) {
  if (WORDS[name]) return WORDS[name];
  if (name.startsWith("answered_")) return `Answered ${name.slice(9)}`;
  if (name.startsWith("fault_")) return `Fault: ${name.slice(6).replaceAll("_", " ")}`;
  return name.replaceAll("_", " ");
}

function strong(count) {
  return make("b", { textContent: number.format(count) });
}

function drawFigures(figures) {
  const { accepted, devices: count, ...rest } = figures;
  $("sentence").replaceChildren(...(count + accepted ? [
    strong(count), count === 1 ? " browser is" : " browsers are", " subscribed here, and ",
    strong(accepted), accepted === 1 ? " message has" : " messages have", " been accepted.",
  ] : ["No browser is subscribed here yet."]));
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
      ...[names.get(entry.token) || `${entry.token.slice(0, 8)}…`, entry.topic || "·", entry.urgency]
        .map((textContent) => make("td", { textContent })),
      ...[`${number.format(entry.ttl)} s`, number.format(entry.size)]
        .map((textContent) => make("td", { className: "num", textContent })));
  }));
  $("log-empty").hidden = logged.length > 0;
  $("log-table").hidden = !logged.length;
}

// Making one

const dialog = $("dialog");
const makeForm = $("make-form");
const KEPT = ["site_key", "beckon", "origin"];

function remembered() {
  try {
    return JSON.parse(localStorage.getItem("make")) || {};
  } catch {
    return {};
  }
}

async function prefill() {
  const asked = Object.fromEntries(new URLSearchParams(location.search));
  const values = { ...remembered(), ...(await ask("GET", "/suggestions")), ...asked };
  KEPT.forEach((name) => {
    if (values[name]) makeForm.elements[name].value = values[name];
  });
  if (asked.site_key) dialog.showModal();
}

$("open-dialog").addEventListener("click", () => dialog.showModal());
$("close-dialog").addEventListener("click", () => dialog.close());
makeForm.addEventListener("submit", async (event) => {
  event.preventDefault();
  const submit = makeForm.querySelector("[type=submit]");
  if (submit.getAttribute("aria-disabled") === "true") return;
  const values = Object.fromEntries(new FormData(makeForm));
  values.name ||= `Browser ${devices.length + 1}`;
  values.language = navigator.language;
  values.timezone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const error = $("make-error");
  makeForm.querySelectorAll("[aria-invalid]").forEach((field) => {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  });
  submit.setAttribute("aria-disabled", "true");
  error.hidden = true;
  try {
    const device = await ask("POST", "/browsers", values);
    localStorage.setItem("make", JSON.stringify(Object.fromEntries(KEPT.map((name) => [name, values[name]]))));
    makeForm.elements.name.value = "";
    dialog.close();
    await choose(device.token);
  } catch (problem) {
    error.textContent = problem.message;
    error.hidden = false;
    const field = problem.field && makeForm.elements[problem.field];
    if (field) {
      field.setAttribute("aria-invalid", "true");
      field.setAttribute("aria-describedby", error.id);
      field.focus();
    }
  } finally {
    submit.removeAttribute("aria-disabled");
  }
});

$("toggle-online").addEventListener("click", () => {
  const device = devices.find((one) => one.token === chosen);
  quietly(ask("PATCH", `/devices/${chosen}`, { online: !device.online }));
});
$("remove").addEventListener("click", () => quietly(ask("DELETE", `/devices/${chosen}`)));

// Live

const HANDLERS = {
  counters: (event) => drawFigures(event.counters),
  devices: async () => {
    await loadMessages();
    await loadDevices();
  },
  faults: loadFaults,
  message: ({ message }) => {
    if (message.token !== chosen) return;
    messages = [message, ...messages.filter((one) => one.id !== message.id)].slice(0, SHOWN);
    messages.sort((a, b) => b.accepted_at - a.accepted_at);
    drawStage();
  },
};

// What came while the connection was down.
async function loadAll() {
  await loadMessages();
  await Promise.all([loadDevices(), loadFaults()]);
  drawLog();
}

function listen() {
  const live = $("live");
  const source = new EventSource("/events");
  source.addEventListener("open", () => {
    live.dataset.state = "on";
    live.textContent = "Live";
    quietly(loadAll());
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

tick();
setInterval(tick, 5000);
prepareFaults(() => chosen);
quietly(prefill());
listen();
