// Conditions and groups are dragged by their handle, with a mouse, a pen or a finger. Escape puts them back.
const FAR = 5;
const EDGE = 60;
const NEAR = 16;

const slot = (x, y, dragged) => {
  const near = document.elementFromPoint(x, y)?.closest("[data-items], fieldset[id]");
  // Beside a group near its upper edge, else in it.
  const beside = near?.matches("[data-item]") && y - near.getBoundingClientRect().top < NEAR;
  let list = near?.matches("[data-items]") ? near : beside ? near.parentElement : near?.querySelector("[data-items]");
  if (list && dragged.contains(list)) list = dragged.parentElement;
  if (!list) return null;
  const items = [...list.children].filter((one) => one !== dragged && one.matches("[data-item]"));
  const before = items.find((one) => {
    const box = one.getBoundingClientRect();
    return y < box.top + box.height / 2;
  });
  return { list, before, index: before ? items.indexOf(before) : items.length };
};

export const drag = (form, act) => {
  let held;
  let dragged = false;

  const end = () => {
    held?.item.classList.remove("is-dragged");
    held?.line.remove();
    held = undefined;
  };

  const move = (event) => {
    if (!held) return;
    if (!held.moving) {
      if (Math.hypot(event.clientX - held.x, event.clientY - held.y) < FAR) return;
      held.moving = true;
      held.item.classList.add("is-dragged");
      held.handle.closest("details").open = false;
    }
    if (event.clientY < EDGE) window.scrollBy(0, -12);
    if (event.clientY > window.innerHeight - EDGE) window.scrollBy(0, 12);
    held.at = slot(event.clientX, event.clientY, held.item);
    if (held.at) held.at.list.insertBefore(held.line, held.at.before ?? null);
    else held.line.remove();
  };

  form.addEventListener("pointerdown", (event) => {
    const handle = event.target.closest("[data-drag]");
    if (!handle || event.button !== 0) return;
    const line = document.createElement("div");
    line.className = "builder-drop";
    held = { handle, line, item: handle.closest("[data-item]"), x: event.clientX, y: event.clientY };
    handle.setPointerCapture(event.pointerId);
  });

  form.addEventListener("pointermove", move);
  form.addEventListener("pointercancel", end);
  form.addEventListener("pointerup", () => {
    const done = held;
    end();
    if (!done?.moving) return;
    dragged = true;
    setTimeout(() => (dragged = false), 0);
    if (done.at) act(`place ${done.item.dataset.item} ${done.at.list.dataset.items} ${done.at.index}`);
  });
  // The click that ends a drag must not open the menu.
  form.addEventListener("click", (event) => dragged && event.preventDefault(), true);
  document.addEventListener("keydown", (event) => event.key === "Escape" && end());
};
