// One trial: its movies, and under one cursor what the mouse did and what its neurons did.

/** What is open: `screens` and `parts` follow the clock. */
const open = { key: null, parts: [], screens: [], ready: Promise.resolve() };
clock.listeners.add((frame) => {
  for (const part of [...open.screens, ...open.parts]) part.show(frame);
});

function findTrial(key) {
  for (const mouse of report.mice) for (const trial of mouse.trials) if (trial.key === key) return { mouse, trial };
  return null;
}

/** The viewer's frame: choice of trial, movies, strips, player; trials are put in by `openTrial`. */
function viewer() {
  const { bar, scrubber } = player();
  const parts = {
    mouse: el("select", { "aria-label": "Mouse", onchange: () => openTrial(parts, report.mice[parts.mouse.value].trials[0].key) }, report.mice.map((mouse, index) => el("option", { value: index }, mouse.name))),
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
      check("matched", "Luminance and contrast of the truth", "Reconstructions have little contrast; no correlation sees this"),
      check("smooth", "Smooth pixels", "Blurs the squares that the movies' pixels are; changes nothing else"),
      el("span", { class: "hint" }, el("kbd", {}, "Space"), " plays, ", el("kbd", {}, "\u2190"), el("kbd", {}, "\u2192"), " step, ", el("kbd", {}, "["), el("kbd", {}, "]"), " change the trial"),
    ),
    el("div", { class: "stage" }, el("div", {}, parts.movies, parts.members), parts.strips),
    bar,
    parts.details,
  );
  return parts;
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
      el("button", { type: "button", "aria-pressed": String(trial === found.trial), onclick: () => openTrial(parts, trial.key) }, `trial ${trial.trial}`, el("small", {}, `r ${trial.scored.filter((scored) => scored).map((scored) => decimals(scored.scores.pixel_correlation)).join(" \u00b7 ")}`)),
    ),
  );
  history.replaceState(null, "", `#${key}`);
  open.ready = store
    .load(key, found.trial.file)
    .then((data) => showTrial(parts, found, data, frame))
    .catch((problem) => {
      parts.movies.replaceChildren(el("p", { class: "note" }, `This trial can't be shown: ${problem.message}.`));
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
  parts.movies.replaceChildren(...open.screens.filter((screen) => screen.run === undefined && report.runs.length > 1).map((screen) => screen.node), ...inRows(open.screens));
  const movies = [truth, ...shown.map(({ run }) => run.reconstruction)];
  const [first, end] = [Math.min(...movies.map((movie) => movie.first)), Math.max(...movies.map((movie) => movie.end))];
  const traces = strips({ frames: data.frames, first, end, rate: data.frame_rate_hz, list: stripList(data, shown) });
  open.parts = [traces];
  parts.strips.replaceChildren(traces.node, data.behavior_note ? el("p", { class: "small" }, `Behavior is not shown: ${data.behavior_note}.`) : "");
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

/** The screens of a trial: the truth, then of each run (`run` is its number) what it made of it. */
function movieScreens(truth, shown, [height, width], named, mouse) {
  const many = report.runs.length > 1;
  const of = (index) => (many ? `${named} by ${report.runs[index].name}` : named);
  const list = [screen({ title: "Ground truth", alt: `Ground truth ${named}: the movie that the mouse watched`, height, width, outline: shown[0].run.mask, paint: grayPaint(truth), wide: true })];
  for (const { run, index } of shown) {
    const common = { height, width, outline: run.mask, run: index };
    const adjust = matching(run.match_truth, run.mask);
    const reading = (values, { first }) => (at) => `r ${decimals(values[at - first])}`;
    list.push(screen({ ...common, wide: !many, title: "Reconstruction", alt: `Reconstruction ${of(index)}`, paint: grayPaint(run.reconstruction, adjust), reading: reading(run.frame_correlation, run.reconstruction) }));
    list.push(screen({ ...common, title: "Difference", alt: `Reconstruction ${of(index)} less ground truth: blue where too dark, red where too bright`, paint: differencePaint(run.reconstruction, truth, run.mask, adjust) }));
    if (run.control) {
      const own = matching(run.control_match_truth, run.mask);
      list.push(screen({ ...common, title: "Control: shuffled", alt: `Control ${of(index)}: a reconstruction from responses shuffled between neurons`, paint: grayPaint(run.control, own), reading: reading(run.control_frame_correlation, run.control) }));
    }
    const mask = mouse.masks[index];
    const fits = mask && mask.height === height && mask.width === width;
    const values = fits ? mask.transparency : Array.from(run.mask);
    const scored = `${run.mask.filter((seen) => seen).length} of ${run.mask.length} px`;
    list.push(screen({ ...common, title: "Mask", alt: `Transparency mask ${of(index)}: stronger where a pixel matters more to the neurons; the line encloses the pixels that are scored`, paint: rampPaint(values, 0, 1), reading: () => scored }));
  }
  return list;
}

/** Screens in rows: of several runs each has its own, under its name. */
function inRows(screens) {
  if (report.runs.length === 1) return screens.map((screen) => screen.node);
  return report.runs.flatMap((run, index) => {
    const own = screens.filter((screen) => screen.run === index).map((screen) => screen.node);
    return own.length > 0 ? [el("h3", {}, el("i", { class: "swatch", style: `background:${runColor(index)}` }), run.name), ...own] : [];
  });
}

/** The strips of a trial, by their order. */
function stripList(data, shown) {
  const many = report.runs.length > 1;
  const name = (index, text) => (many ? report.runs[index].name : text);
  const correlation = shown.flatMap(({ run, index }) => [
    { label: name(index, "reconstruction"), values: run.frame_correlation, first: run.reconstruction.first, color: runColor(index) },
    run.control ? { label: many ? "its control" : "control", values: run.control_frame_correlation, first: run.control.first, color: many ? runColor(index) : "var(--control)", dashed: true } : [],
  ].flat());
  const list = [{ name: "frame r", help: "Correlation of reconstruction and truth over the scored pixels of each frame", zero: true, lines: correlation, count: decimals }];
  for (const trace of data.behavior) list.push({ name: trace.name, help: "As recorded", lines: [{ label: "", values: trace.values, color: "var(--behavior)" }] });
  const { population } = shown[0].run;
  list.push({
    name: "mean activity",
    help: "Mean response of all neurons; predicted from the reconstruction",
    zero: true,
    lines: [{ label: "recorded", values: population.recorded, color: "var(--ink)" }, ...shown.map(({ run, index }) => ({ label: name(index, "predicted"), values: run.population.predicted, color: runColor(index) }))],
  });
  const order = "In the order of their predicted peaks";
  if (population.rows > 0) list.push({ name: `${population.neurons} neurons, recorded`, help: order, picture: shown[0].run.recorded, rows: population.rows });
  for (const { run, index } of shown) {
    if (run.population.rows > 0) list.push({ name: many ? `predicted, ${report.runs[index].name}` : "predicted", help: `Mean correlation with the recorded ${decimals(run.population.correlation)}`, picture: run.predicted, rows: run.population.rows });
  }
  return list;
}

function lossChart(shown) {
  const many = report.runs.length > 1;
  const lines = shown.flatMap(({ run, index }) => [
    ...run.losses.map((loss, member) => ({ x: indices(loss), y: loss, color: runColor(index), label: many ? report.runs[index].name : run.losses.length > 1 ? "each member" : "reconstruction" })),
    run.control_loss ? { x: indices(run.control_loss), y: run.control_loss, color: many ? runColor(index) : "var(--control)", label: many ? `control of ${report.runs[index].name}` : "control: shuffled neurons", dashed: true } : [],
  ].flat());
  return chart({ title: "Loss of the reconstruction", x: "iteration", y: "Poisson loss", lines });
}

/** The single members' movies, loaded when somebody opens them. */
function membersOf(trial, [height, width], named) {
  if (!trial.has_members) return [];
  const grid = el("div", { class: "movies small" });
  const node = el("details", { class: "raw" }, el("summary", {}, "Movies before averaging and filtering, member by member"), grid);
  grid.style.setProperty("--ratio", width / height);
  node.addEventListener("toggle", () => {
    if (node.open && !node.loading) node.loading = show();
  });
  async function show() {
    const data = await store.load(trial.members_key, trial.members_file);
    const screens = [];
    for (const [run, members] of data.runs.entries()) {
      for (const { name, movie } of members) {
        const unpacked = await unpack(movie, height, width);
        const suffix = report.runs.length > 1 ? ` \u00b7 ${report.runs[run].name}` : "";
        screens.push(screen({ title: name + suffix, alt: `Movie of ${name} ${named}${suffix}, before averaging and filtering`, height, width, paint: grayPaint(unpacked) }));
      }
    }
    if (open.key !== trial.key) return;
    grid.replaceChildren(...screens.map((screen) => screen.node));
    open.screens = [...open.screens, ...screens];
    clock.seek(clock.frame);
  }
  return [node];
}
