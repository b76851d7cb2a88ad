// data-pictures="<field's id>" opens the dialog of pictures: upload one or choose one, and its address is in the field.
const dialog = document.getElementById("picture-dialog");
const place = dialog?.querySelector("[data-picture-choice]");
let field;
let from;

const load = async (address) => {
  try {
    const response = await fetch(address, { headers: { Accept: "text/html" } });
    if (!response.ok || response.redirected) throw new Error(`HTTP ${response.status}`);
    place.innerHTML = await response.text();
  } catch {
    place.textContent = place.dataset.failed;
  }
};

const take = (url) => {
  field.value = url;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new Event("change", { bubbles: true }));
  dialog.close();
};

const answered = async (form) => {
  const said = form.querySelector("[data-picture-said]");
  const tell = (text) => {
    said.textContent = text;
    said.classList.add("is-bad");
  };
  try {
    const response = await fetch(form.action, {
      method: "POST",
      body: new FormData(form),
      headers: { Accept: "application/json" },
      redirect: "manual",
    });
    const answer = await response.json();
    if (answer.url) take(answer.url);
    else tell(answer.errors.join(" "));
  } catch {
    tell(form.dataset.failed);
  }
};

if (dialog) {
  document.addEventListener("click", async (event) => {
    const opener = event.target.closest?.("[data-pictures]");
    if (!opener) return;
    event.preventDefault();
    field = document.getElementById(opener.dataset.pictures);
    from = new URL(opener.dataset.picturesFrom, location.href);
    await load(from);
    dialog.showModal();
    dialog.addEventListener("close", () => opener.focus(), { once: true });
  });

  dialog.addEventListener("click", (event) => {
    const picked = event.target.closest("[data-picture]");
    if (picked) take(picked.dataset.picture);
    const page = event.target.closest("[data-picture-page]");
    if (page) load(new URL(page.dataset.picturePage, from));
  });

  // In capture: what listens to every form's submit would say that the page is being left.
  dialog.addEventListener(
    "submit",
    async (event) => {
      const form = event.target.closest("[data-picture-upload]");
      if (!form) return;
      event.preventDefault();
      event.stopPropagation();
      const button = form.querySelector("[data-uploading]");
      if (button.getAttribute("aria-disabled") === "true") return;
      const words = button.querySelector("span");
      const usual = words.textContent;
      words.textContent = button.dataset.uploading;
      button.setAttribute("aria-disabled", "true");
      await answered(form);
      words.textContent = usual;
      button.removeAttribute("aria-disabled");
    },
    true,
  );
}
