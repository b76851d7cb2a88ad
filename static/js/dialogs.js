// data-dialog="id" opens that <dialog>; data-dialog-close closes the one around it. Focus goes back to the opener.
// data-confirm="41220" on an input keeps its dialog's [data-confirmed] button off until exactly that is typed.
const openers = new WeakMap();

const confirmed = (input) => {
  const button = input.closest("dialog, form").querySelector("[data-confirmed]");
  const typed = input.value.replace(/[\s.,'’\u00a0\u202f]/g, "").toLowerCase();
  const asked = input.dataset.confirm.replace(/[\s.,'’\u00a0\u202f]/g, "").toLowerCase();
  button.setAttribute("aria-disabled", String(typed !== asked));
};

document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-dialog]");
  if (opener) {
    const dialog = document.getElementById(opener.dataset.dialog);
    if (!dialog || dialog.open) return;
    event.preventDefault();
    openers.set(dialog, opener);
    for (const input of dialog.querySelectorAll("[data-confirm]")) {
      input.value = "";
      confirmed(input);
    }
    dialog.showModal();
    return;
  }
  const closer = event.target.closest?.("[data-dialog-close]");
  if (closer) {
    event.preventDefault();
    closer.closest("dialog").close();
    return;
  }
  // A click on the backdrop is a click on the dialog itself, outside its box.
  if (event.target instanceof HTMLDialogElement && event.target.classList.contains("sheet")) {
    const box = event.target.getBoundingClientRect();
    if (event.clientY < box.top) event.target.close();
  }
});

document.addEventListener(
  "close",
  (event) => {
    const opener = openers.get(event.target);
    if (opener?.isConnected) opener.focus();
  },
  true,
);

document.addEventListener("input", (event) => {
  if (event.target.matches?.("[data-confirm]")) confirmed(event.target);
});

document.addEventListener(
  "click",
  (event) => {
    const button = event.target.closest?.('[aria-disabled="true"]');
    if (!button) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  },
  true,
);

document.addEventListener(
  "submit",
  (event) => {
    const off = event.target.querySelector('[data-confirmed][aria-disabled="true"]');
    if (!off) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  },
  true,
);
