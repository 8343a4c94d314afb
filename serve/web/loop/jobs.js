/** One retraining: how far it is, and how the new model compares with the one that serves. */

import { count, h, moment, percent } from "../dom.js";

const STATES = { queued: "Waiting", running: "Training", finished: "Finished", failed: "Failed", stopped: "Stopped" };
export const UNDER_WAY = new Set(["queued", "running"]);
const FEW = 30;
const MEASURES = [
  ["exact_match", "lines without an error"],
  ["edit_similarity", "edit similarity"],
  ["cer", "character errors"],
];

/** Return the list item of a retraining; `promote(job, button, force)` puts its model to work, `cancel` ends it. */
export function jobCard(job, promote, cancel) {
  const head = h(
    "div",
    { class: "job-head" },
    h("span", { class: `chip ${job.state}` }, STATES[job.state] ?? job.state),
    h("span", { class: "soft" }, job.created ? moment(job.created) : job.id),
  );
  const parts = [head, h("p", { class: "soft" }, wish(job)), course(job)];
  if (job.scores) parts.push(comparison(job.scores));
  if (UNDER_WAY.has(job.state)) {
    const button = h("button", { type: "button", class: "small" }, "Cancel");
    button.onclick = () => confirm("Cancel this retraining?") && cancel(job, button);
    parts.push(button);
  } else if (job.can_promote) {
    const button = h("button", { type: "button", class: "primary" }, "Promote: let it serve");
    button.onclick = () => promote(job, button);
    parts.push(button);
  } else if (job.scores) {
    const button = h("button", { type: "button", class: "small" }, "Promote anyway");
    button.onclick = () => confirm(`${job.message}. Let it serve anyway?`) && promote(job, button, true);
    parts.push(button);
  }
  return h("li", { class: "job", "data-job": job.id }, parts);
}

function wish({ request = {}, lines }) {
  const trained = request.epochs && count(request.epochs, "epoch");
  const how = request.search ? `search for ${request.minutes} minutes` : trained;
  const learning = lines && `${lines.train} lines to learn, ${lines.val} to choose by, ${lines.test} held back`;
  return [how, request.technique, learning].filter(Boolean).join(" · ");
}

function course(job) {
  const message = h("p", { class: "message" }, job.message ?? "");
  if (!UNDER_WAY.has(job.state)) return message;
  const value = job.state === "running" ? job.progress : undefined;
  return h("div", {}, h("progress", { max: 1, value, "aria-label": "Progress of the retraining" }), message);
}

function comparison(scores) {
  const rows = [];
  for (const [key, words] of MEASURES) {
    if (scores.new[key] === undefined) continue;
    rows.push(
      h(
        "tr",
        {},
        h("th", { scope: "row" }, words),
        h("td", {}, percent(scores.serving[key], 1)),
        h("td", { class: scores.better ? "better" : "" }, percent(scores.new[key], 1)),
      ),
    );
  }
  const top = ["", "serving", "new"].map((word) => h("th", { scope: "col" }, word));
  const changes = `${scores.fixed} mended and ${scores.broken} broken of ${count(scores.held_back, "held-back line")}.`;
  const doubt = scores.held_back < FEW ? " With so few, this may be chance." : "";
  return h(
    "div",
    { class: "comparison" },
    h("table", {}, h("thead", {}, h("tr", {}, top)), h("tbody", {}, rows)),
    h("p", { class: "soft" }, changes + doubt),
    h("p", { class: "soft" }, before(scores)),
  );
}

function before({ general, kept }) {
  if (!general) return "What else it read before was not compared.";
  const changes = `${general.lost} lost and ${general.won} won of ${count(general.n, "general line")}`;
  return kept ? `${changes}: it reads what was read before.` : `${changes}: not shown to read as well as before.`;
}
