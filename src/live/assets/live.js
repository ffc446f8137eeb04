// The live view: asks the run how it stands, shows the movie as it forms, keeps what is done.

/** Where this script came from: the page's own address, with its secret. */
const home = new URL(".", document.currentScript.src);
/** Milliseconds between two questions: watched, in a tab that is not seen, after the run fell silent. */
const pause = { seen: 1000, hidden: 5000, silent: 5000 };
const SIGNAL_LOST = 3;

const view = {
  /** What is shown: "now", or the number of a trial that is done. */
  chosen: "now",
  scene: null,
  movie: null,
  /** Texts of the trials that are done, by their number: they outlive the run. */
  done: new Map(),
  state: null,
  failures: 0,
  ended: false,
  held: false,
  screens: [],
  strips: null,
};
clock.listeners.add((frame) => {
  for (const screen of view.screens) screen.show(frame);
  view.strips?.show(frame);
});

async function ask(path) {
  const answer = await fetch(new URL(path, home), { cache: "no-store" });
  if (answer.status === 204) return null;
  if (!answer.ok) throw new Error(`${path.split("/")[0]}: ${answer.status}`);
  return answer.json();
}

/** `2 h 5 min`, `12 min`, `40 s`. */
function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const words = {
  recorded: "reconstruction",
  shuffled_neurons: "control: shuffled neurons",
  time_shifted: "control: time-shifted",
  predicted: "from predicted responses",
  averaged: "from averaged responses",
  held_out_neurons: "from half of the neurons",
};
const called = (label) => words[label] ?? label;
const named = ({ mouse, trial }) => `mouse ${mouse}, trial ${trial}`;

/** The page's frame. */
const parts = {
  status: el("p", { class: "status", role: "status" }, "Waiting for the first iteration."),
  progress: el("progress", { max: 1, value: 0, "aria-label": "Movie in work" }),
  left: el("p", { class: "small" }),
  choice: el("div", { class: "trials", role: "group", "aria-label": "Movies" }),
  heading: el("p", { class: "small shown" }),
  movies: el("div", { class: "movies" }),
  strips: el("div", { class: "traces" }),
  charts: el("div", { class: "charts three" }),
};
const { bar } = player();
document.getElementById("main").append(
  el("section", { class: "work", "aria-label": "Progress" }, parts.status, parts.progress, parts.left),
  el(
    "section",
    { "aria-label": "Movies" },
    el(
      "div",
      { class: "viewer" },
      el("div", { class: "choice" }, parts.choice),
      parts.heading,
      el("div", { class: "stage" }, parts.movies, parts.strips),
      bar,
    ),
  ),
  el("section", { "aria-label": "Curves" }, parts.charts),
);
keys(() => {});
theme.listeners.push(() => clock.seek(clock.frame));
// What is being dragged is not replaced under the hand.
addEventListener("pointerdown", () => (view.held = true));
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => (view.held = false));

/** The number of the movie in work: after its last iteration it is done, and stays until the next one begins. */
function number({ now, done, done_count }) {
  const last = done.at(-1);
  const same = last && ["mouse", "trial", "label"].every((key) => last[key] === now[key]);
  return same ? done_count : done_count + 1;
}

