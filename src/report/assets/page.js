// Puts the sections together and starts.

const parts = viewer();
const openByKey = (key) => {
  openTrial(parts, key);
  document.getElementById("watch").scrollIntoView({ block: "start" });
};

/** A section with its heading; also in the list at the top. */
function section(id, title, ...content) {
  document.getElementById("sections").append(el("a", { href: `#${id}` }, title));
  document.getElementById("main").append(el("section", { id }, el("h2", {}, title), content));
}

const names = report.runs.map((run) => run.name).join(" \u00b7 ");
document.title = `${names} \u2013 v1reel report`;
document.getElementById("title").textContent = names;
section(
  "result",
  report.runs.length > 1 ? "Results, compared" : "Result",
  originNotice(),
  heroes(),
  allTrials(openByKey),
  comparison(),
);
section("watch", "Watch", parts.node);
section(
  "scores",
  "Scores",
  el(
    "p",
    { class: "small" },
    "Choose a heading to sort. Below each score, small: that of the control, a reconstruction from shuffled neurons. Pixel r has controls of its own, beside it, and ceilings where they were made.",
  ),
  report.runs.map((run, index) => runScores(index, openByKey)),
);
section("curves", "Curves and tables", curves());
section(
  "made",
  "How it was made",
  provenance(),
  el("p", { class: "small" }, `Report written by v1reel ${report.version}.`),
);

const trials = report.mice.flatMap((mouse) => mouse.trials);
keys((by) => {
  const at = trials.findIndex((trial) => trial.key === open.key);
  openTrial(parts, trials[(at + by + trials.length) % trials.length].key);
});
theme.listeners.push(() => {
  for (const screen of open.screens) screen.show(clock.frame);
  for (const canvas of document.querySelectorAll(".strip canvas")) canvas.repaint();
});

/** Opens what the address names, `#mouse/trial` or `#mouse/trial/frame`. */
function follow() {
  const [mouse, trial, frame] = location.hash.slice(1).split("/");
  const key = `${mouse}/${trial}`;
  if (!findTrial(key)) return null;
  return openTrial(parts, key, frame === undefined ? undefined : Number(frame) || 0);
}
addEventListener("hashchange", follow);

/** What data files call, and what may be used from the console. */
const v1reel = {
  report,
  clock,
  store,
  open,
  openTrial: (key) => openTrial(parts, key),
  take: (key, data) => store.take(key, data),
};
globalThis.v1reel = v1reel;
(follow() ?? openTrial(parts, trials[0].key)).then(() => {
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) clock.play(true);
});
