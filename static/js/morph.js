// hx-ext="morph" hx-swap="morph": an answer changes in place what differs and touches nothing else. A button under the
// pointer stays the same button, an open menu stays open, the focus stays where it is.
//
// data-key: an element whose key differs is replaced as a whole. data-keep: an element that the answer leaves alone.
const OWN = new Set(["open", "aria-expanded"]);

const same = (old, made) =>
  old.nodeType === made.nodeType &&
  old.nodeName === made.nodeName &&
  (old.id ?? "") === (made.id ?? "") &&
  old.dataset?.key === made.dataset?.key;

const attributes = (old, made) => {
  for (const { name, value } of made.attributes) {
    if (!OWN.has(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!OWN.has(name) && !made.hasAttribute(name)) old.removeAttribute(name);
  }
};

const replace = (old, made, fresh) => {
  old.replaceWith(made);
  if (made.nodeType === Node.ELEMENT_NODE) fresh.push(made);
};

const morph = (old, made, fresh) => {
  if (!same(old, made)) return replace(old, made, fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== made.data) old.data = made.data;
    return;
  }
  if (old.hasAttribute("data-keep")) return;
  // Before its options are moved over.
  const chosen = old.nodeName === "SELECT" && !old.multiple ? made.value : undefined;
  attributes(old, made);
  const before = [...old.childNodes];
  const after = [...made.childNodes];
  after.forEach((child, index) => {
    if (index < before.length) return morph(before[index], child, fresh);
    old.append(child);
    if (child.nodeType === Node.ELEMENT_NODE) fresh.push(child);
  });
  for (const child of before.slice(after.length)) child.remove();
  // Of a select that somebody used, the browser no longer heeds which option is marked.
  if (chosen !== undefined) old.value = chosen;
};

window.htmx?.defineExtension("morph", {
  isInlineSwap: (style) => style === "morph",
  handleSwap(style, target, fragment, settling) {
    if (style !== "morph") return false;
    const made = fragment.firstElementChild;
    if (!made) return [];
    const fresh = [];
    morph(target, made, fresh);
    const now = target.isConnected ? target : made;
    settling.elts.push(now.querySelector("[data-title]") ?? now.querySelector("[data-speak]") ?? now.firstElementChild ?? now);
    return fresh;
  },
});
