// The panel that makes the service misbehave.

import { $, ask, make, number } from "./parts.js";

const FAULTS = {
  status: (rule) => `Answers ${rule.status}`, reset: () => "Drops the connection", hang: (rule) => `Does not answer for ${rule.seconds} s`,
  slow: (rule) => `Answers after ${rule.seconds} s`,
  drip: (rule) => `Answers a byte at a time for ${rule.seconds} s`, huge: () => "Answers with a huge body", redirect: () => "Redirects elsewhere",
  offline: () => "Browsers are offline", key_change: () => "Refuses the sender’s key", expire: () => "Subscriptions end",
};

function describe(rule) {
  let who = "every request";
  if (rule.next !== undefined) who = `the next ${rule.next} requests`;
  if (rule.share !== undefined) who = `${number.format(rule.share * 100)} % of them`;
  if (rule.tokens) who = rule.tokens.length === 1 ? "one browser" : `${rule.tokens.length} browsers`;
  const first = rule.accept && rule.action !== "status" ? ", after accepting the message" : "";
  return `${FAULTS[rule.action](rule)}${first}: ${who}.`;
}

export async function loadFaults() {
  const { rules } = await ask("GET", "/misbehave");
  $("rules").replaceChildren(...rules.map((rule) => make("li", { textContent: describe(rule) })));
  $("fault-chip").textContent = rules.length ? "Misbehaving" : "Answers properly";
  $("fault-chip").classList.toggle("is-warn", rules.length > 0);
  $("behave").hidden = !rules.length;
}

const faultForm = $("fault-form");

function fitFaultForm() {
  const { action, scope } = faultForm.elements;
  faultForm.querySelectorAll("[data-for]").forEach((field) => {
    field.hidden = !field.dataset.for.split(" ").includes(action.value);
  });
  const devicesOnly = ["offline", "key_change", "expire"].includes(action.value);
  scope.querySelector("[value=next]").disabled = devicesOnly;
  if (devicesOnly && scope.value === "next") scope.value = "all";
  faultForm.querySelectorAll("[data-scope]").forEach((field) => {
    field.hidden = field.dataset.scope !== scope.value;
  });
}

function rule(chosen) {
  const values = Object.fromEntries(new FormData(faultForm));
  const found = { action: values.action };
  const applies = (name) => !faultForm.elements[name].closest("[data-for]").hidden;
  if (applies("status")) {
    found.status = Number(values.status);
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

// `chosen` gives the token of the browser whose screen is shown, or null.
export function prepareFaults(chosen) {
  fitFaultForm();
  faultForm.addEventListener("change", fitFaultForm);
  faultForm.addEventListener("submit", (event) => {
    event.preventDefault();
    misbehave("PUT", rule(chosen()));
  });
  $("behave").addEventListener("click", () => misbehave("DELETE"));
}
