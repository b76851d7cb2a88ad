/*! Beckon prompt card: loaded by snippet.js only when a card is to be shown. See docs/snippet.md. */
(() => {
  "use strict";
  const { beckon } = window;
  if (!beckon || beckon.card) return;

  // Where the configuration has words of its own, these are not used.
  const WORDS = {
    title: "Hear from us first?",
    body: "A short message when there is something new. You can stop at any time.",
    yes: "Yes, tell me",
    no: "Not now",
    install_title: "Get our news on this device",
    install_body: "Add this page to your Home Screen, then open it from there.",
    install_share: "Tap Share",
    install_add: "Choose “Add to Home Screen”",
    install_yes: "Got it",
  };
  const ICONS = {
    close: "M6 6l12 12M18 6L6 18",
    install_share: "M12 15V3M8 6.5 12 2.5l4 4M8 10H6v11h12V10h-2",
    install_add: "M5 3h14q2 0 2 2v14q0 2-2 2H5q-2 0-2-2V5q0-2 2-2M12 8v8M8 12h8",
  };
  const RTL = /^(ar|dv|fa|he|ps|sd|ug|ur|yi)\b/;
  const SURFACE = { light: "#ffffff", dark: "#1d1a18" };

  const css = (font, light, dark) => `
:host{all:initial!important}
*{box-sizing:border-box}
.card{--s:${SURFACE.light};--i:#1c1917;--i2:#57514a;--e:#8f867b;--h:#f3f0eb;--f:#1f5fd6;${light};
position:fixed;z-index:2147483647;inset-block-end:24px;inset-inline-end:24px;inline-size:380px;
max-block-size:calc(100vh - 48px);overflow:auto;padding:20px;border:1px solid transparent;border-radius:14px;
background:var(--s);color:var(--i);box-shadow:0 8px 28px -6px #0000002e,0 2px 6px #00000014;
font:400 14px/20px ${font};color-scheme:light;animation:in .18s ease-out}
.head{display:grid;grid-template-columns:40px 1fr 32px;column-gap:12px;align-items:start}
.tile{grid-row:1/3;inline-size:40px;block-size:40px;border-radius:10px;object-fit:cover;background:var(--c);color:var(--o);
display:grid;place-items:center;font-size:15px;font-weight:600}
h2{margin:0;font-size:16px;line-height:22px;font-weight:620;letter-spacing:-.011em;text-wrap:balance}
p{margin:4px 0 0;color:var(--i2);text-wrap:pretty;grid-column:2/4}
h2,p,li{overflow-wrap:anywhere}
ol{margin:16px 0 4px;padding:0;list-style:none;display:grid;gap:12px}
li{display:flex;align-items:center;gap:12px}
li svg{inline-size:40px;padding:0 10px;color:var(--i2)}
svg{flex:none;inline-size:20px;block-size:20px;fill:none;stroke:currentColor;stroke-width:1.75;
stroke-linecap:round;stroke-linejoin:round}
.answers{display:flex;flex-wrap:wrap;gap:8px;margin-block-start:16px}
button{font:inherit;font-weight:560;min-block-size:44px;cursor:pointer;color:inherit;background:none;
border:1px solid var(--e);border-radius:8px;padding:8px 12px;transition:background .12s ease-out}
.answers button{flex:1 1 40%}
button:hover{background:var(--h)}
.yes,.yes:hover{background:var(--c);color:var(--o);border-color:var(--b)}
.yes:hover{filter:brightness(1.12)}
.close{display:grid;place-items:center;inline-size:44px;margin:-12px -6px -12px;padding:0;border:0;color:var(--i2)}
button:focus-visible{outline:2px solid var(--f);outline-offset:2px}
.note{font-size:12px;line-height:17px;margin-block-start:12px}
.said{position:absolute;clip-path:inset(50%);inline-size:1px;block-size:1px;overflow:hidden}
@keyframes in{from{opacity:0;transform:translateY(12px)}}
@media (max-width:480px){.card{inset-inline:8px;inset-block-end:calc(8px + env(safe-area-inset-bottom));
inline-size:auto;font-size:15px;line-height:21px}h2{font-size:17px}}
@media (prefers-color-scheme:dark){.card{--s:${SURFACE.dark};--i:#f3f0ec;--i2:#c0b9b0;--e:#7d756b;
--h:#2a2622;--f:#8db6ff;${dark};color-scheme:dark;border-color:#2f2b27;box-shadow:0 12px 32px #0000008c}}
@media (prefers-reduced-motion:reduce){.card{animation:none}button{transition:none}}`;

  const light = (hex) =>
    [1, 3, 5]
      .map((at) => parseInt(hex.substr(at, 2), 16) / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
      .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);

  const contrast = (one, other) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };

  const paler = (hex) =>
    hex.replace(/\w\w/g, (part) =>
      Math.round(parseInt(part, 16) * 0.9 + 25.5).toString(16).padStart(2, "0"));

  // The site's colour, a text that can be read on it, and an edge where the card would swallow it.
  const tint = (color, surface) => {
    while (surface === SURFACE.dark && contrast(color, surface) < 3) color = paler(color);
    const text = contrast(color, "#ffffff") >= 4.5 ? "#ffffff" : "#1c1206";
    const edge = contrast(color, surface) < 3 ? "var(--e)" : color;
    return `--c:${color};--o:${text};--b:${edge}`;
  };

  const make = (name, attributes, ...children) => {
    const made = document.createElement(name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    made.append(...children);
    return made;
  };

  const draw = (name) => {
    const svg = "http://www.w3.org/2000/svg";
    const made = document.createElementNS(svg, "svg");
    const path = document.createElementNS(svg, "path");
    made.setAttribute("viewBox", "0 0 24 24");
    made.setAttribute("aria-hidden", "true");
    path.setAttribute("d", ICONS[name]);
    made.append(path);
    return made;
  };

  const tile = ({ icon, site }) => {
    const words = String(site || "").split(/\s+/).map((word) => (/[\p{L}\p{N}]/u.exec(word) || [""])[0]);
    const initials = words.join("").slice(0, 2).toUpperCase();
    const plain = make("div", { class: "tile", "aria-hidden": "true" }, initials);
    if (!icon) return plain;
    const picture = make("img", { class: "tile", alt: "", width: 40, height: 40, src: icon });
    picture.onerror = () => picture.replaceWith(plain);
    return picture;
  };

  const styles = (color) => {
    let font = getComputedStyle(document.body).fontFamily;
    if (/^"?times|^serif/i.test(font)) font = "system-ui,sans-serif";
    if (!/^#[0-9a-f]{6}$/i.test(color)) color = "#1c1917";
    const sheet = new CSSStyleSheet(); // allowed by any CSP
    sheet.replaceSync(css(font, tint(color, SURFACE.light), tint(color, SURFACE.dark)));
    return sheet;
  };

  const card = ({ config, install }, answer) => {
    const prompt = config.prompt || {};
    const lang = config.language || "en";
    const say = (name) => prompt[name] || WORDS[name];
    const part = install ? "install_" : "";
    const before = document.activeElement;
    const host = document.createElement("beckon-prompt");
    const root = host.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [styles(prompt.color)];

    const close = (yes) => {
      if (!host.isConnected) return;
      const inside = root.activeElement;
      removeEventListener("keydown", escape);
      host.remove();
      if (inside && before && before.focus) before.focus();
      answer(yes);
    };
    const escape = ({ key, defaultPrevented }) =>
      key === "Escape" && !defaultPrevented && close(false);
    const button = (kind, yes, ...inner) => {
      const made = make("button", { type: "button", class: kind }, ...inner);
      made.onclick = () => close(yes);
      return made;
    };

    const title = make("h2", { id: "title" }, say(part + "title"));
    const cross = button("close", false, draw("close"));
    cross.setAttribute("aria-label", say("no"));
    const yes = button("yes", true, say(part + "yes"));
    const steps = ["install_share", "install_add"].map((name) =>
      make("li", {}, draw(name), make("span", {}, say(name))));
    const note = prompt.note || (/^en\b/.test(lang) && "Your browser asks next.");
    const said = make("div", { class: "said", role: "status" });
    const box = make(
      "div",
      { class: "card", role: "dialog", "aria-labelledby": "title", "aria-describedby": "body",
        lang, dir: RTL.test(lang) ? "rtl" : "ltr" },
      make("div", { class: "head" }, tile(config),
        title, cross, make("p", { id: "body" }, say(part + "body"))),
      ...(install ? [make("ol", {}, ...steps)] : []),
      make("div", { class: "answers" }, ...(install ? [] : [button("no", false, say("no"))]), yes),
      ...(note && !install ? [make("p", { class: "note" }, note)] : []),
    );
    root.append(box, said);
    document.body.append(host);
    addEventListener("keydown", escape);
    setTimeout(() => root.activeElement || said.append(title.textContent), 100);
  };

  // A "no" holds for 30 days, then 60, then for good.
  const refuse = (remember) => {
    const { no = 0 } = remember() || {};
    remember({ no: no + 1, until: no > 1 ? 1e15 : Date.now() + 2592e6 * 2 ** no });
  };

  beckon.card = async ({ config, remember, register, subscribe, fail }, focus) => {
    try {
      const install = beckon.state === "install";
      const open = () => document.querySelector("beckon-prompt");
      // A missing worker file must show before anybody is asked.
      if (!install && !open()) await register();
      if (!open()) card({ config, install }, async (yes) => {
        if (!yes || install) return refuse(remember);
        remember({ prompt: config.prompt && config.prompt.version });
        await subscribe();
        if (beckon.state === "ready") refuse(remember); // the browser's own question was dismissed
      });
      // Only who asked for the card is taken to it; for others it is announced.
      if (focus) open().shadowRoot.querySelector(".answers button").focus();
    } catch (error) {
      fail(error);
    }
  };
})();
