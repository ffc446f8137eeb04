// What stands in the viewer for one trial: its screens, its strips, its loss, the members' movies.

/** The screens of a trial: the truth, then of each run (`run` is its number) what it made of it. */
function movieScreens(truth, shown, [height, width], named, mouse) {
  const first = screen({
    title: "Ground truth",
    alt: `Ground truth ${named}: the movie that the mouse watched`,
    height,
    width,
    outline: shown[0].run.mask,
    paint: grayPaint(truth),
    wide: true,
  });
  return [first, ...shown.flatMap((one) => runScreens(truth, one, [height, width], named, mouse))];
}

function runScreens(truth, { run, index }, [height, width], named, mouse) {
  const many = report.runs.length > 1;
  const by = many ? `${named} by ${report.runs[index].name}` : named;
  const adjust = matching(run.match_truth, run.mask);
  const mask = mouse.masks[index];
  const fits = mask && mask.height === height && mask.width === width;
  const scored = `${run.mask.filter((seen) => seen).length} of ${run.mask.length} px`;
  const reading = (values, { first }) => {
    return (at) => `r ${decimals(values[at - first])}`;
  };
  const list = [
    {
      title: "Reconstruction",
      alt: `Reconstruction ${by}`,
      paint: grayPaint(run.reconstruction, adjust),
      reading: reading(run.frame_correlation, run.reconstruction),
      wide: !many,
    },
    {
      title: "Difference",
      alt: `Reconstruction ${by} less ground truth: blue where too dark, red where too bright`,
      paint: differencePaint(run.reconstruction, truth, run.mask, adjust),
    },
    run.control && {
      title: "Control: shuffled",
      alt: `Control ${by}: a reconstruction from responses shuffled between neurons`,
      paint: grayPaint(run.control, matching(run.control_match_truth, run.mask)),
      reading: reading(run.control_frame_correlation, run.control),
    },
    {
      title: "Mask",
      alt:
        `Transparency mask ${by}: stronger where a pixel matters more to the neurons; ` +
        "the line encloses the pixels that are scored",
      paint: rampPaint(fits ? mask.transparency : Array.from(run.mask), 0, 1),
      reading: () => scored,
    },
  ];
  const common = { height, width, outline: run.mask, run: index };
  return list.filter(Boolean).map((one) => screen({ ...common, ...one }));
}

/** Screens in rows: of several runs each has its own, under its name. */
function inRows(screens) {
  if (report.runs.length === 1) return screens.map((screen) => screen.node);
  return report.runs.flatMap((run, index) => {
    const own = screens.filter((screen) => screen.run === index).map((screen) => screen.node);
    return own.length > 0
      ? [el("h3", {}, el("i", { class: "swatch", style: `background:${runColor(index)}` }), run.name), ...own]
      : [];
  });
}

/** The strips of a trial, by their order. */
function stripList(data, shown, trial) {
  const behavior = data.behavior.map(({ name, values }) => ({
    name,
    help: "As recorded",
    lines: [{ label: "", values, color: "var(--behavior)" }],
  }));
  return [correlationStrip(shown), ...behavior, ...activityStrips(shown, trial)];
}

function correlationStrip(shown) {
  const many = report.runs.length > 1;
  const lines = shown.flatMap(({ run, index }) => [
    {
      label: many ? report.runs[index].name : "reconstruction",
      values: run.frame_correlation,
      first: run.reconstruction.first,
      color: runColor(index),
    },
    run.control && {
      label: many ? "its control" : "control",
      values: run.control_frame_correlation,
      first: run.control.first,
      color: many ? runColor(index) : "var(--control)",
      dashed: true,
    },
  ]);
  const help = "Correlation of reconstruction and truth over the scored pixels of each frame";
  return { name: "frame r", help, zero: true, lines: lines.filter(Boolean), count: decimals };
}

function activityStrips(shown, trial) {
  const many = report.runs.length > 1;
  const { population, recorded } = shown[0].run;
  const predicted = shown.map(({ run, index }) => ({
    label: many ? report.runs[index].name : "predicted",
    values: run.population.predicted,
    color: runColor(index),
  }));
  const mean = {
    name: "mean activity",
    help: "Mean response of all neurons; predicted from the reconstruction",
    zero: true,
    lines: [{ label: "recorded", values: population.recorded, color: "var(--ink)" }, ...predicted],
  };
  const ofControl = (index) => {
    const control = trial.scored[index].control;
    return control ? `; of the control with its own ${decimals(control.response_correlation)}` : "";
  };
  const pictures = shown.map(({ run, index }) => ({
    name: many ? `predicted, ${report.runs[index].name}` : "predicted",
    help: `Mean r with the recorded ${decimals(run.population.correlation)}${ofControl(index)}`,
    picture: run.predicted,
    rows: run.population.rows,
  }));
  const name = `${population.neurons} neurons, recorded`;
  const help = "In the order of their predicted peaks";
  const all = [{ name, help, picture: recorded, rows: population.rows }, ...pictures];
  return [mean, ...all.filter(({ rows }) => rows > 0)];
}

function lossChart(shown) {
  const many = report.runs.length > 1;
  const lines = shown.flatMap(({ run, index }) =>
    [
      ...run.losses.map((loss, member) => ({
        x: indices(loss),
        y: loss,
        color: runColor(index),
        label: many ? report.runs[index].name : run.losses.length > 1 ? "each member" : "reconstruction",
      })),
      run.control_loss
        ? {
            x: indices(run.control_loss),
            y: run.control_loss,
            color: many ? runColor(index) : "var(--control)",
            label: many ? `control of ${report.runs[index].name}` : "control: shuffled neurons",
            dashed: true,
          }
        : [],
    ].flat(),
  );
  return chart({ title: "Loss of the reconstruction", x: "iteration", y: "Poisson loss", lines });
}

/** The single members' movies, loaded when somebody opens them. */
function membersOf(trial, [height, width], named) {
  if (!trial.has_members) return [];
  const grid = el("div", { class: "movies small" });
  const node = el(
    "details",
    { class: "raw" },
    el("summary", {}, "Movies before averaging and filtering, member by member"),
    grid,
  );
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
        screens.push(
          screen({
            title: name + suffix,
            alt: `Movie of ${name} ${named}${suffix}, before averaging and filtering`,
            height,
            width,
            paint: grayPaint(unpacked),
          }),
        );
      }
    }
    if (open.key !== trial.key) return;
    grid.replaceChildren(...screens.map((screen) => screen.node));
    open.screens = [...open.screens, ...screens];
    clock.seek(clock.frame);
  }
  return [node];
}
