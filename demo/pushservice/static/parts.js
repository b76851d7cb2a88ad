// What all scripts of the page share.

export const $ = (name) => document.querySelector(`[data-${name}]`);
export const number = new Intl.NumberFormat(document.documentElement.lang);

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

export async function ask(method, path, data) {
  const options = { method, headers: {} };
  if (data !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(data);
  }
  const response = await fetch(path, options);
  const text = await response.text();
  let body = {};
  try {
    body = JSON.parse(text);
  } catch {
    body = { detail: text };
  }
  if (!response.ok) throw Object.assign(new Error(body.detail || "It did not work."), { field: body.field });
  return body;
}
