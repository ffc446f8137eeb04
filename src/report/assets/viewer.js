// One trial: its movies, and under one cursor what the mouse did and what its neurons did.

/** What is open: `screens` and `parts` follow the clock. */
const open = { key: null, parts: [], screens: [], ready: Promise.resolve() };
clock.listeners.add((frame) => {
  for (const part of [...open.screens, ...open.parts]) part.show(frame);
});

function findTrial(key) {
  for (const mouse of report.mice)
    for (const trial of mouse.trials) if (trial.key === key) return { mouse, trial };
  return null;
}

/** The viewer's frame: choice of trial, movies, strips, player; trials are put in by `openTrial`. */
function viewer() {
  const { bar, scrubber } = player();
  const parts = {
    mouse: el(
      "select",
      {
        "aria-label": "Mouse",
        onchange: () => openTrial(parts, report.mice[parts.mouse.value].trials[0].key),
      },
      report.mice.map((mouse, index) => el("option", { value: index }, mouse.name)),
    ),
    trials: el("div", { class: "trials", role: "group", "aria-label": "Trials" }),
    movies: el("div", { class: "movies" }),
    strips: el("div", { class: "traces" }),
    members: el("div", { class: "members" }),
    details: el("div", { class: "details" }),
    scrubber,
  };
  const check = (name, text, help) => {
    const box = el("input", { type: "checkbox", onchange: () => ((look[name] = box.checked), look.apply()) });
    return el("label", { title: help }, box, text);
  };
  look.apply = () => {
    parts.node.classList.toggle("smooth", look.smooth);
    for (const screen of open.screens) screen.show(clock.frame);
  };
  parts.node = el(
    "div",
    { class: "viewer" },
    el("div", { class: "choice" }, report.mice.length > 1 ? parts.mouse : null, parts.trials),
    el(
      "div",
      { class: "looks" },
      check(
        "matched",
        "Luminance and contrast of the truth",
        "Reconstructions have little contrast; no correlation sees this",
      ),
      check("smooth", "Smooth pixels", "Blurs the squares that the movies' pixels are; changes nothing else"),
      el(
        "span",
        { class: "hint" },
        el("kbd", {}, "Space"),
        " plays, ",
        el("kbd", {}, "\u2190"),
        el("kbd", {}, "\u2192"),
        " step, ",
        el("kbd", {}, "["),
        el("kbd", {}, "]"),
        " change the trial",
      ),
    ),
    el("div", { class: "stage" }, el("div", {}, parts.movies, parts.members), parts.strips),
    bar,
    parts.details,
  );
  return parts;
}

/** Pixel r of each run; of one alone, with its control. */
function inShort(trial) {
  const scores = trial.scored.filter((scored) => scored).map((scored) => scored.scores);
  const texts = scores.map((scores) => decimals(scores.pixel_correlation));
  if (report.runs.length === 1) texts.push(`control ${decimals(scores[0].control_shuffled_neurons)}`);
  return `r ${texts.join(" \u00b7 ")}`;
}

/** Shows a trial; what was loaded before stays until it is there. */
function openTrial(parts, key, frame) {
  const found = findTrial(key);
  if (!found) return open.ready;
  open.key = key;
  const index = report.mice.indexOf(found.mouse);
  parts.mouse.value = index;
  parts.trials.replaceChildren(
    ...found.mouse.trials.map((trial) =>
      el(
        "button",
        {
          type: "button",
          "aria-pressed": String(trial === found.trial),
          onclick: () => openTrial(parts, trial.key),
        },
        `trial ${trial.trial}`,
        el("small", {}, inShort(trial)),
      ),
    ),
  );
  history.replaceState(null, "", `#${key}`);
  open.ready = store
    .load(key, found.trial.file)
    .then((data) => showTrial(parts, found, data, frame))
    .catch((problem) => {
      parts.movies.replaceChildren(
        el("p", { class: "note" }, `This trial can't be shown: ${problem.message}.`),
      );
      throw problem;
    });
  return open.ready;
}

async function showTrial(parts, { mouse, trial }, data, frame) {
  const size = [data.height, data.width];
  const truth = await unpack(data.truth, ...size);
  const runs = await Promise.all(data.runs.map((run) => run && unpackRun(run, size)));
  // Another trial was chosen while this one was unpacked.
  if (open.key !== trial.key) return;
  const shown = runs.map((run, index) => ({ run, index })).filter(({ run }) => run);
  const named = `of mouse ${mouse.name}, trial ${trial.trial}`;
  open.screens = movieScreens(truth, shown, size, named, mouse);
  parts.movies.style.setProperty("--ratio", data.width / data.height);
  parts.movies.classList.toggle("many", report.runs.length > 1);
  parts.movies.replaceChildren(
    ...open.screens
      .filter((screen) => screen.run === undefined && report.runs.length > 1)
      .map((screen) => screen.node),
    ...inRows(open.screens),
  );
  const movies = [truth, ...shown.map(({ run }) => run.reconstruction)];
  const [first, end] = [
    Math.min(...movies.map((movie) => movie.first)),
    Math.max(...movies.map((movie) => movie.end)),
  ];
  const traces = strips({
    frames: data.frames,
    first,
    end,
    rate: data.frame_rate_hz,
    list: stripList(data, shown, trial),
  });
  open.parts = [traces];
  parts.strips.replaceChildren(
    traces.node,
    data.behavior_note ? el("p", { class: "small" }, `Behavior is not shown: ${data.behavior_note}.`) : "",
  );
  parts.members.replaceChildren(...membersOf(trial, size, named));
  parts.details.replaceChildren(trialScores(trial), lossChart(shown));
  if (frame !== undefined) clock.frame = frame;
  clock.range(first, end, data.frame_rate_hz);
}

async function unpackRun(run, size) {
  const [reconstruction, control, recorded, predicted] = await Promise.all([
    unpack(run.reconstruction, ...size),
    run.control && unpack(run.control, ...size),
    bytes(run.population.recorded_picture),
    bytes(run.population.predicted_picture),
  ]);
  return { ...run, reconstruction, control, mask: plainBytes(run.mask), recorded, predicted };
}
