// The previews as the server makes them of what stands in the form: one request at a time, the newest wins.
const PAUSE = 250;

export const remote = (form, address, apply) => {
  let timer;
  let asked;

  const ask = async () => {
    clearTimeout(timer);
    asked?.abort();
    asked = new AbortController();
    try {
      const response = await fetch(address, {
        method: "POST",
        body: new FormData(form),
        headers: { Accept: "application/json" },
        redirect: "manual",
        signal: asked.signal,
      });
      if (response.ok) apply(await response.json());
    } catch {
      // A newer one took its place, or Beckon does not answer, which the saving says.
    }
  };

  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  };

  const stop = () => {
    clearTimeout(timer);
    asked?.abort();
  };

  return { ask, later, stop };
};
