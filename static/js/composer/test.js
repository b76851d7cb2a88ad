// "Send a test": what was typed is saved first, then the dialog asks for the devices.
document.addEventListener("click", async (event) => {
  if (!event.target.closest?.("[data-test]")) return;
  const waits = [];
  document.dispatchEvent(new CustomEvent("beckon:before-test", { detail: waits }));
  await Promise.all(waits);
  window.htmx.trigger("#test-part", "beckon:test");
});

// A dialog that the server opened, with what was wrong, is one that must be answered.
for (const dialog of document.querySelectorAll("dialog[open]")) {
  dialog.close();
  dialog.showModal();
}
