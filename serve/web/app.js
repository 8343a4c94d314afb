/** Starts the page: tabs, theme, API key. */

import { keepKey, onKeyNeeded, storedKey } from "./api.js";
import { countCorrections, showCorrections, startCorrections } from "./loop/corrections.js";
import { byId, icon, toast } from "./dom.js";
import { showModels } from "./loop/models.js";
import { startReader } from "./read/reader.js";
import { hideRetrain, showRetrain, startRetrain } from "./loop/retrain.js";

const TABS = ["read", "corrections", "models"];
const ENTER = {
  corrections: () => (showCorrections(), showRetrain()),
  models: showModels,
};
const THEMES = { auto: "as the system", light: "light", dark: "dark" };

function showTab() {
  const named = location.hash.slice(1);
  const name = TABS.includes(named) ? named : TABS[0];
  for (const other of TABS) {
    const chosen = other === name;
    byId(`tab-${other}`).setAttribute("aria-selected", String(chosen));
    byId(`tab-${other}`).tabIndex = chosen ? 0 : -1;
    byId(`panel-${other}`).hidden = !chosen;
  }
  hideRetrain();
  ENTER[name]?.();
}

function startTabs() {
  for (const name of TABS) byId(`tab-${name}`).onclick = () => (location.hash = name);
  document.querySelector("[role=tablist]").onkeydown = (event) => {
    const now = TABS.findIndex((name) => event.target.id === `tab-${name}`);
    const next = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: TABS.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const name = TABS.at(next % TABS.length);
    byId(`tab-${name}`).focus();
    location.hash = name;
  };
  addEventListener("hashchange", showTab);
  showTab();
}

function startTheme() {
  const button = byId("theme-button");
  const root = document.documentElement;
  const draw = () => {
    const words = `Theme: ${THEMES[root.dataset.theme] ?? THEMES.auto}`;
    button.replaceChildren(icon(root.dataset.theme));
    button.setAttribute("aria-label", words);
    button.title = words;
  };
  button.onclick = () => {
    const names = Object.keys(THEMES);
    root.dataset.theme = names[(names.indexOf(root.dataset.theme) + 1) % names.length];
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      toast("This browser keeps nothing: the theme lasts as long as the page.");
    }
    draw();
  };
  draw();
}

function startKey() {
  const button = byId("key-button");
  button.replaceChildren(icon("key"));
  button.hidden = !storedKey();
  button.onclick = () => keyDialog("Requests from this tab carry a key.");
  onKeyNeeded(keyDialog);
}

/** Ask for the key; resolves to it, or to null. */
function keyDialog(message) {
  const dialog = byId("key-dialog");
  byId("key-message").textContent = message;
  byId("key-forget").hidden = !storedKey();
  byId("key").value = "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    const closed = () => {
      if (dialog.returnValue === "forget") keepKey(null);
      const key = dialog.returnValue === "save" ? byId("key").value : null;
      if (key) keepKey(key);
      byId("key-button").hidden = !storedKey();
      resolve(key);
    };
    dialog.addEventListener("close", closed, { once: true });
  });
}

startTheme();
startKey();
startCorrections();
startRetrain();
startReader(() => (location.hash = "read"));
startTabs();
countCorrections().catch(() => {}); // the tab itself says what is wrong
