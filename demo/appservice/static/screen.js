// The screen of one phone: what it shows, and what a tap opens.

import { $, make } from "/static/parts.js";

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const APP = "Fjell & Fjord";

function web(url) {
  try {
    const parsed = new URL(url);
    return /^https?:$/.test(parsed.protocol) ? parsed.href : "";
  } catch {
    return "";
  }
}

// The app's own screen, where a tap leads.
function open(target, fallback) {
  const href = web(target);
  $("opened-title").textContent = target ? `${APP} opens` : `${APP} opens at its start`;
  $("opened-link").textContent = target;
  $("opened-link").hidden = !target;
  $("opened-how").textContent = href
    ? "A web address: the app if it claims this address, else the browser."
    : target ? "A link of the app’s own." : "The message has no link.";
  const other = web(fallback) || href;
  $("opened-else").replaceChildren(...(other ? [
    "Where the app does not know it, the browser opens ",
    make("a", { href: other, target: "_blank", rel: "noopener", textContent: "the web address" }), ".",
  ] : []));
  $("shade").inert = true;
  $("opened").hidden = false;
  $("opened").focus();
}

function toast(message, device, report) {
  const shown = message.notification;
  const tile = make("span", { className: "tile", textContent: "F" });
  tile.setAttribute("aria-hidden", "true");
  if (shown.badge) tile.append(make("span", { className: "badge", textContent: shown.badge }));
  const tap = (target) => {
    report(message, "opened");
    open(target, shown.url);
  };
  const main = make("button", { type: "button", className: "open" }, tile,
    make("span", { className: "from", textContent: `${APP} · ${clock.format(message.accepted_at * 1000)}` }),
    make("span", { className: "title", textContent: shown.title || APP }),
    make("span", { className: "body", textContent: shown.body }));
  main.addEventListener("click", () => tap(shown.link || shown.url));
  const item = make("li", { className: "toast" }, main);
  if (web(shown.image)) item.append(make("img", { className: "picture", src: web(shown.image), alt: "" }));
  if (shown.buttons.length) {
    item.append(make("div", { className: "actions" }, ...shown.buttons.map((button) => {
      const action = make("button", { type: "button", textContent: button.title });
      action.addEventListener("click", () => tap(button.url));
      return action;
    })));
  }
  if (message.events.opened) {
    item.classList.add("is-read");
    item.append(make("p", { className: "did", textContent: "✓ Opened" }));
  }
  const close = make("button", { type: "button", className: "close", textContent: "×" });
  close.setAttribute("aria-label", `Dismiss ${shown.title || "the notification"}`);
  close.addEventListener("click", () => report(message, "dismissed"));
  item.append(close);
  return item;
}

// What arrived and is still there: a later one with the same tag has replaced the earlier one.
function visible(messages) {
  const tags = new Set();
  return messages.filter((message) => {
    const { tag } = message.notification;
    const repeated = tag && tags.has(tag);
    tags.add(tag);
    return message.state === "arrived" && message.shown && !message.events.dismissed && !repeated;
  });
}

function quiet(device) {
  if (!device) return "Make a virtual phone to see its screen here.";
  if (!device.allowed) return "Notifications are off. What arrives is not shown.";
  return "Nothing has arrived yet. Send a test or a campaign from Beckon.";
}

export function drawScreen(device, messages, report) {
  const list = visible(messages).map((message) => toast(message, device, report));
  if (!list.length) list.push(make("li", { className: "quiet", textContent: quiet(device) }));
  $("phone").dataset.platform = device?.platform || "";
  $("shade").replaceChildren(...list);
}

export function closeApp() {
  $("opened").hidden = true;
  $("shade").inert = false;
}

export function prepareScreen() {
  const tick = () => {
    const now = new Date();
    $("clock").textContent = clock.format(now);
    $("date").textContent = day.format(now);
  };
  tick();
  setInterval(tick, 5000);
  $("back").addEventListener("click", () => {
    closeApp();
    $("shade").querySelector("button")?.focus();
  });
}
