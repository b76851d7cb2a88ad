// The message as the form has it, cleaned as the server cleans it (campaigns/content.py).
const BARE_HOST = /^[\p{L}\p{N}_-]+(\.[\p{L}\p{N}_-]+)+([/?#].*)?$/u;
const WEB = /^https?:\/\/[^\s/?#]+/i;

const line = (text) => text.trim().split(/\s+/u).join(" ");

const address = (text) => {
  const trimmed = text.trim();
  const whole = BARE_HOST.test(trimmed) ? `https://${trimmed}` : trimmed;
  return WEB.test(whole) ? whole : "";
};

export const slug = (name) =>
  name
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_\s-]/gu, "")
    .replace(/[-\s]+/gu, "-")
    .replace(/^[-_]+|[-_]+$/g, "")
    .slice(0, 100);

export const read = (form) => {
  const value = (name) => form.elements[name]?.value ?? "";
  const actions = [1, 2]
    .map((n) => ({ title: line(value(`action${n}_title`)), url: address(value(`action${n}_url`)) }))
    .filter(({ title, url }) => title && url);
  return {
    title: line(value("title")),
    body: value("body").replaceAll("\r\n", "\n").replaceAll("\t", " ").trim(),
    url: address(value("url")),
    icon: address(value("icon")),
    image: address(value("image")),
    badge: address(value("badge")),
    actions,
    // Shown already while its address is still to be written.
    buttons: [1, 2].map((n) => line(value(`action${n}_title`))).filter(Boolean),
    utm: Object.fromEntries(["source", "medium", "campaign"].map((n) => [`utm_${n}`, line(value(`utm_${n}`))])),
  };
};
