/** Elements, words for numbers, and messages. All text goes in as text, never as HTML. */

const SVG = "http://www.w3.org/2000/svg";

/** Return the element with that id. */
export const byId = (id) => document.getElementById(id);

/** Make an element: `h("button", { class: "primary", onclick: save }, "Save")`. */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** Make an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Return one of the symbols in index.html. */
export const icon = (name) =>
  svg("svg", { class: "glyph", "aria-hidden": "true" }, svg("use", { href: `#i-${name}` }));

/** Return a button with a picture, and words for those who do not see it. */
export const iconButton = (name, label, onclick, attributes = {}) =>
  h("button", { type: "button", class: "icon", "aria-label": label, title: label, onclick, ...attributes }, icon(name));

/** Return a share in [0, 1] as `98.2 %`. */
export function percent(share, digits = 0) {
  return `${(100 * share).toFixed(digits)} %`;
}

/** Return `412 ms` or `1.8 s`. */
export const duration = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

/** Return `1 line`, `3 lines`. */
export const count = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

/** Return an ISO 8601 time as this place writes it. */
export const moment = (iso) =>
  new Date(iso).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Return a version; hashes are cut to what a person compares. */
export function versionOf(model) {
  const version = String(model.version);
  return h("code", { title: version }, version.slice(0, 12));
}

/** Return how sure a reading is, as a class name; the number stands beside it, colour alone says nothing. */
export const sureness = (score) => (score >= 0.9 ? "sure" : score >= 0.7 ? "fair" : "unsure");

/** Return a box that says what went wrong, in the server's words. */
export function errorBox(title, error, again) {
  const code = error.status ? h("span", { class: "code" }, String(error.status)) : null;
  const retry = again ? h("button", { type: "button", onclick: again }, "Try again") : null;
  return h("div", { class: "error" }, h("strong", {}, title, " ", code), h("p", {}, error.message), retry);
}

let hiding = 0;

/** Show a short message at the lower edge; `action` is {label, run}. */
export function toast(message, action) {
  const box = byId("toast");
  const act = action && h("button", { type: "button", onclick: () => (hide(), action.run()) }, action.label);
  const hide = () => box.replaceChildren();
  clearTimeout(hiding);
  box.replaceChildren(h("div", {}, h("span", {}, message), act ?? null));
  hiding = setTimeout(hide, action ? 12000 : 4000);
}
