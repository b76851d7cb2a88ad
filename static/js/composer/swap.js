// Another variant, language or person without another page: the form goes to the server with the pressed button, and
// the parts with data-swap come back. The focus goes to where one was, or to what was added.
const AFTER = { "add-variant": '.segment [aria-pressed="true"]', "remove-variant": "#add-variant", "remove-language": "#language-base" };

const focusOn = (button, id) => {
  const target =
    document.querySelector("#editor [data-focus]") ??
    document.querySelector(AFTER[button.value] ?? "none") ??
    (["see", "lacks", "find"].includes(button.name) ? document.querySelector("#seen summary") : null) ??
    (button.name === "language" || button.value === "add-language" || button.closest("[data-findings]") ? document.getElementById("id_title") : null) ??
    document.getElementById(id) ??
    document.getElementById("id_title");
  target?.focus();
};

const exchange = (made) => {
  for (const part of document.querySelectorAll("[data-swap]")) {
    const other = made.getElementById(part.id);
    if (!other) continue;
    const fresh = document.importNode(other, true);
    part.replaceWith(fresh);
    window.htmx?.process(fresh);
  }
  const step = document.querySelector("#stepper [aria-current] .caption");
  const line = made.querySelector("#stepper [aria-current] .caption");
  if (step && line) step.textContent = line.textContent;
};

const ask = async (form, button) => {
  const response = await fetch(form.action, { method: "POST", body: new FormData(form, button), headers: { Accept: "text/html" } });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  const made = new DOMParser().parseFromString(await response.text(), "text/html");
  if (!made.getElementById("editor")) throw new Error("Another page");
  return { made, address: response.redirected ? response.url : "" };
};

// `before` waits for what is being saved; `after` is told whether all of the form was taken.
export const swapping = (form, before, after) => {
  form.addEventListener("submit", async (event) => {
    const button = event.submitter;
    if (!button || !["go", "do", "language", "see", "find", "lacks"].includes(button.name)) return;
    event.preventDefault();
    if (form.dataset.swapping) return;
    form.dataset.swapping = "1";
    button.closest("dialog")?.close();
    for (const menu of document.querySelectorAll("details[data-menu][open]")) menu.open = false;
    const { id } = button;
    try {
      await before();
      const { made, address } = await ask(form, button);
      exchange(made);
      if (address && address !== location.href) history.pushState({}, "", address);
      focusOn(button, id);
      after(made);
    } catch {
      // The page as it would be without a script says what is wrong.
      delete form.dataset.swapping;
      form.append(Object.assign(document.createElement("input"), { type: "hidden", name: button.name, value: button.value }));
      form.submit();
    } finally {
      delete form.dataset.swapping;
    }
  });
  window.addEventListener("popstate", () => location.reload());
};
