// After "Send now": how long it can still be undone, counted down every second.
const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

const show = (place) => {
  const seconds = Math.ceil((Date.parse(place.dataset.leaves) - Date.now()) / 1000);
  place.textContent =
    seconds > 0 ? place.dataset.left.replace("{time}", clock(seconds)) : place.dataset.leaving;
};

const all = () => document.querySelectorAll("[data-leaves]").forEach(show);
all();
setInterval(all, 1000);
