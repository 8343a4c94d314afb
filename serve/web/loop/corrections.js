/** The collected corrections: pictures and texts that can be changed and removed. */

import { request, requestBlob } from "../api.js";
import { byId, count, errorBox, h, iconButton, moment, toast } from "../dom.js";
import { differences } from "../diff.js";
import { textEditor } from "../editor.js";

const PAGE = 48;
let list, title, more;
let offset = 0;

/** Make the list; `showCorrections` fills it. */
export function startCorrections() {
  title = h("h2", {}, "Collected");
  list = h("ul", { class: "collected" });
  more = h("button", { type: "button", hidden: true, onclick: () => load(offset) }, "Show more");
  byId("collected").append(h("div", { class: "card-head" }, title), list, more);
}

/** Store a line's picture with its text; return how many corrections there are. */
export async function saveCorrection(png, text, original) {
  const form = new FormData();
  form.append("image", png, "line.png");
  form.append("text", text);
  if (original !== null) form.append("original", original);
  const { result } = await request("corrections", { method: "POST", form });
  changed(result.count);
  return result.count;
}

/** Fetch the newest corrections and show them. */
export const showCorrections = () => load(0);

/** Fetch how many there are. */
export async function countCorrections() {
  changed((await request("corrections?limit=1")).result.count);
}

async function load(from) {
  try {
    const { result } = await request(`corrections?offset=${from}&limit=${PAGE}`);
    const items = result.items.map(row);
    if (from) list.append(...items);
    else list.replaceChildren(...(items.length ? items : [nothingYet()]));
    offset = from + items.length;
    more.hidden = offset >= result.count;
    changed(result.count);
  } catch (error) {
    list.replaceChildren(h("li", {}, errorBox("The corrections were not loaded", error, showCorrections)));
  }
}

function changed(total) {
  title.textContent = total ? count(total, "correction") : "Collected";
  const badge = byId("badge");
  badge.textContent = total;
  badge.hidden = !total;
  document.dispatchEvent(new CustomEvent("corrections", { detail: total }));
}

function nothingYet() {
  const go = h("a", { href: "#read" }, "Read a picture");
  const how = h("p", {}, go, ", choose a text, and correct it.");
  return h("li", { class: "nothing" }, h("strong", {}, "Nothing here yet"), how);
}

function row(item) {
  const picture = h("img", { class: "crop", alt: `Picture of the line ${item.text}` });
  const element = h("li", { class: "item" });
  requestBlob(`corrections/${item.id}/image`).then(
    (png) => {
      element.png = png;
      picture.onload = () => URL.revokeObjectURL(picture.src);
      picture.src = URL.createObjectURL(png);
    },
    () => picture.replaceWith(h("span", { class: "soft" }, "No picture")),
  );
  const onedit = () => edit(element, item, picture, still);
  const ondelete = () => remove(element, item);
  const still = () => element.replaceChildren(...face(item, picture, onedit, ondelete));
  still();
  return element;
}

function face(item, picture, onedit, ondelete) {
  const [was, now] = differences(item.original ?? item.text, item.text);
  const read = item.original !== null && item.original !== item.text;
  const before = read ? h("p", { class: "was" }, "read as ", h("span", { class: "text", dir: "auto" }, marked(was))) : null;
  const words = h("div", { class: "words" }, h("p", { class: "text", dir: "auto" }, read ? marked(now) : item.text), before);
  if (item.damaged) words.append(h("p", { class: "text empty" }, "The file of its text is damaged: correct it again, or delete it."));
  words.append(h("p", { class: "soft" }, moment(item.created)));
  const buttons = h(
    "div",
    { class: "group" },
    iconButton("edit", `Edit ${item.text}`, onedit),
    iconButton("bin", `Delete ${item.text}`, ondelete),
  );
  return [h("div", { class: "crop-frame" }, picture), words, buttons];
}

function marked(parts) {
  return parts.map(({ text, other }) => (other ? h("mark", {}, text) : text));
}

function edit(element, item, picture, still) {
  const shut = () => {
    still();
    element.querySelector("button").focus();
  };
  const editor = textEditor({
    label: "What the line says",
    text: item.text,
    picture,
    save: async (text) => {
      await saveCorrection(element.png, text, item.original);
      [item.text, item.damaged] = [text.trim(), null];
      shut();
      toast("Saved.");
    },
    cancel: shut,
  });
  element.replaceChildren(editor.element);
  editor.focus();
}

async function remove(element, item) {
  const near = element.nextElementSibling ?? element.previousElementSibling;
  try {
    const { result } = await request(`corrections/${item.id}`, { method: "DELETE" });
    element.remove();
    offset -= 1;
    if (result?.count !== undefined) changed(result.count);
    else await countCorrections();
    if (!list.children.length) list.append(nothingYet());
    near?.querySelector("button")?.focus();
    const undo = { label: "Undo", run: () => restore(element.png, item) };
    toast(`Deleted ${item.text || "it"}.`, item.damaged ? undefined : undo);
  } catch (error) {
    toast(`Not deleted: ${error.message}`);
  }
}

async function restore(png, item) {
  try {
    await saveCorrection(png, item.text, item.original);
    await showCorrections();
  } catch (error) {
    toast(`Not restored: ${error.message}`);
  }
}
