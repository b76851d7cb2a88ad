// Saves the draft a moment after typing stops, one request at a time, and says how it went.
const PAUSE = 700;
const AGAIN = 5000;
const language = document.documentElement.lang || "en";
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });

const since = (moment) => {
  const seconds = Math.round((moment - Date.now()) / 1000);
  if (seconds > -60) return relative.format(Math.min(seconds, 0), "second");
  if (seconds > -3600) return relative.format(Math.round(seconds / 60), "minute");
  return relative.format(Math.round(seconds / 3600), "hour");
};

export const saver = (form, place, answered) => {
  let timer;
  let running;
  let dirty = false;
  let over = false;
  let savedAt = Date.parse(place.dataset.savedAt);
  let steady = true;

  const tell = (key) => {
    steady = key === "saved";
    place.textContent = place.dataset[key].replace("{time}", steady ? since(savedAt) : "");
  };

  const settle = async (response) => {
    if (response.type === "opaqueredirect") return tell("signedOut");
    if (response.status === 409) {
      over = true;
      return tell("gone");
    }
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const answer = await response.json();
    savedAt = Date.parse(answer.at);
    answered(answer);
    const wrong = Object.keys(answer.errors).length > 0;
    tell(wrong ? (answer.saved ? "partly" : "refused") : "saved");
  };

  const send = async () => {
    dirty = false;
    tell("saving");
    try {
      const response = await fetch(form.action, {
        method: "POST",
        body: new FormData(form),
        headers: { Accept: "application/json" },
        redirect: "manual",
        keepalive: true,
      });
      await settle(response);
    } catch {
      dirty = true;
      tell("failed");
      clearTimeout(timer);
      timer = setTimeout(flush, AGAIN);
    }
  };

  const flush = async () => {
    clearTimeout(timer);
    if (running) await running;
    if (!dirty || over || form.dataset.sent) return;
    running = send();
    await running;
    running = undefined;
  };

  const later = () => {
    dirty = true;
    if (over) return;
    tell("unsaved");
    clearTimeout(timer);
    timer = setTimeout(flush, PAUSE);
  };

  // Nothing more is sent by itself until something is typed: the form goes to the server as a whole.
  const rest = async () => {
    clearTimeout(timer);
    dirty = false;
    if (running) await running;
  };

  // It was stored, at this moment; or not all of it was.
  const noted = (at, whole) => {
    if (at) savedAt = Date.parse(at);
    tell(whole ? "saved" : "partly");
  };

  setInterval(() => steady && !document.hidden && tell("saved"), 1000);
  document.addEventListener("visibilitychange", () => document.hidden && flush());
  window.addEventListener("online", flush);
  return { later, flush, rest, noted };
};
