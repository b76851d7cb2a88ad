// <details data-menu> closes on Escape, on a click elsewhere and when focus leaves; arrows walk its items.
const open = () => document.querySelectorAll("details[data-menu][open]");

const items = (menu) => [...menu.querySelectorAll(".menu-item")].filter((item) => item.offsetParent);

document.addEventListener("click", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("focusin", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("details[data-menu]");
  if (!menu) return;
  if (event.key === "Escape" && menu.open) {
    menu.open = false;
    menu.querySelector("summary").focus();
    event.stopPropagation();
    return;
  }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  event.preventDefault();
  menu.open = true;
  const all = items(menu);
  if (!all.length) return;
  const at = all.indexOf(document.activeElement);
  const step = event.key === "ArrowDown" ? 1 : -1;
  const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : (at + step + all.length) % all.length;
  all[next].focus();
});

// Tabs that are buttons: arrow keys, Home and End move between them and show their panel.
// <div role="tablist" data-tabs><button role="tab" aria-controls="id" aria-selected="true">…
const select = (tab) => {
  for (const other of tab.closest("[data-tabs]").querySelectorAll('[role="tab"]')) {
    const chosen = other === tab;
    other.setAttribute("aria-selected", String(chosen));
    other.tabIndex = chosen ? 0 : -1;
    const panel = document.getElementById(other.getAttribute("aria-controls"));
    if (panel) panel.hidden = !chosen;
  }
};

document.addEventListener("click", (event) => {
  const tab = event.target.closest?.('[data-tabs] [role="tab"]');
  if (tab) select(tab);
});

document.addEventListener("keydown", (event) => {
  const tab = event.target.closest?.('[data-tabs] [role="tab"]');
  if (!tab) return;
  const all = [...tab.closest("[data-tabs]").querySelectorAll('[role="tab"]')];
  const at = all.indexOf(tab);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  const next = all[(to + all.length) % all.length];
  select(next);
  next.focus();
});
