/** What a bundle's text model changed in a line, and why: a person may choose the other text. */

import { differences } from "../diff.js";
import { h } from "../dom.js";

/** Whether the text model reads a line otherwise than the network alone. */
export const isChanged = ({ text, decoded }) => decoded !== null && decoded.raw !== text;

/** Return both texts of a changed line as buttons that call `choose(text)`, and why it was changed; else null. */
export function choiceOf(line, choose) {
  if (!isChanged(line)) return null;
  const [was, now] = differences(line.decoded.raw, line.text);
  const offer = (parts, text, from) =>
    h("button", { type: "button", class: "offer", onclick: () => choose(text) }, marked(parts), h("span", {}, from));
  return h(
    "div",
    { class: "choice", role: "group", "aria-label": "Both texts" },
    offer(now, line.text, "with the text model"),
    offer(was, line.decoded.raw, "as the network reads it"),
    h("p", { class: "soft" }, reason(line.decoded)),
  );
}

function marked(parts) {
  const shown = parts.map(({ text, other }) => (other ? h("mark", {}, text) : text));
  return h("span", { class: "text", dir: "auto" }, ...(shown.length ? shown : ["nothing"]));
}

/** Say which rules only the text obeys, and by how much it is the better one. */
function reason({ rules, rawRules, margin }) {
  const gained = Object.keys(rules).filter((name) => rules[name] && !rawRules[name]);
  const why = gained.length ? `It obeys ${gained.join(" and ")}.` : "It is likelier by the texts that were learnt.";
  return margin === null ? why : `${why} It is ${margin.toFixed(1)} nats ahead of the next text.`;
}
