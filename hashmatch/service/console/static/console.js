// Keys of the console: everything here can be done without it, too.
"use strict";

const root = document.documentElement;

function isWriting(target) {
  return target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]") !== null;
}

function press(button) {
  const needed = button.dataset.needs && document.getElementById(button.dataset.needs);
  if (needed && !needed.value.trim()) {
    // What the reason is for: Ctrl+Enter in it then does that.
    needed.dataset.pending = button.value;
    needed.focus();
    return;
  }
  // A decision takes two presses: the first only goes to its button.
  const isSure = !("twice" in button.dataset) || document.activeElement === button;
  button.focus();
  if (isSure) button.click();
}

function moveInRows(step) {
  const rows = [...document.querySelectorAll("a.row")];
  if (!rows.length) return;
  const at = rows.findIndex((one) => one.closest("[data-row]").contains(document.activeElement));
  const next = at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step));
  rows[next].focus();
}

document.addEventListener("keydown", (event) => {
  const menu = document.querySelector("details.who[open]");
  if (event.key === "Escape" && menu) menu.open = false;
  if (event.key === "Escape" && isWriting(event.target)) {
    event.target.blur();
    return;
  }
  if (event.key === "Enter" && event.ctrlKey && event.target.dataset.pending) {
    const pending = CSS.escape(event.target.dataset.pending);
    const button = event.target.form.querySelector(`button[value="${pending}"]`);
    if (button && event.target.value.trim()) button.click();
    return;
  }
  if (!root.hasAttribute("data-keys") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isWriting(event.target) || document.querySelector("dialog[open]")) return;
  if (event.key === "?") {
    const keys = document.getElementById("keys");
    if (keys) keys.showModal();
  } else if (event.key === "j" || event.key === "k") {
    moveInRows(event.key === "j" ? 1 : -1);
  } else {
    const focused = document.querySelector(`[data-focus-key="${CSS.escape(event.key)}"]`);
    const button = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (focused) focused.focus();
    else if (button) press(button);
    else return;
  }
  event.preventDefault();
});

document.addEventListener("click", (event) => {
  const menu = document.querySelector("details.who[open]");
  if (menu && !menu.contains(event.target)) menu.open = false;
});

// All rows are chosen, or none.
document.addEventListener("change", (event) => {
  if (event.target.id !== "choose-all") return;
  for (const one of document.querySelectorAll("input[type=checkbox][name^='case-']")) {
    one.checked = event.target.checked;
  }
});

// A form is sent once, however often it is clicked.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "get" || form.method === "dialog") return;
  if (form.dataset.sent && Date.now() - Number(form.dataset.sent) < 5000) event.preventDefault();
  form.dataset.sent = String(Date.now());
});

// What is saved is what the filter says now, whether or not it was applied.
document.addEventListener("submit", (event) => {
  const filter = document.getElementById("filter");
  if (event.target.id !== "save" || !filter) return;
  for (const one of filter.elements) {
    if (!one.name) continue;
    const own = event.target.elements[one.name] || document.createElement("input");
    own.type = "hidden";
    own.name = one.name;
    own.value = one.value;
    event.target.append(own);
  }
});

// Pages that the browser kept may be sent again.
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

// A reason that was asked for may not be empty for the buttons that need it alone.
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[name=action]");
  if (!button || !button.form) return;
  const note = button.form.querySelector("#note");
  if (note) note.required = Boolean(button.dataset.needs);
});
