// What stands in the viewer for one trial: its screens, its strips, its loss, the members' movies.

/** The screens of a trial: the truth, then of each run (`run` is its number) what it made of it. */
function movieScreens(truth, shown, [height, width], named, mouse) {
  const many = report.runs.length > 1;
  const of = (index) => (many ? `${named} by ${report.runs[index].name}` : named);
  const list = [
    screen({
      title: "Ground truth",
      alt: `Ground truth ${named}: the movie that the mouse watched`,
      height,
      width,
      outline: shown[0].run.mask,
      paint: grayPaint(truth),
      wide: true,
    }),
  ];
  for (const { run, index } of shown) {
    const common = { height, width, outline: run.mask, run: index };
    const adjust = matching(run.match_truth, run.mask);
    const reading =
      (values, { first }) =>
      (at) =>
        `r ${decimals(values[at - first])}`;
    list.push(
      screen({
        ...common,
        wide: !many,
        title: "Reconstruction",
        alt: `Reconstruction ${of(index)}`,
        paint: grayPaint(run.reconstruction, adjust),
        reading: reading(run.frame_correlation, run.reconstruction),
      }),
    );
    list.push(
      screen({
        ...common,
        title: "Difference",
        alt: `Reconstruction ${of(index)} less ground truth: blue where too dark, red where too bright`,
        paint: differencePaint(run.reconstruction, truth, run.mask, adjust),
      }),
    );
    if (run.control) {
      const own = matching(run.control_match_truth, run.mask);
      list.push(
        screen({
          ...common,
          title: "Control: shuffled",
          alt: `Control ${of(index)}: a reconstruction from responses shuffled between neurons`,
          paint: grayPaint(run.control, own),
          reading: reading(run.control_frame_correlation, run.control),
        }),
      );
    }
    const mask = mouse.masks[index];
    const fits = mask && mask.height === height && mask.width === width;
    const values = fits ? mask.transparency : Array.from(run.mask);
    const scored = `${run.mask.filter((seen) => seen).length} of ${run.mask.length} px`;
    list.push(
      screen({
        ...common,
        title: "Mask",
        alt: `Transparency mask ${of(index)}: stronger where a pixel matters more to the neurons; the line encloses the pixels that are scored`,
        paint: rampPaint(values, 0, 1),
        reading: () => scored,
      }),
    );
  }
  return list;
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
function stripList(data, shown) {
  const many = report.runs.length > 1;
  const name = (index, text) => (many ? report.runs[index].name : text);
  const correlation = shown.flatMap(({ run, index }) =>
    [
      {
        label: name(index, "reconstruction"),
        values: run.frame_correlation,
        first: run.reconstruction.first,
        color: runColor(index),
      },
      run.control
        ? {
            label: many ? "its control" : "control",
            values: run.control_frame_correlation,
            first: run.control.first,
            color: many ? runColor(index) : "var(--control)",
            dashed: true,
          }
        : [],
    ].flat(),
  );
  const list = [
    {
      name: "frame r",
      help: "Correlation of reconstruction and truth over the scored pixels of each frame",
      zero: true,
      lines: correlation,
      count: decimals,
    },
  ];
  for (const trace of data.behavior)
    list.push({
      name: trace.name,
      help: "As recorded",
      lines: [{ label: "", values: trace.values, color: "var(--behavior)" }],
    });
  const { population } = shown[0].run;
  list.push({
    name: "mean activity",
    help: "Mean response of all neurons; predicted from the reconstruction",
    zero: true,
    lines: [
      { label: "recorded", values: population.recorded, color: "var(--ink)" },
      ...shown.map(({ run, index }) => ({
        label: name(index, "predicted"),
        values: run.population.predicted,
        color: runColor(index),
      })),
    ],
  });
  const order = "In the order of their predicted peaks";
  if (population.rows > 0)
    list.push({
      name: `${population.neurons} neurons, recorded`,
      help: order,
      picture: shown[0].run.recorded,
      rows: population.rows,
    });
  for (const { run, index } of shown) {
    if (run.population.rows > 0)
      list.push({
        name: many ? `predicted, ${report.runs[index].name}` : "predicted",
        help: `Mean correlation with the recorded ${decimals(run.population.correlation)}`,
        picture: run.predicted,
        rows: run.population.rows,
      });
  }
  return list;
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
