// Values from a site's own data beneath an input: a combobox (ARIA 1.2, list). Several values stand between commas, as in CSV.
const PAUSE = 150;
const VALUE = /\s*(?:"((?:[^"]|"")*)"(?=\s*(?:,|$))|([^,]*))\s*(?:,|$)/g;

export const split = (text) =>
  [...text.matchAll(VALUE)].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain?.trim() ?? "").filter((value) => value.trim());
const quoted = (value) => (value !== value.trim() || value.includes(",") || value.startsWith('"') ? `"${value.replaceAll('"', '""')}"` : value);
export const join = (values) => values.map(quoted).join(", ");

export const suggest = (form) => {
  const list = document.createElement("ul");
  list.id = "suggestions";
  list.className = "builder-suggestions";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", form.dataset.suggestionsLabel ?? "");
  list.hidden = true;
  let input;
  let timer;
  let asking;
  let at = -1;

  const many = () => input.dataset.suggest === "texts";
  // What is being written: the last of several.
  const begun = () => (many() ? (/,\s*$/.test(input.value) ? "" : (split(input.value).at(-1) ?? "")) : input.value);
  const earlier = () => (many() && begun() ? split(input.value).slice(0, -1) : many() ? split(input.value) : []);

  const close = () => {
    clearTimeout(timer);
    asking?.abort();
    list.hidden = true;
    at = -1;
    input?.setAttribute("aria-expanded", "false");
    input?.removeAttribute("aria-activedescendant");
  };

  const mark = (to) => {
    const options = [...list.children];
    if (!options.length) return;
    at = (to + options.length) % options.length;
    options.forEach((option, index) => option.setAttribute("aria-selected", String(index === at)));
    options[at].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", options[at].id);
  };

  const pick = (option) => {
    const values = [...earlier(), option.dataset.value];
    input.value = many() ? `${join(values)}, ` : option.dataset.value;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    if (!many()) close();
  };

  const draw = (values) => {
    const chosen = new Set(many() ? split(input.value) : []);
    const shown = values.map((one) => ({ ...one, text: "byName" in input.dataset ? one.label : one.value })).filter((one) => !chosen.has(one.text));
    list.replaceChildren(
      ...shown.map((one, index) => {
        const option = document.createElement("li");
        option.id = `suggestion-${index}`;
        option.setAttribute("role", "option");
        option.setAttribute("aria-selected", "false");
        option.dataset.value = one.text;
        const label = document.createElement("span");
        label.textContent = one.label;
        option.append(label);
        if (one.count !== null) {
          const figure = document.createElement("span");
          figure.className = "caption";
          figure.textContent = one.count.toLocaleString(document.documentElement.lang);
          option.append(figure);
        }
        return option;
      }),
    );
    at = -1;
    input.removeAttribute("aria-activedescendant");
    list.hidden = !shown.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    input.after(list);
  };

  const ask = async () => {
    asking?.abort();
    asking = new AbortController();
    const asked = { field: input.dataset.field, name: input.dataset.name, q: begun() };
    if (input.dataset.suggest === "property") asked.field = "event_property";
    if (input.dataset.from) asked.property = document.getElementById(input.dataset.from).value;
    try {
      const answer = await fetch(`${form.dataset.suggestions}?${new URLSearchParams(asked)}`, { signal: asking.signal });
      if (answer.ok && document.activeElement === input) draw((await answer.json()).values);
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  };

  form.addEventListener("focusin", (event) => {
    if (!event.target.matches("[data-suggest]")) return;
    input = event.target;
    for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-controls", list.id], ["aria-expanded", "false"]]) input.setAttribute(name, value);
    input.after(list);
    ask();
  });
  form.addEventListener("focusout", (event) => {
    if (event.target !== input) return;
    if (many()) input.value = input.value.replace(/,\s*$/, "");
    close();
  });
  form.addEventListener("input", (event) => {
    if (event.target !== input) return;
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  });
  form.addEventListener("keydown", (event) => {
    if (event.target !== input || event.altKey || list.hidden) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      mark(at < 0 && step < 0 ? -1 : at + step);
    } else if (event.key === "Enter" && at >= 0) {
      event.preventDefault();
      pick(list.children[at]);
    } else if (event.key === "Escape") {
      event.stopPropagation();
      close();
    }
  });
  list.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    const option = event.target.closest("[role=option]");
    if (option) pick(option);
  });
};
