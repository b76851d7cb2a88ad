/*! Beckon inbox, see docs/inbox.md. */
(() => {
  "use strict";
  const script = document.currentScript; // or an <img>
  if (script?.text == null || customElements.get("beckon-inbox") || !CSS.supports("color:light-dark(red,red)")) return;

  const conf = {
    title: "Inbox",
    unread: "unread",
    all: "Mark all as read",
    remove: "Delete",
    more: "Show older",
    loading: "Loading…",
    empty: "Nothing here yet",
    failed: "The inbox did not answer.",
    retry: "Try again",
    lang: document.documentElement.lang,
    server: script.src.replace(/\/static\/.*/, ""),
    ...script.dataset,
    ...window.beckonInbox,
  };

  const sheet = new CSSStyleSheet(); // allowed by any CSP
  sheet.replaceSync(`
:host{display:inline-block;color-scheme:light dark;
--i:var(--beckon-ink,light-dark(#1c1917,#f3f0ec));--s:var(--beckon-surface,light-dark(#fff,#1d1a18));
--a:var(--beckon-accent,light-dark(#b4430e,#f08a57));--o:var(--beckon-on-accent,light-dark(#fff,#1c1206));
--l:color-mix(in srgb,var(--i) 15%,var(--s));--i2:color-mix(in srgb,var(--i) 72%,var(--s))}
*{box-sizing:border-box}
button{font:inherit;font-weight:560;color:inherit;cursor:pointer;border:0;border-radius:8px;background:none;
min-height:44px;min-width:44px;padding:0 12px}
:focus-visible{outline:2px solid;outline-offset:-2px}
.bell{position:relative;padding:10px}
i{display:block;height:24px;width:24px;background:currentColor;forced-color-adjust:none;
clip-path:path("M12 2a7 7 0 0 0-7 7q0 6-3 9h20q-3-3-3-9a7 7 0 0 0-7-7m-3 18a3 3 0 0 0 6 0")}
b{position:absolute;inset:2px auto auto 23px;min-width:18px;padding:0 5px;border-radius:9px;
background:var(--a);color:var(--o);font:600 11px/18px system-ui;text-align:center}
.panel:focus{outline:0}
.panel{position:fixed;inset:var(--y) auto auto var(--x);margin:0;padding:0;width:380px;
max-height:min(620px,100vh - var(--y) - 16px);overflow:auto;
border:1px solid var(--l);border-radius:12px;background:var(--s);color:var(--i);
box-shadow:0 8px 28px -6px #0006;
font-size:14px;font-weight:400;line-height:20px;letter-spacing:0;text-align:start}
.head{position:sticky;top:0;display:flex;padding:0 16px;background:var(--s);
border-bottom:1px solid var(--l)}
h2{flex:1;margin:0;font-size:16px;line-height:44px;font-weight:620}
ul{margin:0;padding:0;list-style:none}
li{display:flex;align-items:start;border-bottom:1px solid var(--l)}
a{flex:1;min-width:0;display:flex;gap:12px;padding:14px 16px;color:inherit;text-decoration:none}
a:hover,button:hover{background:color-mix(in srgb,currentColor 7%,#0000)}
.text{flex:1;min-width:0;overflow-wrap:anywhere}
.text *{display:block}
p{margin:0;white-space:pre-line;color:var(--i2)}
time{margin-top:4px;font-size:12px;color:var(--i2)}
.new strong::before{content:"";display:inline-block;border:4px solid var(--a);border-radius:4px;margin-inline-end:6px}
:not(.new)>a .said{display:none}
img{width:48px;height:48px;border-radius:8px;object-fit:cover}
.remove{font-size:20px;color:var(--i2)}
.foot{padding:20px;text-align:center}
.said{position:absolute;clip-path:inset(50%);width:1px;overflow:hidden}
@media (max-width:480px){.panel{inset:auto 8px 8px;width:auto;max-height:80vh;font-size:16px;line-height:22px}}
@media (prefers-reduced-motion:no-preference){.panel{animation:in .18s}@keyframes in{from{opacity:0;translate:0 -8px}}}`);

  const make = (name, attributes, ...children) => {
    const made = document.createElement(name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    made.append(...children);
    return made;
  };
  const button = (name, act, ...inner) => {
    const made = make("button", { type: "button", class: name }, ...inner);
    made.onclick = act;
    return made;
  };

  const when = (text) => {
    const at = new Date(text);
    const title = at.toLocaleString();
    const made = make("time", { datetime: text, title }, title);
    const minutes = (Date.now() - at) / 6e4;
    const [unit, each] = minutes < 60 ? ["minute", 1] : minutes < 1440 ? ["hour", 60] : ["day", 1440];
    try {
      made.textContent = new Intl.RelativeTimeFormat(conf.lang, { numeric: "auto" })
        .format(-Math.floor(minutes / each), unit);
    } catch {}
    return made;
  };

  const installed = () => {
    let memory;
    try {
      memory = JSON.parse(localStorage.beckon);
    } catch {}
    memory = { install: crypto.randomUUID(), ...memory };
    try {
      localStorage.beckon = JSON.stringify(memory);
    } catch {}
    return memory.install;
  };

  const send = (url, method, data, headers) =>
    fetch(url, { method, headers, body: JSON.stringify(data), credentials: "omit", keepalive: true });

  let token;
  const identify = () =>
    conf.identity.call
      ? conf.identity()
      : fetch(conf.identity, { cache: "no-store" }).then((response) => response.ok && response.text());
  const call = async (method, path, data, again) => {
    token ||= await identify();
    if (!token) throw 0;
    const inbox = conf.server + "/push/" + conf.site + "/inbox/";
    const response = await send(inbox + path, method, data, { Authorization: "Bearer " + token });
    const answer = await response.json();
    if (response.ok) return answer;
    if (again || response.status !== 403) throw 0;
    token = 0;
    return call(method, path, data, true);
  };

  const show = (root) => {
    let unread, next, receipts, newest = new Date(), checked = 0;
    const badge = make("b");
    const said = make("div", { class: "said", role: "status" });
    const list = make("ul", { role: "list" });
    const foot = make("div", { class: "foot", role: "status" });
    const bell = button("bell", null, make("i"), badge);

    const act = async (...asked) => {
      const answer = await call(...asked);
      const number = answer.unread;
      const words = number + " " + conf.unread;
      if (number > unread) said.textContent = words;
      unread = number;
      badge.textContent = number > 99 ? "99+" : number;
      badge.hidden = all.hidden = !number;
      bell.ariaLabel = conf.title + (number ? ", " + words : "");
      bell.hidden = false;
      return answer;
    };
    const quietly = (...asked) => act(...asked).catch(() => 0);
    const note = (words, ...more) => foot.replaceChildren(make("p", {}, words), ...more);
    const fail = (retry) => note(conf.failed, button("", retry, conf.retry));

    const row = (item) => {
      const { id, title, token } = item;
      const src = item.image || item.icon;
      const image = src ? make("img", { src, alt: "", loading: "lazy" }) : "";
      if (src) image.onerror = () => image.remove();
      const link = make("a", { href: item.url }, image,
        make("div", { class: "text" }, make("strong", {}, title), make("p", {}, item.body),
          when(item.sent_at), make("span", { class: "said" }, conf.unread)));
      link.onclick = () => {
        if (token) send(receipts, "POST", { t: token, e: "clicked" });
        if (li.className) quietly("POST", "read/", { ids: [id] });
        li.className = "";
      };
      const remove = button("remove", async () => {
        try {
          await act("DELETE", id + "/");
          const near = li.nextSibling || li.previousSibling;
          li.remove();
          (near ? near.lastChild : panel).focus();
          settle();
        } catch {
          fail(remove.onclick);
        }
      }, "×");
      remove.ariaLabel = conf.remove + ": " + title;
      const li = make("li", { class: item.read ? "" : "new", lang: item.language, dir: item.direction },
        link, remove);
      return li;
    };

    const settle = () => {
      if (list.firstChild) foot.replaceChildren(next ? button("", () => load(), conf.more) : "");
      else if (next) load();
      else note(conf.empty);
    };
    const load = async (first) => {
      const inside = foot.contains(root.activeElement);
      if (first) list.replaceChildren();
      note(conf.loading);
      try {
        const answer = await act("GET", first ? "" : "?cursor=" + next);
        ({ next, receipts } = answer);
        if (first) newest = (answer.items[0] || 0).sent_at;
        const rows = answer.items.map(row);
        list.append(...rows);
        if (inside) (rows[0] ? rows[0].firstChild : panel).focus();
        settle();
      } catch {
        fail(() => load(first));
      }
    };

    const all = button("", async () => {
      await quietly("POST", "read/", { until: newest });
      for (const li of list.children) li.className = "";
      panel.focus();
    }, conf.all);
    const panel = make("div",
      { class: "panel", popover: "auto", autofocus: "", role: "dialog", tabindex: -1, "aria-label": conf.title },
      make("div", { class: "head" }, make("h2", {}, conf.title), all), list, foot);

    panel.onbeforetoggle = ({ newState }) => {
      const { bottom, right } = bell.getBoundingClientRect();
      panel.style.setProperty("--y", bottom + 6 + "px");
      panel.style.setProperty("--x", Math.max(8, Math.min(right, innerWidth - 8) - 380) + "px");
      const open = newState === "open";
      bell.ariaExpanded = open;
      if (open) load(true);
      else if (panel.contains(root.activeElement)) bell.focus();
    };
    panel.onkeydown = (event) => {
      const links = [...list.querySelectorAll("a")];
      const step = { ArrowDown: 1, ArrowUp: -1, " ": 0 }[event.key];
      const to = links[links.indexOf(root.activeElement) + step];
      if (!to) return;
      event.preventDefault();
      if (step) to.focus();
      else to.click();
    };

    bell.popoverTargetElement = panel;
    bell.hidden = true;
    bell.ariaExpanded = false;
    root.adoptedStyleSheets = [sheet];
    root.replaceChildren(bell, panel, said);
    return () => {
      if (document.hidden || Date.now() - checked < 6e4) return;
      checked = Date.now();
      quietly("POST", "", {
        install: installed(), language: navigator.language,
        timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      });
    };
  };

  customElements.define("beckon-inbox", class extends HTMLElement {
    connectedCallback() {
      token = 0;
      this.check = show(this.shadowRoot || this.attachShadow({ mode: "open" }));
      document.addEventListener("visibilitychange", this.check);
      this.check();
    }
    disconnectedCallback() {
      document.removeEventListener("visibilitychange", this.check);
    }
  });
})();
