/*! Beckon snippet, see docs/snippet.md. It fails silently and touches only its own worker. */
(() => {
  "use strict";
  const script = document.currentScript;
  const early = window.beckon;
  if (!script || (early && early.state)) return;

  const { site } = script.dataset;
  const base = script.src.replace(/\/static\/push\/[^/]*$/, "");
  const ingest = base + "/push/" + site + "/";
  const worker = new URL(script.dataset.worker || "/push/beckon/sw.js", location);
  const scope = new URL(".", worker);
  const listeners = {};
  let config, started, memory = {}, sending = Promise.resolve();

  const beckon = (...args) => (started ? run(args) : beckon.q.push(args));
  beckon.q = (early && early.q) || [];
  beckon.state = "starting";
  window.beckon = beckon;

  const become = (state) => {
    beckon.state = state;
    (listeners[state] || []).forEach((fn) => setTimeout(fn, 0, state));
  };
  const fail = (error) => become(error === "foreign" ? error : "failed");
  const is = (states) => states.test(beckon.state);

  // Without localStorage this page forgets.
  const remember = (changes) => {
    try {
      memory = JSON.parse(localStorage.getItem("beckon")) || memory;
    } catch (e) {}
    Object.assign(memory, changes);
    try {
      localStorage.setItem("beckon", JSON.stringify(memory));
      return memory;
    } catch (e) {}
  };

  // Plain text: no preflight.
  const send = async (path, body) => {
    try {
      const response = await fetch(ingest + "subscriptions/" + path, {
        method: "POST", body: JSON.stringify(body), credentials: "omit", keepalive: true,
      });
      const { status } = response;
      return { status, ...(await response.json().catch(() => 0)) };
    } catch (e) {
      return {};
    }
  };

  const keyOf = ({ options }) =>
    btoa(String.fromCharCode(...new Uint8Array(options.applicationServerKey)))
      .replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");

  // A foreign script on our scope is not ours to replace.
  const find = async () => {
    const all = await navigator.serviceWorker.getRegistrations();
    const found = all.find((one) => one.scope === scope.href);
    const holder = found && (found.active || found.waiting || found.installing);
    if (holder && holder.scriptURL !== worker.href) throw "foreign";
    return found && found.pushManager.getSubscription();
  };

  const register = async () => {
    await find();
    const found = await navigator.serviceWorker.register(worker, { scope: scope.href });
    const next = found.installing || found.waiting;
    if (!found.active)
      await new Promise((done) =>
        next.addEventListener("statechange", () => next.state === "activated" && done()));
    return found;
  };

  const tell = (beckon) => register().then(({ active }) => active.postMessage({ beckon }), () => 0);

  const report = async (subscription, sync) => {
    const { endpoint, keys } = subscription.toJSON();
    remember({ install: memory.install || crypto.randomUUID() });
    const { install, prompt, auth } = memory;
    const key = keyOf(subscription);
    const { id } = await send("", {
      subscription, language: navigator.language,
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      page: location.origin + location.pathname, // a query may hold secrets
      prompt: prompt || null, install, key, auth, sync,
    });
    if (!id) return fail();
    const now = { site, id, endpoint, auth: keys.auth, key, at: Date.now(), left: undefined };
    remember(now);
    await tell({ ...now, install, prompt, ingest, name: config.site, icon: config.icon });
    become("subscribed");
    update();
  };

  const subscribe = async (sync) => {
    if (is(/unsupported|foreign|denied/) || !config) return;
    become("asking");
    try {
      // First, while the click still counts.
      let { permission } = Notification;
      if (permission !== "granted") permission = await Notification.requestPermission();
      if (permission !== "granted") return become(permission === "denied" ? permission : "ready");
      const { pushManager } = await register();
      let subscription = await pushManager.getSubscription();
      if (subscription && keyOf(subscription) !== config.key) {
        // Another vendor's?
        if (memory.key !== keyOf(subscription) && scope.pathname === "/") throw "foreign";
        await subscription.unsubscribe();
        subscription = 0;
      }
      await report(subscription || (await pushManager.subscribe({
        userVisibleOnly: true, applicationServerKey: config.key,
      })), sync === true);
    } catch (error) {
      fail(error);
    }
  };

  const forget = async (reason) => {
    remember({ left: reason, who: undefined, todo: undefined });
    const subscription = await find();
    if (subscription) await subscription.unsubscribe();
    if (!memory.id) return;
    tell(0);
    const { status } = await send(memory.id + "/?_method=DELETE", { auth: memory.auth, reason });
    if (status < 429) remember({ id: undefined, endpoint: undefined });
  };

  const update = (change) => {
    remember({ todo: (memory.todo || []).concat(change || []).slice(-20) });
    sending = sending.then(async () => {
      while (is(/^subscribed/) && memory.todo[0]) {
        const body = { ...memory.todo[0], auth: memory.auth };
        const { status } = await send(memory.id + "/?_method=PATCH", body);
        if (!(status < 429)) return;
        remember({ todo: memory.todo.slice(1), at: status === 404 ? 0 : memory.at });
      }
    });
  };

  const ask = async (focus) => {
    if (!is(/ready|install|unsubscribed/)) return;
    if (!beckon.card)
      await new Promise((done) => {
        const tag = document.createElement("script");
        tag.onload = tag.onerror = done;
        tag.nonce = script.nonce;
        tag.src = base + "/static/push/prompt.js";
        document.head.append(tag);
      });
    if (beckon.card) beckon.card({ config, remember, register, subscribe, fail }, focus);
  };

  const sync = async () => {
    const { permission } = Notification;
    const subscription = await find();
    if (permission !== "granted") {
      if (memory.id) await forget(memory.left || "denied");
      return become(permission === "denied" ? permission : "ready");
    }
    if (memory.left && memory.id) await forget(memory.left);
    if (memory.left || !(subscription || memory.endpoint))
      return become(memory.left === "unsubscribed" ? memory.left : "ready");
    if (!subscription || keyOf(subscription) !== config.key) return subscribe(true);
    const { endpoint, keys } = subscription.toJSON();
    if (
      [site, endpoint, keys.auth] + "" === [memory.site, memory.endpoint, memory.auth] + "" &&
      Date.now() - memory.at < 864e5
    ) {
      become("subscribed");
      update();
    } else await report(subscription, true);
  };

  const plan = () => {
    const lasting = remember({ views: (memory.views || 0) + 1 });
    if (location.search.includes("beckon=ask")) return ask(true);
    const { trigger, after } = config.prompt || {};
    if (!lasting) return; // a "no" must be remembered
    const offer = () => is(/unsub/) || Date.now() < memory.until || ask();
    if (trigger === "click")
      ["pointerdown", "keydown"].forEach((type) => addEventListener(type, offer, { once: true }));
    if (trigger === "delay") setTimeout(offer, Math.max(after, 1) * 1000);
    if (trigger === "views" && memory.views >= after) setTimeout(offer, 2000);
  };

  const start = async () => {
    remember();
    config = await (await fetch(ingest + "config.json", { credentials: "omit" })).json();
    if (!config.key) throw 0;
    if (window.PushManager && window.Notification) await sync();
    else become(navigator.standalone === false ? "install" : "unsupported"); // false: iOS, in a tab
    plan();
  };

  const commands = {
    subscribe: () => (is(/install/) ? ask(true) : subscribe()),
    unsubscribe: () => forget("unsubscribed").then(() => become("unsubscribed")),
    identify: (id, signature) => {
      const who = id + " " + signature;
      if (who !== memory.who) update({ external_id: id && id + "", signature });
      remember({ who });
    },
    tag: (add, remove) => update({ tags: { add: add || [], remove: remove || [] } }),
    prompt: () => ask(true),
    on: (event, fn) => {
      (listeners[event] = listeners[event] || []).push(fn);
      if (beckon.state === event) setTimeout(fn, 0, event);
    },
  };
  const run = async ([name, ...args]) => {
    try {
      await commands[name](...args);
    } catch (e) {}
  };

  start().catch(fail).then(() => {
    started = true;
    beckon.q.splice(0).forEach(run);
  });
})();
