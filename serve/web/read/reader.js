/** The first tab: a file comes in, its reading is shown, lines are corrected. */

import { request } from "../api.js";
import { saveCorrection } from "../loop/corrections.js";
import { asPng, cropLine } from "./crop.js";
import { byId, count, duration, errorBox, toast } from "../dom.js";
import { Lines } from "./lines.js";
import { agree, ocrRequest, opened, pagesOf, release } from "./pages.js";
import { Viewer } from "./viewer.js";

let viewer, lines;
let pages = [];
let shown = 0;
let running = null;
let local = null;

/** Make the tab work; `reveal()` brings it to the front. */
export function startReader(reveal) {
  viewer = new Viewer(byId("viewer"), { select: (i) => lines.edit(i), hover: (i) => hover(i), turn });
  lines = new Lines(byId("lines"), { active: (i) => viewer.mark(i, "active"), hover, crop, save });
  const take = (files) => {
    if (!files?.length) return;
    reveal();
    read(files[0]);
  };
  const input = byId("file");
  for (const id of ["choose", "choose-another"]) byId(id).onclick = () => input.click();
  input.onchange = () => {
    take([...input.files]);
    input.value = ""; // the same file once more is a change, too
  };
  document.addEventListener("paste", (event) => take(event.clipboardData?.files));
  acceptDrops(take);
}

function acceptDrops(take) {
  const veil = byId("veil");
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    veil.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) veil.hidden = true;
  });
  addEventListener("drop", (event) => {
    veil.hidden = true;
    if (!carries(event)) return;
    event.preventDefault();
    take(event.dataTransfer.files);
  });
}

async function read(file) {
  running?.abort();
  const mine = (running = new AbortController());
  begin(file);
  try {
    const { type, local: picture } = await opened(file);
    if (running !== mine) return;
    local = picture;
    viewer.preview(local);
    const { result, ms } = await ask(file, type, mine.signal);
    if (running === mine) await finish(result, ms);
  } catch (error) {
    if (running === mine) fail(file, error);
  }
}

function begin(file) {
  release();
  local = null;
  byId("drop").hidden = true;
  byId("result").hidden = false;
  byId("read-error").replaceChildren();
  byId("file-name").textContent = file.name || "Pasted picture";
  byId("summary").textContent = "Reading …";
  viewer.preview(null);
  viewer.busy(true);
  lines.wait();
}

/** Ask for the reading, and for the page's picture where the browser cannot show what the server saw. */
async function ask(file, type, signal) {
  const body = await ocrRequest(file, type, !local);
  const started = performance.now();
  const { result } = await request("ocr", { method: "POST", json: body, signal });
  const ms = performance.now() - started;
  if (!local || agree(local, result.dataInfo)) return { result, ms };
  local = null;
  const again = await request("ocr", { method: "POST", json: { ...body, visualize: true }, signal });
  return { result: again.result, ms };
}

async function finish(result, ms) {
  pages = pagesOf(result, local);
  viewer.busy(false);
  await show(0);
  const sum = (of) => pages.reduce((total, page) => total + of(page), 0);
  const [boxes, told, texts] = [sum((page) => page.boxes), sum((page) => page.told), sum((page) => page.lines.length)];
  const { width, height } = pages[0];
  const extent = pages.length > 1 ? count(pages.length, "page") : `${width} × ${height} pixels`;
  const amount = boxes > told ? `${told} of ${count(boxes, "line")}` : count(told, "line");
  const words = texts > told ? `, ${count(texts, "word")}` : "";
  const left = boxes > told ? " · the format leaves out the others" : "";
  byId("summary").textContent = `${amount}${words} in ${duration(ms)} · ${extent}${left}`;
}

function fail(file, error) {
  viewer.busy(false);
  byId("result").hidden = true;
  byId("drop").hidden = false;
  const again = error.passing ? () => read(file) : null;
  byId("read-error").replaceChildren(errorBox(`${file.name || "The picture"} was not read`, error, again));
}

async function show(index) {
  shown = index;
  await viewer.show(pages[index], index, pages.length);
  lines.show(pages[index]);
}

function turn(step) {
  show(shown + step);
}

function hover(index) {
  viewer.mark(index, "hover");
  lines.hover(index);
}

async function crop(line) {
  const { source, scale } = await pages[shown].picture();
  return cropLine(source, scale, line.cut, line.turned);
}

async function save(index, text) {
  const page = pages[shown];
  const line = page.lines[index];
  const total = await saveCorrection(await asPng(await crop(line)), text, line.text);
  line.saved = text.trim();
  if (pages[shown] === page) viewer.refresh(index);
  toast(`Saved. ${count(total, "correction")} so far.`);
}
