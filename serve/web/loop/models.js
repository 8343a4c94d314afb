/** The third tab: what serves, its scores, and how each replica chose to run it. */

import { request } from "../api.js";
import { byId, errorBox, h, moment, percent, versionOf } from "../dom.js";
import { rollBack } from "./retrain.js";

const SHARES = new Set(["exact_match", "edit_similarity", "cer", "precision", "recall", "hmean", "accuracy"]);
const NAMES = {
  provider: "Runs on",
  precision: "Precision",
  threads: "Threads a run",
  batch: "Images a batch",
  rows_per_s: "Images a second",
  buckets: "Widths",
};

/** Fetch and show the models. */
export async function showModels() {
  const box = byId("models");
  try {
    const { models } = await request("v1/models");
    box.replaceChildren(...models.map(card));
  } catch (error) {
    box.replaceChildren(errorBox("The models were not loaded", error, showModels));
  }
}

function card(model) {
  const facts = {
    Version: versionOf(model),
    Bundle: model.bundle ? h("code", {}, model.bundle) : "pretrained, as published",
    Made: model.created ? moment(model.created) : null,
    Characters: model.charset_size ? model.charset_size.toLocaleString() : null,
    ...Object.fromEntries(Object.entries(model.metrics ?? {}).map(([key, value]) => [plain(key), figure(key, value)])),
  };
  const { tried, ...tuning } = model.tuning ?? {};
  const chosen = Object.fromEntries(Object.entries(tuning).map(([key, v]) => [NAMES[key] ?? plain(key), value(v)]));
  const back = h("button", { type: "button", class: "small" }, "Roll back");
  back.onclick = async () => (await rollBack(model.task, back)) && showModels();
  const title = h("div", {}, h("p", { class: "soft" }, plain(model.task)), h("h2", {}, model.name));
  return h(
    "article",
    { class: "card" },
    h("div", { class: "card-head" }, title, h("span", { class: "gap" }), model.task === "recognition" ? back : null),
    table(facts),
    h("h3", {}, "Chosen at start-up"),
    table(chosen),
    tried && Object.keys(tried).length ? measured(tried) : null,
  );
}

function table(facts) {
  const known = Object.entries(facts).filter(([, what]) => what !== null && what !== undefined);
  return h("dl", {}, known.flatMap(([name, what]) => [h("dt", {}, name), h("dd", {}, what)]));
}

function measured(tried) {
  const best = Math.max(...Object.values(tried));
  const rows = Object.entries(tried).map(([what, rate]) => {
    const bar = h("span", { class: "fill" });
    bar.style.width = `${(100 * rate) / best}%`;
    const speed = h("td", {}, h("span", { class: "track", "aria-hidden": "true" }, bar), value(rate));
    return h("tr", {}, h("th", { scope: "row" }, named(what)), speed);
  });
  const top = h("tr", {}, h("th", { scope: "col" }, "Tried"), h("th", { scope: "col" }, "images a second"));
  const sheet = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Measured combinations" });
  sheet.append(h("table", {}, h("thead", {}, top), h("tbody", {}, rows)));
  return h("details", {}, h("summary", {}, "All that was measured"), sheet);
}

function figure(key, what) {
  return SHARES.has(key) && typeof what === "number" ? percent(what, 1) : value(what);
}

function value(what) {
  if (what === null || what === undefined) return null;
  if (typeof what === "number") return Number.isInteger(what) ? String(what) : what.toPrecision(3);
  if (Array.isArray(what)) return what.join(", ");
  if (typeof what === "object") {
    return Object.entries(what).map(([key, part]) => `${named(key)} ${value(part)}`).join("; ") || null;
  }
  return named(String(what));
}

function named(provider) {
  return provider.replace("ExecutionProvider", "");
}

function plain(key) {
  const words = key.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}
