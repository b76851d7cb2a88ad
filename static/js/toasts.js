// One sentence that goes away after 8 seconds, and stays while it is focused or under the pointer.
// From a server answer: HX-Trigger: {"beckon:toast": {"text": "…", "href": "…", "action": "Resume"}}; with "form": "id" in
// place of the address, the action sends that form.
const STAY = 8000;
const region = document.querySelector("[data-toasts]");

const leave = (line) => {
  let timer = setTimeout(() => line.remove(), STAY);
  const hold = () => clearTimeout(timer);
  const release = () => {
    clearTimeout(timer);
    timer = setTimeout(() => line.remove(), STAY / 2);
  };
  for (const name of ["pointerenter", "focusin"]) line.addEventListener(name, hold);
  for (const name of ["pointerleave", "focusout"]) line.addEventListener(name, release);
};

const closer = (line) => {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "toast-close";
  button.setAttribute("aria-label", region.dataset.close);
  button.textContent = "×";
  button.addEventListener("click", () => line.remove());
  line.append(button);
};

const sender = (line, id, action) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = action;
  button.addEventListener("click", () => {
    line.remove();
    document.getElementById(id)?.requestSubmit();
  });
  line.append(button);
};

const say = ({ text, href, action, form }) => {
  const line = document.createElement("div");
  line.className = "toast-line";
  const words = document.createElement("span");
  words.textContent = text;
  line.append(words);
  if (href && action) {
    const link = document.createElement("a");
    link.href = href;
    link.textContent = action;
    line.append(link);
  } else if (form && action) sender(line, form, action);
  closer(line);
  region.append(line);
  leave(line);
};

if (region) {
  for (const line of region.querySelectorAll("[data-toast]")) {
    closer(line);
    leave(line);
  }
  document.addEventListener("beckon:toast", (event) => event.detail?.text && say(event.detail));
}
