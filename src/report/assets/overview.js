// What the runs found, in few numbers beside their controls; every trial as a mark; how all was made.

/** Says what the mice are: a simulated one must not pass for an animal. */
function originNotice() {
  const simulated = report.mice.filter((mouse) => mouse.simulated);
  const notes = [];
  if (simulated.length > 0) {
    const names = simulated.map((mouse) => mouse.name).join(", ");
    const these = simulated.length === 1 ? `The mouse \u201c${names}\u201d is simulated` : `The mice ${names} are simulated`;
    notes.push(el("p", { class: "note simulated" }, el("strong", {}, these), ": made-up neurons watched the movies, with noise like that of real ones. Nothing here was measured in an animal."));
  }
  for (const mouse of report.mice.filter((mouse) => mouse.missing)) {
    notes.push(el("p", { class: "note" }, `Mouse ${mouse.name}: ${mouse.missing}. So its behavior is not shown, and whether it is simulated is not known here.`));
  }
  for (const run of report.runs) {
    if (!run.evaluated) notes.push(el("p", { class: "note" }, `${run.name}: not all trials are evaluated, and some controls are missing; run v1reel evaluate, then v1reel report again.`));
    if (!run.control_means) notes.push(el("p", { class: "note" }, `${run.name}: not all trials have the control with shuffled neurons; run v1reel reconstruct --shuffled-neurons.`));
  }
  return notes;
}

/** The main score of each run, large, and its controls beside it. */
function heroes() {
  const many = report.runs.length > 1;
  return el(
    "div",
    { class: "heroes" },
    report.runs.map((run, index) =>
      el(
        "article",
        { class: "hero" },
        many ? el("h3", {}, el("i", { class: "swatch", style: `background:${runColor(index)}` }), run.name) : null,
        el(
          "div",
          { class: "numbers" },
          el("div", { class: "big" }, el("b", {}, decimals(run.means.pixel_correlation)), el("span", {}, "pixel correlation with the true movie")),
          CONTROLS.map(([key, name]) => el("div", { class: "control" }, el("b", {}, decimals(run.means[key])), el("span", {}, `control: ${name}`))),
        ),
        el("p", { class: "small" }, `Mean over ${count(run.trials, "trial", "trials")} of ${count(run.mice, "mouse", "mice")}; no member was trained on these movies.`),
      ),
    ),
  );
}

/** The mark of a score in the plot of all trials. */
function mark(shape, x, y, color) {
  if (shape === "dot") return svg("circle", { cx: x, cy: y, r: 5.5, class: "dot", style: `fill:${color}` });
  if (shape === "ring") return svg("circle", { cx: x, cy: y, r: 4, class: "hollow", style: `stroke:${color}` });
  if (shape === "square") return svg("rect", { x: x - 3.5, y: y - 3.5, width: 7, height: 7, class: "hollow", style: `stroke:${color}` });
  return svg("path", { d: `M${x - 4} ${y - 4}l8 8m0 -8l-8 8`, class: "hollow", style: `stroke:${color}` });
}