/** Tells how the run stands. */
function tell() {
  const { state } = view;
  document.title = `${state.name} \u2013 v1reel live`;
  document.getElementById("title").textContent = state.name;
  const { now } = state;
  const [phase, why] = state.phase;
  const of = `${state.done_count} of ${count(state.planned, "reconstruction", "reconstructions")} done`;
  const texts = {
    running: now
      ? `Reconstruction ${number(state)} of ${state.planned}: ${named(now)}, ` +
        `${called(now.label)}${now.movies > 1 ? `, member ${now.movie + 1} of ${now.movies}` : ""}, ` +
        `iteration ${now.step} of ${now.steps}`
      : "Waiting for the first iteration.",
    done: `The run is done: ${of}. This page keeps what it shows.`,
    interrupted: `The run was interrupted: ${of}. The same command goes on.`,
    failed: `The run failed: ${why}`,
  };
  view.ended = phase !== "running";
  const silent = view.failures >= SIGNAL_LOST && !view.ended;
  parts.status.textContent = silent
    ? "v1reel does not answer any more: it was ended, or the way to it is cut. This page keeps what it shows."
    : texts[phase];
  parts.status.classList.toggle("note", silent || phase === "failed" || phase === "interrupted");
  parts.progress.hidden = view.ended || !now;
  if (now) parts.progress.value = now.step / now.steps;
  const left = now && now.seconds_left !== null && !view.ended && !silent;
  parts.left.textContent = left
    ? `About ${duration(now.seconds_left)} left for this movie, ` +
      `${duration(now.seconds_left_in_all)} for all.`
    : "";
  listMovies(now);
}

function listMovies(now) {
  const button = (value, title, below, ready) =>
    el(
      "button",
      {
        type: "button",
        "aria-pressed": String(view.chosen === value),
        disabled: !ready,
        onclick: () => choose(value),
      },
      title,
      el("small", {}, below),
    );
  const r = view.movie ? `r ${decimals(view.movie.pixel_correlation)}` : "forming";
  const list = [];
  if (now && !view.ended) list.push(button("now", `trial ${now.trial}, now`, r, true));
  for (const trial of [...view.state.done].reverse()) {
    const control = trial.label === "recorded" ? "" : ` \u00b7 ${called(trial.label)}`;
    const mouse = new Set(view.state.done.map((trial) => trial.mouse)).size > 1 ? `${trial.mouse}, ` : "";
    const below = `r ${decimals(trial.pixel_correlation)}${control}`;
    list.push(button(trial.id, `${mouse}trial ${trial.trial}`, below, view.done.has(trial.id)));
  }
  // Rebuilt only when something changed: the focus stays where it is.
  const text = list.map((button) => button.outerHTML).join("");
  if (text === parts.choice.dataset.shown) return;
  parts.choice.dataset.shown = text;
  const focused = [...parts.choice.children].indexOf(document.activeElement);
  parts.choice.replaceChildren(...list);
  if (focused >= 0) parts.choice.children[Math.min(focused, list.length - 1)]?.focus();
}

function choose(value) {
  view.chosen = value;
  listMovies(view.state.now);
  return show();
}

/** Shows what is chosen. */
async function show() {
  const { chosen } = view;
  if (chosen === "now") {
    if (view.scene && view.movie?.scene === view.scene.scene) await showForming(view.scene, view.movie);
    return;
  }
  const data = view.done.get(chosen);
  const trial = view.state.done.find(({ id }) => id === chosen) ?? view.shownTrial;
  if (!data || !trial) return;
  view.shownTrial = trial;
  const size = [data.height, data.width];
  const [truth, run] = [await unpack(data.truth, ...size), await unpackResult(data.runs[0], size)];
  if (view.chosen !== chosen) return;
  const shown = [{ run, index: 0 }];
  const list = stripList(data, shown, { scored: [{}] });
  put({ data, truth, shown, list, name: `${named(trial)}, ${called(trial.label)}`, state: "done" });
  parts.charts.replaceChildren(lossChart(shown));
}

async function unpackResult(run, size) {
  const [reconstruction, recorded, predicted] = await Promise.all([
    unpack(run.reconstruction, ...size),
    bytes(run.population.recorded_picture),
    bytes(run.population.predicted_picture),
  ]);
  return { ...run, reconstruction, control: null, mask: plainBytes(run.mask), recorded, predicted };
}

