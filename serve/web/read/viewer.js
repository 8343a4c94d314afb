/** The picture with the boxes over it. The list beside it is the way for keyboards; this one is for pointers. */

import { h, iconButton, percent, sureness, svg } from "../dom.js";

const ZOOMS = [1, 1.5, 2, 3, 4, 6];
const LARGEST = 4; // times, of a small picture that is made to fit

/** Shows one page at a time. */
export class Viewer {
  /**
   * @param {HTMLElement} root - is filled.
   * @param {object} on - called with a line's number: `select` at a click; `hover` too, or with null.
   *     `turn` is called with -1 or 1 for another page.
   */
  constructor(root, on) {
    this.on = on;
    this.zoom = 0;
    this.page = null;
    this.polygons = [];
    this.image = h("img", { alt: "" });
    this.overlay = svg("svg", { class: "overlay", "aria-hidden": "true" });
    this.paper = h("div", { class: "paper" }, this.image, this.overlay);
    this.stage = h("div", { class: "stage", tabindex: "0", role: "region", "aria-label": "Picture" }, this.paper);
    this.progress = h("div", { class: "working", hidden: true });
    root.append(this.#bar(), this.progress, this.stage);
    new ResizeObserver(() => this.#fit()).observe(root);
  }

  #bar() {
    this.back = iconButton("left", "Page before", () => this.on.turn(-1));
    this.next = iconButton("right", "Next page", () => this.on.turn(1));
    this.where = h("span", {});
    this.pager = h("div", { class: "group", hidden: true }, this.back, this.where, this.next);
    this.out = iconButton("minus", "Smaller", () => this.#zoomBy(-1));
    this.in = iconButton("plus", "Larger", () => this.#zoomBy(1));
    this.level = h("span", { class: "level" });
    this.toggle = iconButton("boxes", "Show boxes", () => this.#showBoxes(), { "aria-pressed": "true" });
    const zooms = h("div", { class: "group" }, this.out, this.level, this.in);
    return h("div", { class: "viewer-bar" }, this.pager, h("span", { class: "gap" }), this.toggle, zooms);
  }

  /** Show a picture before anything is known of it, or nothing. */
  preview(local) {
    this.page = local && { width: local.source.width, height: local.source.height, lines: [] };
    this.image.src = local ? local.url : "";
    this.paper.hidden = !local;
    this.polygons = [];
    this.overlay.replaceChildren();
    this.pager.hidden = true;
    this.#setZoom(0);
  }

  /** Say whether the server is at work. */
  busy(state) {
    this.progress.hidden = !state;
  }

  /** Show a page, the `index`th of `total`. */
  async show(page, index, total) {
    this.page = page;
    this.image.src = (await page.picture()).url;
    this.image.alt = `Page ${index + 1} of ${total}`;
    this.paper.hidden = false;
    this.overlay.setAttribute("viewBox", `0 0 ${page.width} ${page.height}`);
    this.polygons = page.lines.map((line, i) => this.#polygon(line, i));
    this.overlay.replaceChildren(...this.polygons);
    this.pager.hidden = total === 1;
    this.where.textContent = `${index + 1} / ${total}`;
    this.back.disabled = index === 0;
    this.next.disabled = index === total - 1;
    this.#setZoom(0);
  }

  /** Mark a line as the one that is worked on (`active`) or pointed at (`hover`); null for none. */
  mark(index, how) {
    this.polygons.forEach((polygon, i) => polygon.classList.toggle(how, i === index));
    if (how === "active" && index !== null) this.#reveal(this.page.lines[index].quad);
  }

  /** Draw a line anew after it was corrected. */
  refresh(index) {
    const line = this.page.lines[index];
    this.polygons[index].setAttribute("class", line.saved === null ? sureness(line.score) : "saved");
  }

  #polygon(line, index) {
    const label = svg("title", {}, `${line.text} (${percent(line.score)})`);
    return svg(
      "polygon",
      {
        points: line.quad.map((corner) => corner.join(",")).join(" "),
        class: line.saved === null ? sureness(line.score) : "saved",
        onclick: () => this.on.select(index),
        onpointerenter: () => this.on.hover(index),
        onpointerleave: () => this.on.hover(null),
      },
      label,
    );
  }

  #showBoxes() {
    const shown = this.toggle.getAttribute("aria-pressed") !== "true";
    this.toggle.setAttribute("aria-pressed", String(shown));
    this.overlay.classList.toggle("off", !shown);
  }

  #zoomBy(step) {
    this.#setZoom(Math.min(ZOOMS.length - 1, Math.max(0, this.zoom + step)));
  }

  #setZoom(zoom) {
    this.zoom = zoom;
    this.level.textContent = zoom ? `${ZOOMS[zoom]}×` : "Fit";
    this.out.disabled = zoom === 0;
    this.in.disabled = zoom === ZOOMS.length - 1;
    this.#fit();
  }

  /** Give the paper its width in pixels: all of it is seen at the smallest zoom. */
  #fit() {
    if (!this.page) return;
    const limit = parseFloat(getComputedStyle(this.stage).maxHeight); // none where the layout gives the height
    const room = this.stage.clientWidth;
    const highest = limit || this.stage.clientHeight;
    const { width, height } = this.page;
    const fitting = Math.min(room, (highest * width) / height, LARGEST * width);
    this.paper.style.width = `${Math.floor(fitting * ZOOMS[this.zoom])}px`;
  }

  #reveal(quad) {
    if (!this.zoom) return;
    const scale = this.paper.clientWidth / this.page.width;
    const middle = (axis) => (scale * (quad[0][axis] + quad[2][axis])) / 2;
    const left = middle(0) - this.stage.clientWidth / 2;
    this.stage.scrollTo({ left, top: middle(1) - this.stage.clientHeight / 2, behavior: "smooth" });
  }
}
