// Curves and tables that the runs' commands left, and how each run was made.

/** Curves of training, of masks, and what else the runs' commands drew or counted. */
function curves() {
  const many = report.runs.length > 1;
  const charts = report.runs.flatMap((run, index) => runCharts(run, index, many));
  const missing = report.runs.filter((run) => run.learning_curves.length === 0).map((run) => run.name);
  const note =
    missing.length > 0
      ? el(
          "p",
          { class: "small" },
          `${missing.join(", ")}: the members were not trained in this run, so that it has no learning curves.`,
        )
      : null;
  const others = report.runs.flatMap((run) => [
    run.tables.map((rows) => otherTable(rows, many ? `${run.name}: ${rows.title}` : rows.title)),
    run.pictures
      .filter(({ title }) => title !== ABLATION.picture)
      .map(({ title, png }) =>
        el(
          "figure",
          { class: "chart" },
          el("figcaption", {}, title),
          el("img", {
            src: `data:image/png;base64,${png}`,
            alt: `Plot ${title} of run ${run.name}`,
            loading: "lazy",
          }),
        ),
      ),
  ]);
  return [el("div", { class: "charts" }, charts), note, others];
}

function runCharts(run, index, many) {
  const title = (what) => (many ? `${what}, ${run.name}` : what);
  const learned = (value) =>
    run.learning_curves.map((curve) => ({
      x: curve.steps,
      y: curve[value],
      color: runColor(many ? index : curve.member),
      label: many ? null : `member ${curve.member}`,
    }));
  const charts = ablationCharts(run, title);
  const add = (what, x, y, lines, note) => {
    const known = lines.some((line) => line.y.some((value) => value !== null));
    if (known) charts.push(chart({ title: title(what), x, y, lines, note }));
  };
  add("Training loss", "step", "Poisson loss", learned("training_loss"));
  add("Responses to held-out movies", "step", "correlation", learned("validation_correlation"));
  const masks = run.mask_losses.map((mask, at) => ({
    x: mask.steps,
    y: mask.losses,
    color: runColor(many ? index : at),
    label: mask.task.replace(/^mask /, ""),
  }));
  const scatter = "Every iteration takes other trials, hence the scatter.";
  const note = `Mean squared error of predicted responses behind the mask. ${scatter}`;
  add("Transparency masks", "iteration", "error", masks, note);
  return charts;
}

/** A table that a command left; a long one is closed at first. */
function otherTable(rows, title) {
  const columns = rows.columns.map((column, at) => ({
    title: column.replaceAll("_", " "),
    value: (row) => numeric(row[at]),
  }));
  const sentence = `${rows.left_out} more rows are in the run's evaluation/${rows.title}.`;
  return el(
    "details",
    { open: rows.rows.length <= 12 },
    el("summary", {}, `${title}, ${count(rows.rows.length + rows.left_out, "row", "rows")}`),
    table({ caption: title, columns, rows: rows.rows }),
    rows.left_out > 0 ? el("p", { class: "small" }, sentence) : null,
  );
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
          [
            "recordings",
            Object.entries(made.data_hashes).map(([mouse, hash]) =>
              el("div", {}, `${mouse} `, el("code", {}, hash)),
            ),
          ],
          ["settings", [el("code", {}, made.settings_hash)]],
        ]
      : [["manifest", "none was kept"]];
    return el(
      "article",
      {},
      report.runs.length > 1 ? el("h3", {}, run.name) : null,
      el(
        "dl",
        {},
        [["folder", el("code", {}, run.folder)], ...facts].map(([name, value]) => [
          el("dt", {}, name),
          el("dd", {}, value),
        ]),
      ),
      el(
        "details",
        {},
        el("summary", {}, "All settings (experiment.toml)"),
        el("pre", { tabindex: 0 }, run.settings),
      ),
    );
  });
}
