/*! Beckon service worker: host it yourself, see docs/snippet.md. Complete as it is: it loads nothing,
    has no fetch handler, controls no page, and so needs neither skipWaiting nor clients.claim. */
(() => {
  "use strict";

  // "site" is what the snippet told us, "seen" the last message tags.
  const change = (name, use) =>
    new Promise((done, failed) => {
      const open = indexedDB.open("beckon", 1);
      open.onupgradeneeded = () => open.result.createObjectStore("kv");
      open.onerror = failed;
      open.onsuccess = () => {
        const step = open.result.transaction("kv", "readwrite");
        const kv = step.objectStore("kv");
        kv.get(name).onsuccess = ({ target }) => {
          const next = use(target.result);
          if (next !== undefined) kv.put(next, name);
          step.oncomplete = () => done(target.result);
        };
        step.onabort = failed;
        open.result.close();
      };
    });
  const read = (name) => change(name, () => {});

  // A browser revokes who shows nothing: storage that hangs must not hold a notification back.
  const soon = (promise) =>
    Promise.race([promise.catch(() => 0), new Promise((done) => setTimeout(done, 1000))]);

  const web = (url) => {
    try {
      const { protocol, href } = new URL(url || "/", location.origin);
      return /^https?:$/.test(protocol) ? href : "";
    } catch (e) {
      return "";
    }
  };

  const receipt = (data, event) =>
    data && data.t && data.u
      ? fetch(data.u, {
          method: "POST", mode: "no-cors", credentials: "omit", keepalive: true,
          body: JSON.stringify({ t: data.t, e: event }),
        }).catch(() => 0)
      : 0;

  const repeated = async (tag) => {
    const known = (seen) => seen && seen.includes(tag);
    const add = (seen) => (known(seen) ? seen : [tag, ...(seen || [])].slice(0, 200));
    return known(await change("seen", add));
  };

  const show = async (message) => {
    let sent = {};
    try {
      sent = message.json().notification || sent;
    } catch (e) {}
    const { title, body, lang, dir, icon, image, badge, tag, navigate, actions } = sent;
    const list = Array.isArray(actions) ? actions.filter((one) => one && one.action) : [];
    const data = { ...sent.data, navigate, actions: list };
    const site = title ? 0 : await soon(read("site"));
    const heading = String(title || (site && site.name) || location.hostname);
    const again = tag ? await soon(repeated(tag)) : false;
    const full = { body, lang, dir, icon: icon || (site && site.icon), image, badge, tag, data };
    Object.keys(full).forEach((key) => full[key] || delete full[key]);
    if (list.length) full.actions = list.map(({ action, title }) => ({ action, title }));
    if (again) full.silent = true; // with renotify false, its default: the same message alerts once
    const { registration } = self;
    await registration
      .showNotification(heading, full)
      .catch(() => registration.showNotification(heading, { body, tag, data }))
      .catch(() => registration.showNotification(heading));
    await receipt(data, "displayed");
  };

  const visit = async (url) => {
    const tabs = await clients.matchAll({ type: "window", includeUncontrolled: true });
    const open = tabs.find((one) => one.url === url);
    return open ? open.focus() : clients.openWindow(url);
  };

  const renew = async (event) => {
    const site = await read("site");
    if (!site) return;
    const subscription = event.newSubscription || (await registration.pushManager.subscribe({
      userVisibleOnly: true, applicationServerKey: site.key,
    }));
    const { key, install, prompt, auth } = site;
    await fetch(site.ingest + "subscriptions/", {
      method: "POST", credentials: "omit", body: JSON.stringify({
        subscription, language: navigator.language,
        timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
        page: location.origin + "/", prompt: prompt || null, install, key, auth, sync: true,
      }),
    });
  };

  let clicked;

  self.addEventListener("push", (event) => event.waitUntil(show(event.data)));

  self.addEventListener("notificationclick", (event) => {
    const { notification, action } = event;
    const data = notification.data || {};
    const chosen = (data.actions || []).find((one) => one.action === action) || data;
    clicked = data.t; // closing fires too
    notification.close();
    // Refused addresses lead to the site's own front page: a click must do something.
    const url = web(chosen.navigate || data.navigate) || location.origin + "/";
    event.waitUntil(Promise.all([visit(url).catch(() => 0), receipt(data, "clicked")]));
  });

  self.addEventListener("notificationclose", (event) => {
    const { data } = event.notification;
    if (!data || data.t !== clicked) event.waitUntil(receipt(data, "dismissed"));
  });

  self.addEventListener("pushsubscriptionchange", (event) =>
    event.waitUntil(renew(event).catch(() => 0)));

  self.addEventListener("message", (event) => {
    const { beckon } = event.data || {};
    if (beckon !== undefined) event.waitUntil(change("site", () => beckon).catch(() => 0));
  });
})();
