// Buttons with data-insert put a variable into the field that was written in last, at the caret. An
// emoji goes there too, where words go.
const TAKES = /^id_(title|body|url|action\d_(title|url)|(windows|mac|ios|android)_(title|body))$/;
const WORDS = /(title|body)$/;
let last = "id_body";

document.addEventListener("focusin", (event) => {
  if (!TAKES.test(event.target.id ?? "")) return;
  last = event.target.id;
  if (!WORDS.test(last)) return;
  for (const opener of document.querySelectorAll("[data-emoji]")) opener.dataset.emoji = last;
});

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-insert]");
  const field = button && (document.getElementById(last) ?? document.getElementById("id_body"));
  if (!field) return;
  const menu = button.closest("details[data-menu]");
  if (menu) menu.open = false;
  field.setRangeText(`{{ ${button.dataset.insert} }}`, field.selectionStart, field.selectionEnd, "end");
  field.focus();
  field.dispatchEvent(new Event("input", { bubbles: true }));
});
