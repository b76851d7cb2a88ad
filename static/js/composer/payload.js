// The bytes of the notification, as campaigns/payload.py makes them: the same keys, the same addresses.
const encoder = new TextEncoder();

// Python's urlencode: more is escaped than by encodeURIComponent, and a space is a plus.
const quote = (text) =>
  encodeURIComponent(text)
    .replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");

const cut = (text, sign) => {
  const at = text.indexOf(sign);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
};

const unquote = (text) => {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
};

// The address with the UTM parameters that it does not have yet.
export const withUtm = (url, utm) => {
  const [rest, fragment] = cut(url, "#");
  const [path, query] = cut(rest, "?");
  const present = new Set(query.split("&").map((pair) => unquote(cut(pair, "=")[0])));
  const added = Object.entries(utm)
    .filter(([name, value]) => value && !present.has(name))
    .map(([name, value]) => `${name}=${quote(value)}`);
  const whole = [query, ...added].filter(Boolean).join("&");
  return path + (whole && `?${whole}`) + (fragment && `#${fragment}`);
};

const notification = (message, facts) => ({
  title: message.title,
  body: message.body,
  navigate: withUtm(message.url, message.utm),
  lang: facts.language,
  dir: facts.dir,
  icon: message.icon || facts.icon,
  image: message.image,
  badge: message.badge,
  actions: message.actions.map(({ title, url }, number) => ({
    action: `a${number}`,
    title,
    navigate: withUtm(url, message.utm),
  })),
});

export const size = (message, facts) => {
  const shown = Object.entries(notification(message, facts)).filter(([, value]) => value.length);
  const data = { t: "t".repeat(facts.token), u: facts.receipts };
  const document = {
    web_push: 8030,
    notification: { ...Object.fromEntries(shown), tag: "t".repeat(32), data },
  };
  return encoder.encode(JSON.stringify(document)).length;
};