/** Every trial a line: its pixel correlation and those of its controls. */
function allTrials(open) {
  const rows = report.mice.flatMap((mouse) => mouse.trials.map((trial) => ({ mouse, trial })));
  const several = report.mice.length > 1;
  const many = report.runs.length > 1;
  // Of several runs only the strictest control has room.
  const controls = many ? CONTROLS.slice(2) : CONTROLS;
  const marks = rows.map(({ trial }) =>
    trial.scored.flatMap((scored, run) =>
      scored
        ? [
            ...controls.map(([key, name, shape]) => ({ value: scored.scores[key] ?? null, shape, name, color: many ? runColor(run) : "var(--control)" })),
            { value: scored.scores.pixel_correlation ?? null, shape: "dot", name: many ? report.runs[run].name : "reconstruction", color: runColor(run) },
          ]
        : [],
    ),
  );
  let [low, high] = extent(marks.map((list) => list.map((mark) => mark.value)));
  [low, high] = [Math.min(low, 0) - 0.04, Math.max(high, 0.5) + 0.04];
  const row_height = 26;
  const holder = el("div", { class: "drawing" });
  atEveryWidth(holder, 640, (width) => {
    const left = several ? Math.min(190, width * 0.35) : 76;
    const [right, top, height] = [width - 16, 8, rows.length * row_height + 44];
    const x = (value) => left + ((value - low) / (high - low)) * (right - left);
    const drawn = svg("svg", { width, height, class: "dots" });
    const bottom = top + rows.length * row_height;
    const across = ticks(low, high, width / 90);
    for (const tick of across.values) {
      drawn.append(svg("line", { x1: x(tick), x2: x(tick), y1: top, y2: bottom, class: Math.abs(tick) < 1e-9 ? "zero" : "grid" }));
      drawn.append(svg("text", { x: x(tick), y: bottom + 16, "text-anchor": "middle" }, tickText(tick, across.step)));
    }
    drawn.append(svg("text", { x: (left + right) / 2, y: height - 3, "text-anchor": "middle", class: "axis" }, "pixel correlation"));
    rows.forEach(({ mouse, trial }, index) => {
      const y = top + (index + 0.5) * row_height;
      const said = marks[index].map((mark) => `${mark.name} ${decimals(mark.value)}`).join(", ");
      const label = several ? `${mouse.name} \u00b7 ${trial.trial}` : `trial ${trial.trial}`;
      const line = svg("a", { href: `#${trial.key}`, class: "row", "aria-label": `${mouse.name}, trial ${trial.trial}: ${said}`, onclick: (event) => (event.preventDefault(), open(trial.key)) });
      line.append(svg("title", {}, said), svg("rect", { x: 0, y: y - row_height / 2, width, height: row_height, class: "hit" }));
      line.append(svg("text", { x: left - 12, y: y + 4, "text-anchor": "end" }, shortened(label, (left - 12) / 7)));
      line.append(svg("line", { x1: left, x2: right, y1: y, y2: y, class: "grid" }));
      for (const { value, shape, color } of marks[index]) if (value !== null) line.append(mark(shape, x(value), y, color));
      drawn.append(line);
    });
    return drawn;
  });
  const kinds = [...new Map(marks.flat().map((mark) => [`${mark.name}${mark.color}`, mark])).values()];
  if (!many) kinds.reverse();
  const legend = kinds.map(({ shape, color, name }) =>
    el("span", { class: "key" }, svg("svg", { width: 14, height: 14, "aria-hidden": "true" }, mark(shape, 7, 7, color)), shape === "dot" ? name : `control: ${name}`),
  );
  return el("figure", { class: "chart" }, el("figcaption", {}, el("strong", {}, "Every trial; choose one to watch it"), el("span", { class: "keys" }, legend)), el("div", { class: "tall", tabindex: rows.length > 16 ? 0 : null }, holder));
}

function shortened(text, most) {
  return text.length > most ? `${text.slice(0, Math.max(1, Math.floor(most) - 1))}\u2026` : text;
}

/** Several runs: means side by side, trial by trial differences, the settings in which they differ. */
function comparison() {
  if (report.runs.length < 2) return null;
  const scores = report.columns.map((column) => ({
    title: scoreTitle(column),
    help: scoreHelp(column),
    value: ({ run }) => run.means[column] ?? null,
    cell: ({ run }) => scoreCell(column, run.means[column], run.control_means?.[column] ?? null),
  }));
  const paired = report.runs.map((run, index) => {
    const pairs = report.mice.flatMap((mouse) => mouse.trials).map((trial) => [trial.scored[0], trial.scored[index]]);
    const common = pairs.filter(([a, b]) => a && b).map(([a, b]) => b.scores.pixel_correlation - a.scores.pixel_correlation);
    return { trials: common.length, mean: common.length ? common.reduce((a, b) => a + b, 0) / common.length : null, better: common.filter((d) => d > 0).length };
  });
  const columns = [
    { title: "run", value: ({ run }) => run.name },
    { title: "mice", value: ({ run }) => run.mice },
    { title: "trials", value: ({ run }) => run.trials },
    ...scores,
    { title: "difference in pixel r", help: `To ${report.runs[0].name}, over the trials that both have`, value: ({ index }) => (index ? paired[index].mean : null), cell: ({ index }) => (index ? decimals(paired[index].mean, 3) : NOTHING) },
    { title: "trials better", value: ({ index }) => (index ? paired[index].better : null), cell: ({ index }) => (index ? `${paired[index].better} of ${paired[index].trials}` : NOTHING) },
  ];
  const settings = [
    { title: "setting", value: ([name]) => name, cell: ([name]) => el("code", {}, name) },
    ...report.runs.map((run, index) => ({ title: run.name, value: ([, values]) => values[index], cell: ([, values]) => el("code", {}, values[index] || NOTHING) })),
  ];
  return [
    table({ caption: "The runs, mean over trials and mice; below each score that of its control", columns, rows: report.runs.map((run, index) => ({ run, index })) }),
    report.differences.length > 0 ? table({ caption: "Settings that differ", columns: settings, rows: report.differences }) : el("p", {}, "Their settings are the same."),
  ];
}

