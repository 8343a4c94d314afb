/** Training on the corrections: the form, what is under way, and putting a new model to work. */

import { request } from "../api.js";
import { byId, count, errorBox, h, toast, versionOf } from "../dom.js";
import { UNDER_WAY, jobCard } from "./jobs.js";

const LEAST = 10;
const POLL_MS = 2000;
const TECHNIQUES = {
  "": "Automatic",
  frozen: "Frozen: only the last layers learn",
  discriminative: "Discriminative: early layers learn slowly",
  gradual: "Gradual: layers join one by one",
  full: "Full: all layers learn",
};

let form, problem, meter, serving, submit, timer, visible, counted;

/** Make the form. */
export function startRetrain() {
  meter = h("div", { class: "enough" });
  serving = h("p", { class: "serving" });
  problem = h("div", { role: "alert" });
  submit = h("button", { type: "submit", class: "primary" }, "Retrain");
  form = h("form", { class: "retrain", onsubmit: start }, settings(), problem, submit);
  byId("retrain").append(h("div", { class: "card-head" }, h("h2", {}, "Retrain")), meter, serving, form);
  form.elements.search.onchange = () => form.classList.toggle("searching", form.elements.search.checked);
  document.addEventListener("corrections", (event) => showCount(event.detail));
  document.addEventListener("models", (event) => showServing(event.detail));
}

/** Fetch the retrainings and look after them while the tab is shown; `hideRetrain` ends that. */
export function showRetrain() {
  visible = true;
  refresh();
}

/** Ask no more. */
export function hideRetrain() {
  visible = false;
  clearTimeout(timer);
}

/** Put the version before to work again; resolves to whether it worked. */
export async function rollBack(task, button) {
  const answer = await deploy("v1/models/rollback", { task }, button);
  if (answer) toast(`Rolled back: ${answer.name} serves again.`);
  return Boolean(answer);
}

function settings() {
  const technique = h("select", { name: "technique", id: "technique" });
  technique.append(...Object.entries(TECHNIQUES).map(([value, words]) => h("option", { value }, words)));
  const search = h("input", { type: "checkbox", name: "search", id: "search" });
  return h(
    "div",
    { class: "fields" },
    number("epochs", "Epochs", { value: 10, min: 1, max: 1000 }),
    number("batch_size", "Batch size", { value: 16, min: 1, max: 512 }),
    number("learning_rate", "Learning rate", { value: 0.0005, min: 0, max: 1, step: "any" }),
    h("div", { class: "field wide" }, h("label", { for: "technique" }, "Technique"), technique),
    h("label", { class: "check wide", for: "search" }, search, "Search for better settings than these"),
    number("minutes", "Minutes for the search", { value: 20, min: 1, max: 1440, class: "only-search" }),
  );
}

function number(name, label, { class: extra = "", ...limits }) {
  const field = h("input", { type: "number", name, id: name, required: true, inputmode: "decimal", ...limits });
  return h("div", { class: `field ${extra}` }, h("label", { for: name }, label), field);
}

function showCount(total) {
  if (total !== counted) problem.replaceChildren(); // what was refused may be right now
  counted = total;
  if (total >= LEAST) {
    const words = `${count(total, "correction")} to learn from. Some are held back to judge the new model, which serves once you promote it.`;
    meter.replaceChildren(h("p", { class: "soft" }, words));
    return;
  }
  const words = h("p", { class: "soft" }, `${total} of the ${LEAST} corrections that a retraining needs`);
  const bar = h("progress", { max: LEAST, value: total, "aria-label": "Corrections collected" });
  meter.replaceChildren(bar, words);
}

function showServing(models) {
  const model = models.find(({ task }) => task === "recognition");
  if (!model) return serving.replaceChildren();
  const back = h("button", { type: "button", class: "small" }, "Roll back");
  back.onclick = async () => (await rollBack("recognition", back)) && refresh();
  serving.replaceChildren(h("span", {}, "Serving ", h("code", {}, model.name), " ", versionOf(model)), back);
}

async function start(event) {
  event.preventDefault();
  submit.disabled = true;
  problem.replaceChildren();
  try {
    await request("api/retrain", { method: "POST", form: asked() });
    toast("The retraining has begun.");
    await refresh();
  } catch (error) {
    problem.replaceChildren(errorBox("Not started", error));
  }
  submit.disabled = false;
}

/** Return what was filled in; what is left to the server is left out. */
function asked() {
  const filled = new FormData(form);
  const searching = filled.get("search") !== null;
  filled.delete("search");
  if (searching) filled.append("search", "true");
  else filled.delete("minutes");
  if (!filled.get("technique")) filled.delete("technique");
  return filled;
}

async function refresh() {
  clearTimeout(timer);
  let again = false;
  try {
    const [{ result }, { models }] = await Promise.all([request("api/retrain"), request("v1/models")]);
    document.dispatchEvent(new CustomEvent("models", { detail: models }));
    showJobs(result.jobs);
    again = result.jobs.some((job) => UNDER_WAY.has(job.state));
  } catch (error) {
    byId("jobs").hidden = false;
    byId("jobs").replaceChildren(errorBox("The retrainings were not loaded", error, refresh));
    again = error.passing;
  }
  if (again && visible) timer = setTimeout(refresh, POLL_MS);
}

function showJobs(jobs) {
  const box = byId("jobs");
  box.hidden = !jobs.length;
  const focused = document.activeElement?.closest("[data-job]")?.dataset.job;
  const cards = jobs.map((job) => jobCard(job, promote, cancel));
  box.replaceChildren(h("div", { class: "card-head" }, h("h2", {}, "Retrainings")), h("ul", { class: "jobs" }, cards));
  if (focused) box.querySelector(`[data-job="${CSS.escape(focused)}"] button`)?.focus();
}

async function promote(job, button, force) {
  const answer = await deploy("v1/models/promote", { task: "recognition", job: job.id, ...(force && { force }) }, button);
  if (!answer) return;
  toast(`Promoted: version ${answer.version}, ${answer.name}, serves now.`);
  await refresh();
}

async function cancel(job, button) {
  button.disabled = true;
  try {
    await request(`api/retrain/${job.id}`, { method: "DELETE" });
  } catch (error) {
    toast(error.message);
  }
  await refresh();
}

async function deploy(path, json, button) {
  const words = button.textContent;
  button.disabled = true;
  button.textContent = "Replacing …";
  try {
    return (await request(path, { method: "POST", json })).result;
  } catch (error) {
    toast(error.message);
    return null;
  } finally {
    button.disabled = false;
    button.textContent = words;
  }
}
