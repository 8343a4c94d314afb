/** The texts of a page: a list in which each can be corrected. */

import { count, h, icon, iconButton, percent, sureness, toast } from "../dom.js";
import { choiceOf, isChanged } from "./decoded.js";
import { textEditor } from "../editor.js";

const HOW = "Choose a text to correct it.";
const NOTHING = "Nothing on this page looks like text. A sharper or larger picture may help.";

/** Shows the lines of one page. */
export class Lines {
  /**
   * @param {HTMLElement} root - is filled.
   * @param {object} on - `active` and `hover` are called with a line's number or null; `crop(line)` promises
   *     its picture as a canvas; `save(index, text)` stores a correction and throws ApiError.
   */
  constructor(root, on) {
    this.on = on;
    this.page = null;
    this.rows = new Map();
    this.open = null;
    this.editor = null;
    this.title = h("h2", {});
    this.order = h(
      "select",
      { id: "order", "aria-label": "Order", onchange: () => this.#fill() },
      h("option", { value: "page" }, "As on the page"),
      h("option", { value: "score" }, "Least sure first"),
    );
    this.copy = iconButton("copy", "Copy all texts", () => this.#copyAll());
    this.head = h("div", { class: "card-head" }, this.title, h("span", { class: "gap" }), this.order, this.copy);
    this.list = h("ol", { class: "lines", onkeydown: (event) => this.#move(event) });
    this.hint = h("p", { class: "soft hint" });
    root.append(this.head, this.hint, this.list);
  }

  /** Show placeholders while the server reads. */
  wait() {
    this.close();
    this.page = null;
    this.title.textContent = "Texts";
    this.#tools(false);
    this.list.replaceChildren(...Array.from({ length: 6 }, () => h("li", { class: "ghost", "aria-hidden": "true" })));
  }

  /** Show a page. */
  show(page) {
    this.close();
    this.page = page;
    this.title.textContent = page.lines.length ? count(page.lines.length, "line") : "No text found";
    this.#tools(page.lines.length > 0);
    this.#fill();
  }

  /** Open a line for correction. */
  async edit(index) {
    const line = this.page.lines[index];
    if (this.open === index) return;
    this.close();
    this.open = index;
    this.on.active(index);
    const picture = await this.on.crop(line);
    if (this.open !== index) return; // another one was chosen meanwhile
    this.editor = this.#editor(index, picture);
    const row = this.rows.get(index);
    row.replaceChildren(this.editor.element);
    row.scrollIntoView({ block: "nearest", behavior: "smooth" });
    this.editor.focus();
  }

  #editor(index, picture) {
    const page = this.page;
    const line = page.lines[index];
    return textEditor({
      label: "What the line says",
      text: line.draft ?? line.saved ?? line.text,
      picture,
      choice: (choose) => choiceOf(line, choose),
      save: async (text) => {
        await this.on.save(index, text);
        line.draft = null;
        if (this.page !== page) return; // another one was turned to meanwhile
        if (this.open === index) this.#shut();
        else this.rows.get(index).replaceChildren(this.#button(index));
        if (this.open === null) this.#focusAfter(index);
      },
      cancel: () => {
        line.draft = null;
        this.#shut();
        this.rows.get(index).querySelector("button").focus();
      },
    });
  }

  /** Close the line that is open; what was typed and not saved is kept as its draft. */
  close() {
    if (this.open === null) return;
    const line = this.page.lines[this.open];
    const typed = this.editor?.text() ?? null;
    if (typed !== null) line.draft = typed === (line.saved ?? line.text) ? null : typed;
    this.#shut();
  }

  #shut() {
    const index = this.open;
    this.open = this.editor = null;
    this.rows.get(index)?.replaceChildren(this.#button(index));
    this.on.active(null);
  }

  /** Show which line is pointed at in the picture. */
  hover(index) {
    for (const [i, row] of this.rows) row.classList.toggle("hover", i === index);
  }

  #tools(shown) {
    this.order.hidden = this.copy.hidden = !shown;
    this.hint.textContent = shown ? HOW : this.page ? NOTHING : "";
  }

  #fill() {
    this.close();
    const order = this.page.lines.map((_, i) => i);
    if (this.order.value === "score") order.sort((a, b) => this.page.lines[a].score - this.page.lines[b].score);
    this.rows = new Map(order.map((index) => [index, this.#row(index)]));
    this.list.replaceChildren(...this.rows.values());
  }

  #row(index) {
    const enter = () => this.on.hover(index);
    const leave = () => this.on.hover(null);
    return h("li", { onpointerenter: enter, onpointerleave: leave }, this.#button(index));
  }

  #button(index) {
    const line = this.page.lines[index];
    const text = line.saved ?? line.text;
    const shown = h("span", { class: text ? "text" : "text empty", dir: "auto" }, text || "nothing read");
    const words = h("span", { class: "words" }, shown);
    if (text !== line.text) words.append(h("span", { class: "was" }, `read as ${line.text || "nothing"}`));
    if (isChanged(line)) words.append(h("span", { class: "was" }, `without the text model: ${line.decoded.raw || "nothing"}`));
    if (line.draft !== null) words.append(h("span", { class: "was draft" }, `not saved: ${line.draft}`));
    const attributes = { type: "button", class: "line", title: "Correct this text", onclick: () => this.edit(index) };
    return h("button", attributes, words, line.saved === null ? meter(line.score) : savedMark());
  }

  #focusAfter(index) {
    const order = [...this.rows.keys()];
    const next = order[order.indexOf(index) + 1] ?? index;
    this.rows.get(next).querySelector("button").focus();
  }

  #move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !event.target.matches("button.line")) return;
    event.preventDefault();
    const buttons = [...this.list.querySelectorAll("button.line")];
    buttons[buttons.indexOf(event.target) + step]?.focus();
  }

  async #copyAll() {
    const text = this.page.lines.map((line) => line.saved ?? line.text).join("\n");
    try {
      await navigator.clipboard.writeText(text);
      toast(`${count(this.page.lines.length, "line")} copied.`);
    } catch {
      toast("The browser did not allow to copy: it does so on https or localhost only.");
    }
  }
}

function meter(score) {
  const bar = h("span", { class: "fill" });
  bar.style.width = percent(score, 1).replace(" ", "");
  const words = h("span", { class: "number" }, percent(score), h("span", { class: "unseen" }, " sure"));
  const track = h("span", { class: "track", "aria-hidden": "true" }, bar);
  return h("span", { class: `meter ${sureness(score)}` }, words, track);
}

function savedMark() {
  return h("span", { class: "meter saved" }, h("span", { class: "number" }, icon("check"), " saved"));
}
