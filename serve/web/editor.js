/** A line's picture over a field for its text: Enter saves, Escape leaves it as it was. */

import { h } from "./dom.js";

/**
 * Return {element, text, focus}: `text()` is what stands in the field.
 *
 * @param {object} what - `label` and `text` of the field; `picture`, an element; `choice(choose)`, an
 *     element or null that offers texts to `choose(text)`; `save(text)`, async: what it
 *     throws is shown and the field stays open; `cancel()`.
 */
export function textEditor({ label, text, picture, choice, save, cancel }) {
  const field = h("input", {
    type: "text",
    class: "text",
    dir: "auto",
    "aria-label": label,
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    maxlength: "1000",
    required: true,
  });
  field.value = text;
  const problem = h("p", { class: "problem", role: "alert" });
  const keep = h("button", { type: "submit", class: "primary" }, "Save");
  const leave = h("button", { type: "button", onclick: cancel }, "Cancel");
  const onsubmit = async (event) => {
    event.preventDefault();
    keep.disabled = true;
    problem.textContent = "";
    try {
      await save(field.value);
    } catch (error) {
      problem.textContent = error.message;
      field.focus();
    }
    keep.disabled = false;
  };
  const onkeydown = (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    cancel();
  };
  picture.classList.add("crop");
  const frame = h("div", { class: "crop-frame" }, picture);
  const offered = choice?.((chosen) => ((field.value = chosen), field.focus())) ?? null;
  const element = h("form", { class: "editor", onsubmit, onkeydown }, frame, offered, field, problem);
  element.append(h("div", { class: "buttons" }, keep, leave));
  return {
    element,
    text: () => field.value,
    focus: () => {
      field.focus({ preventScroll: true });
      field.setSelectionRange(field.value.length, field.value.length);
    },
  };
}
