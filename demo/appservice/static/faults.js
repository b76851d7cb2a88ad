// The panel that makes the services misbehave.

import { $, ask, make, number } from "/static/parts.js";

const NAMES = { fcm: "FCM", apns: "APNs", "apns+sandbox": "APNs’ sandbox", oauth: "The token service" };
const FAULTS = {
  status: (rule) => `answers ${rule.reason || rule.status}`, reset: () => "drops the connection",
  refuse: () => "refuses the stream", goaway: () => "goes away",
  hang: (rule) => `does not answer for ${rule.seconds} s`, slow: (rule) => `answers after ${rule.seconds} s`,
  drip: (rule) => `answers a byte at a time for ${rule.seconds} s`, huge: () => "answers with a huge body",
  redirect: () => "redirects elsewhere", offline: () => "has phones that are offline",
  key_change: () => "refuses the sender’s key", expire: () => "ends tokens",
};
const ABOUT_DEVICES = ["offline", "key_change", "expire"];

let reasons = {};

function describe(rule) {
  let who = "every request";
  if (rule.next !== undefined) who = `the next ${rule.next} requests`;
  if (rule.share !== undefined) who = `${number.format(rule.share * 100)} % of them`;
  if (rule.tokens) who = rule.tokens.length === 1 ? "one phone" : `${rule.tokens.length} phones`;
  const first = rule.accept ? ", after accepting the message" : "";
  return `${NAMES[rule.service] || "Each"} ${FAULTS[rule.action](rule)}${first}: ${who}.`;
}

const faultForm = $("fault-form");

export async function loadFaults() {
  const found = await ask("GET", "/misbehave");
  reasons = found.reasons;
  $("rules").replaceChildren(...found.rules.map((rule) => make("li", { textContent: describe(rule) })));
  $("fault-chip").textContent = found.rules.length ? "Misbehaving" : "Answers properly";
  $("fault-chip").classList.toggle("is-warn", found.rules.length > 0);
  $("behave").hidden = !found.rules.length;
  fit();
}

function fit() {
  const { service, action, scope, reason } = faultForm.elements;
  const known = reasons[service.value] || [];
  if (reason.dataset.of !== service.value && known.length) {
    reason.replaceChildren(...known.map((name) => make("option", { value: name, textContent: name })));
    reason.dataset.of = service.value;
  }
  faultForm.querySelectorAll("[data-for]").forEach((field) => {
    field.hidden = !field.dataset.for.split(" ").includes(action.value);
  });
  const devicesOnly = ABOUT_DEVICES.includes(action.value);
  scope.querySelector("[value=next]").disabled = devicesOnly;
  if (devicesOnly && scope.value === "next") scope.value = "all";
  faultForm.querySelectorAll("[data-scope]").forEach((field) => {
    field.hidden = field.dataset.scope !== scope.value;
  });
}

function rule(chosen) {
  const values = Object.fromEntries(new FormData(faultForm));
  const found = { action: values.action, service: values.service };
  const applies = (name) => !faultForm.elements[name].closest("[data-for]").hidden;
  if (values.action === "error") {
    Object.assign(found, { action: "status", reason: values.reason });
    if (values.retry) found.headers = { "Retry-After": values.retry };
  }
  if (applies("seconds")) found.seconds = Number(values.seconds);
  if (applies("accept")) found.accept = Boolean(values.accept);
  if (values.scope === "next") found.next = Number(values.next);
  if (values.scope === "share") found.share = Number(values.share) / 100;
  if (values.scope === "tokens") found.tokens = chosen ? [chosen] : [];
  return found;
}

async function misbehave(method, data) {
  const error = $("fault-error");
  error.hidden = true;
  try {
    await ask(method, "/misbehave", data);
  } catch (problem) {
    error.textContent = problem.message;
    error.hidden = false;
  }
}

// `chosen` gives the token of the phone whose screen is shown, or null.
export function prepareFaults(chosen) {
  fit();
  faultForm.addEventListener("change", fit);
  faultForm.addEventListener("submit", (event) => {
    event.preventDefault();
    misbehave("PUT", rule(chosen()));
  });
  $("behave").addEventListener("click", () => misbehave("DELETE"));
}