/** Curves of training, of masks, and what else the runs' commands drew or counted. */
function curves() {
  const many = report.runs.length > 1;
  const charts = report.runs.flatMap((run, index) => {
    const title = (what) => (many ? `${what}, ${run.name}` : what);
    const learned = (value) => run.learning_curves.map((curve) => ({ x: curve.steps, y: curve[value], color: runColor(many ? index : curve.member), label: many ? null : `member ${curve.member}` }));
    const masks = run.mask_losses.map((mask, at) => ({ x: mask.steps, y: mask.losses, color: runColor(many ? index : at), label: mask.task.replace(/^mask /, "") }));
    const validated = run.learning_curves.some((curve) => curve.validation_correlation.some((value) => value !== null));
    return [
      run.learning_curves.length > 0 ? chart({ title: title("Training loss"), x: "step", y: "Poisson loss", lines: learned("training_loss") }) : null,
      validated ? chart({ title: title("Responses to held-out movies"), x: "step", y: "correlation", lines: learned("validation_correlation") }) : null,
      masks.length > 0 ? chart({ title: title("Transparency masks"), x: "iteration", y: "error", lines: masks, note: "Mean squared error of predicted responses behind the mask. Every iteration takes other trials, hence the scatter." }) : null,
    ];
  });
  const missing = report.runs.filter((run) => run.learning_curves.length === 0).map((run) => run.name);
  const note = missing.length > 0 ? el("p", { class: "small" }, `${missing.join(", ")}: the members were not trained in this run, so that it has no learning curves.`) : null;
  const others = report.runs.flatMap((run) => [
    run.tables.map((rows) => [
      table({ caption: many ? `${run.name}: ${rows.title}` : rows.title, columns: rows.columns.map((title, at) => ({ title: title.replaceAll("_", " "), value: (row) => numeric(row[at]) })), rows: rows.rows }),
      rows.left_out > 0 ? el("p", { class: "small" }, `${rows.left_out} more rows are in the run's evaluation/${rows.title}.`) : null,
    ]),
    run.pictures.map(({ title, png }) => el("figure", { class: "chart" }, el("figcaption", {}, title), el("img", { src: `data:image/png;base64,${png}`, alt: `Plot ${title} of run ${run.name}`, loading: "lazy" }))),
  ]);
  return [el("div", { class: "charts" }, charts), note, others];
}

function numeric(text) {
  if (text === "") return null;
  return Number.isNaN(Number(text)) ? text : Number(text);
}

/** How each run was made. */
function provenance() {
  return report.runs.map((run) => {
    const made = run.manifest;
    const facts = made
      ? [
          ["v1reel", [made.version, made.commit ? `, commit ${made.commit}` : ""]],
          ["command", el("code", {}, made.started_by.join(" "))],
          ["seed", el("code", {}, made.seed)],
          ["device", `${made.device}, ${count(made.threads, "thread", "threads")}`],
          ["recordings", Object.entries(made.data_hashes).map(([mouse, hash]) => el("div", {}, `${mouse} `, el("code", {}, hash)))],
          ["settings", [el("code", {}, made.settings_hash)]],
        ]
      : [["manifest", "none was kept"]];
    return el(
      "article",
      {},
      report.runs.length > 1 ? el("h3", {}, run.name) : null,
      el("dl", {}, [["folder", el("code", {}, run.folder)], ...facts].map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
      el("details", {}, el("summary", {}, "All settings (experiment.toml)"), el("pre", { tabindex: 0 }, run.settings)),
    );
  });
}
