// Runs before the first paint, so that a chosen theme does not flash; the rest is in app.js.
try {
  document.documentElement.dataset.theme = localStorage.getItem("theme") || "auto";
} catch {
  document.documentElement.dataset.theme = "auto"; // no storage: the system's choice
}
