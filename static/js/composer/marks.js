// What the server refused stands beside its field, once the person has left the field.
const left = new Set();
let refused = {};

const mark = (field, sentences) => {
  const box = document.getElementById(`div_${field.id}`);
  const id = `${field.id}_error`;
  box?.querySelector(".field-errors")?.remove();
  field.classList.toggle("is-invalid", sentences.length > 0);
  const described = (field.getAttribute("aria-describedby") ?? "").split(" ").filter((part) => part && part !== id);
  if (sentences.length) described.push(id);
  if (described.length) field.setAttribute("aria-describedby", described.join(" "));
  else field.removeAttribute("aria-describedby");
  if (!sentences.length) return;
  const error = document.createElement("div");
  error.id = id;
  error.className = "field-errors";
  error.append(...sentences.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
  field.after(error);
};

const marks = (form) => {
  for (const field of form.elements) {
    if (!field.name || field.type === "hidden" || !left.has(field.name)) continue;
    mark(field, refused[field.name] ?? []);
  }
};

export const answered = (form, errors) => {
  refused = errors;
  marks(form);
};

export const wasLeft = (form, name) => {
  left.add(name);
  marks(form);
};

// Another cell's fields were not left yet.
export const anew = () => {
  left.clear();
  refused = {};
};
