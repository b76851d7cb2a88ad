// Chromium's own subscribe() talks to Google. This stand-in keeps one subscription per tab with a
// real P-256 pair, follows the Push API where it refuses, and asks the test for the native prompt.
(() => {
  if (!window.PushManager) return;
  const encode = (bytes) =>
    btoa(String.fromCharCode(...new Uint8Array(bytes)))
      .replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
  const decode = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
  const load = () => JSON.parse(sessionStorage.getItem("stub-push"));
  const save = (value) => sessionStorage.setItem("stub-push", JSON.stringify(value));
  const note = (what) => (window.stubCalls = (window.stubCalls || []).concat(what));

  const wrap = (kept) =>
    kept && {
      endpoint: kept.endpoint,
      options: { applicationServerKey: decode(kept.key).buffer, userVisibleOnly: true },
      toJSON: () => ({ endpoint: kept.endpoint, expirationTime: null, keys: kept.keys }),
      unsubscribe: async () => {
        note("unsubscribe");
        save(null);
        return true;
      },
    };

  PushManager.prototype.getSubscription = async () =>
    Notification.permission === "granted" ? wrap(load()) : null;

  PushManager.prototype.subscribe = async ({ applicationServerKey, userVisibleOnly }) => {
    note("subscribe");
    if (!userVisibleOnly || Notification.permission !== "granted")
      throw new DOMException("no permission", "NotAllowedError");
    if (decode(applicationServerKey).length !== 65)
      throw new DOMException("not a P-256 key", "InvalidAccessError");
    const kept = load();
    if (kept && kept.key !== applicationServerKey)
      throw new DOMException("another key", "InvalidStateError");
    if (!kept) {
      const pair = await crypto.subtle.generateKey(
        { name: "ECDH", namedCurve: "P-256" }, true, ["deriveBits"]);
      const p256dh = encode(await crypto.subtle.exportKey("raw", pair.publicKey));
      const auth = encode(crypto.getRandomValues(new Uint8Array(16)));
      const endpoint = "https://push.example.com/" + crypto.randomUUID();
      save({ endpoint, key: applicationServerKey, keys: { p256dh, auth } });
    }
    return wrap(load());
  };

  // Headless Chromium has no prompt to click: the test answers through the DevTools protocol.
  Notification.requestPermission = async () => {
    note("native prompt" + (navigator.userActivation.isActive ? "" : " without a gesture"));
    await window.answerNativePrompt(location.origin);
    return Notification.permission;
  };
})();