async function showForming(scene, movie) {
  const size = [scene.height, scene.width];
  scene.unpacked ??= unpack(scene.truth, ...size);
  const [truth, reconstruction] = [await scene.unpacked, await unpack(movie.reconstruction, ...size)];
  if (view.chosen !== "now" || view.scene !== scene || view.held) return;
  const shown = [{ run: { ...movie, control: null, mask: plainBytes(scene.mask), reconstruction }, index: 0 }];
  const behavior = scene.behavior.map(({ name, values }) => ({
    name,
    help: "As recorded",
    lines: [{ label: "", values, color: "var(--behavior)" }],
  }));
  const activity = {
    name: "mean activity",
    help: "Mean response of all neurons, as recorded",
    zero: true,
    lines: [{ label: "recorded", values: scene.mean_response, color: "var(--ink)" }],
  };
  const state = `after ${count(movie.step, "iteration", "iterations")}: r ${decimals(movie.pixel_correlation, 3)}`;
  const list = [correlationStrip(shown), ...behavior, activity];
  put({ data: scene, truth, shown, list, name: `${named(scene)}, ${called(scene.label)}`, state });
  const line = (values, x) => [{ x, y: values, color: runColor(0), label: "" }];
  const iterations = movie.losses.map((_, at) => at + 1);
  const [steps, scores] = [0, 1].map((part) => movie.course.map((point) => point[part]));
  parts.charts.replaceChildren(
    ...[
      chart({ title: "Pixel correlation", x: "iteration", y: "r", lines: line(scores, steps) }),
      movie.losses.length > 0 &&
        chart({ title: "Loss", x: "iteration", y: "Poisson loss", lines: line(movie.losses, iterations) }),
      movie.losses.length > 0 &&
        chart({
          title: "Predicted and recorded responses",
          x: "iteration",
          y: "correlation",
          lines: line(movie.response_correlations, iterations),
        }),
    ].filter(Boolean),
  );
}

/** Puts movies and strips on the page, and keeps the clock where it was. */
function put({ data, truth, shown, list, name, state }) {
  parts.heading.textContent = `${name[0].toUpperCase()}${name.slice(1)} \u2013 ${state}`;
  parts.movies.style.setProperty("--ratio", data.width / data.height);
  view.screens = movieScreens(truth, shown, [data.height, data.width], `of ${name}`, { masks: [null] });
  parts.movies.replaceChildren(...view.screens.map((screen) => screen.node));
  const { first, end } = shown[0].run.reconstruction;
  view.strips = strips({ frames: data.frames, first, end, rate: data.frame_rate_hz, list });
  parts.strips.replaceChildren(view.strips.node);
  clock.range(first, end, data.frame_rate_hz);
  if (!view.started) {
    view.started = true;
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) clock.play(true);
  }
}

/** Fetches the trials that became done; they are shown from here, also when the run is gone. */
async function fetchDone() {
  for (const { id, ready } of view.state.done) {
    if (ready && !view.done.has(id)) view.done.set(id, await ask(`done/${id}`));
  }
}

/** Asks once; says whether anything is left to ask. */
async function turn() {
  view.state = await ask("state");
  const ended = view.state.phase[0] !== "running";
  if (!document.hidden || ended) {
    const movie = await ask(`movie/${view.movie?.look ?? 0}`);
    if (movie) {
      if (view.scene?.scene !== movie.scene) view.scene = await ask(`scene/${movie.scene}`);
      view.movie = movie;
      await show();
    }
  }
  tell();
  await fetchDone();
  tell();
  if (ended && view.chosen === "now" && view.done.size > 0) choose([...view.done.keys()].pop());
  // The last one may still be on its way from the run.
  return !ended || view.state.done.some(({ id, shown }) => shown && !view.done.has(id));
}

async function follow() {
  for (;;) {
    let wait = document.hidden ? pause.hidden : pause.seen;
    try {
      const more = await turn();
      view.failures = 0;
      if (!more) return;
      if (view.ended) wait = 100;
    } catch (problem) {
      // A movie may have changed between two questions; only silence that lasts means something.
      view.failures += 1;
      if (view.state) tell();
      if (view.failures >= SIGNAL_LOST) wait = pause.silent;
    }
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, wait);
      document.addEventListener("visibilitychange", () => (clearTimeout(timer), resolve()), { once: true });
    });
  }
}

const v1reel = { clock, view, choose };
globalThis.v1reel = v1reel;
follow();
