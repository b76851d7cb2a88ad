// The shop's own script: a cart in localStorage, and the few lines that talk to Beckon.

// Beckon loads asynchronously; calls before that are queued. This is the line that its docs give.
window.beckon = window.beckon || function () { (window.beckon.q = window.beckon.q || []).push(arguments); };

const kroner = (amount) => "kr\u00a0" + amount.toLocaleString("en-GB");

const cart = {
  read() {
    try {
      return JSON.parse(localStorage.getItem("cart")) || {};
    } catch {
      return {};
    }
  },
  write(items) {
    try {
      localStorage.setItem("cart", JSON.stringify(items));
    } catch {
      // A browser that keeps nothing: the cart lasts as long as the page.
    }
    count(items);
  },
};

function count(items) {
  const badge = document.querySelector("[data-cart-count]");
  const total = Object.values(items).reduce((sum, quantity) => sum + quantity, 0);
  badge.textContent = total;
  badge.hidden = !total;
}

async function products() {
  return (await fetch("/products.json")).json();
}

async function changed(items) {
  const known = await products();
  const value = Object.entries(items).reduce(
    (sum, [id, quantity]) => sum + known[id.split("|")[0]].price * quantity, 0);
  const quantity = Object.values(items).reduce((sum, each) => sum + each, 0);
  window.beckon("track", "cart_updated", { items: quantity, value, currency: "NOK" });
}

document.querySelectorAll("[data-buy]").forEach((form) => {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const items = cart.read();
    const id = form.dataset.buy + "|" + new FormData(form).get("size");
    items[id] = (items[id] || 0) + 1;
    cart.write(items);
    form.querySelector("[data-said]").textContent = "It is in your cart.";
    changed(items);
  });
});

function line(id, quantity, product) {
  const [slug, size] = id.split("|");
  const item = document.createElement("li");
  const art = document.createElement("span");
  art.className = "art";
  const image = Object.assign(new Image(), { src: product.art, alt: "", width: 84, height: 84 });
  art.append(image);
  const text = document.createElement("div");
  const link = Object.assign(document.createElement("a"), { href: "/products/" + slug, textContent: product.name });
  const detail = Object.assign(document.createElement("small"), { textContent: `${size} · ${quantity} × ${kroner(product.price)}` });
  const remove = Object.assign(document.createElement("button"), { type: "button", className: "link", textContent: "Take out" });
  remove.setAttribute("aria-label", "Take out " + product.name);
  remove.addEventListener("click", () => {
    const items = cart.read();
    delete items[id];
    cart.write(items);
    changed(items);
    draw();
  });
  text.append(link, detail, remove);
  const sum = Object.assign(document.createElement("span"), { className: "sum", textContent: kroner(product.price * quantity) });
  item.append(art, text, sum);
  return item;
}

const place = document.querySelector("[data-cart]");
const empty = place && place.innerHTML;

async function draw() {
  const items = Object.entries(cart.read());
  if (!items.length) {
    place.innerHTML = empty;
    return;
  }
  const known = await products();
  const list = Object.assign(document.createElement("ul"), { className: "cart-list" });
  list.append(...items.map(([id, quantity]) => line(id, quantity, known[id.split("|")[0]])));
  const sum = items.reduce((total, [id, quantity]) => total + known[id.split("|")[0]].price * quantity, 0);
  const total = Object.assign(document.createElement("p"), { className: "total" });
  total.append(
    Object.assign(document.createElement("span"), { textContent: "Together" }),
    Object.assign(document.createElement("span"), { textContent: kroner(sum) }));
  const row = Object.assign(document.createElement("p"), { className: "row" });
  const order = Object.assign(document.createElement("button"), { type: "button", className: "button", textContent: "Place the order" });
  order.addEventListener("click", () => {
    const bought = items.map(([id]) => id.split("|")[0]);
    window.beckon("track", "order_placed", { value: sum, currency: "NOK", products: bought });
    cart.write({});
    location.href = "/thanks";
  });
  row.append(order);
  place.replaceChildren(list, total, row);
}

if (place) draw();
count(cart.read());

// "Notify me": the card explains first, the browser asks only after a yes.
document.querySelectorAll("[data-notify]").forEach((button) => {
  button.addEventListener("click", () => {
    if (button.dataset.notify) window.beckon("tag", ["back-in-stock:" + button.dataset.notify]);
    window.beckon("prompt");
  });
});

const text = document.querySelector("[data-push-text]");
const asking = text.textContent;
const stop = document.querySelector("[data-stop]");

function show(subscribed) {
  text.textContent = subscribed ? "You hear from us on this device. Two or three short messages a week, not more." : asking;
  document.querySelector(".foot [data-notify]").hidden = subscribed;
  stop.hidden = !subscribed;
}

window.beckon("on", "subscribed", () => show(true));
window.beckon("on", "unsubscribed", () => show(false));
stop.addEventListener("click", () => window.beckon("unsubscribe"));
