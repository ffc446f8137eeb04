// What the runs found, in few numbers beside their controls, and several runs compared.

/** Says what the mice are: a simulated one must not pass for an animal. */
function originNotice() {
  const simulated = report.mice.filter((mouse) => mouse.simulated);
  const notes = [];
  if (simulated.length > 0) {
    const names = simulated.map((mouse) => mouse.name).join(", ");
    const these =
      simulated.length === 1
        ? `The mouse \u201c${names}\u201d is simulated`
        : `The mice ${names} are simulated`;
    notes.push(
      el(
        "p",
        { class: "note simulated" },
        el("strong", {}, these),
        ": made-up neurons watched the movies, with noise like that of real ones. Nothing here was measured in an animal.",
      ),
    );
  }
  const without = report.mice.filter((mouse) => mouse.missing);
  const reasons = [...new Set(without.map((mouse) => mouse.missing))].map((reason) => {
    const mice = without.filter((mouse) => mouse.missing === reason).map((mouse) => mouse.name);
    return `${mice.join(", ")}: ${reason}`;
  });
  const unknown = "So behavior is not shown, and whether it is simulated is not known here.";
  if (reasons.length === 1) notes.push(el("p", { class: "note" }, `${reasons[0]}. ${unknown}`));
  if (reasons.length > 1) {
    const these = `The recordings of ${without.length} mice can't be read. ${unknown}`;
    const list = reasons.map((reason) => el("li", {}, reason));
    notes.push(el("details", { class: "note" }, el("summary", {}, these), el("ul", {}, list)));
  }
  for (const run of report.runs) {
    if (!run.evaluated)
      notes.push(
        el(
          "p",
          { class: "note" },
          `${run.name}: not all trials are evaluated, and some controls are missing; run v1reel evaluate, then v1reel report again.`,
        ),
      );
    if (!run.control_means)
      notes.push(
        el(
          "p",
          { class: "note" },
          `${run.name}: not all trials have the control with shuffled neurons; run v1reel reconstruct --controls shuffled-neurons.`,
        ),
      );
  }
  return notes;
}

/** The main score of each run, large, and its controls beside it. */
function heroes() {
  const many = report.runs.length > 1;
  return el(
    "div",
    { class: "heroes" },
    report.runs.map((run, index) => {
      // Evaluation refuses trials that members know.
      const unseen = run.evaluated ? "; no member was trained on these movies" : "";
      return el(
        "article",
        { class: "hero" },
        many
          ? el("h3", {}, el("i", { class: "swatch", style: `background:${runColor(index)}` }), run.name)
          : null,
        el(
          "div",
          { class: "numbers" },
          el(
            "div",
            { class: "big" },
            el("b", {}, decimals(run.means.pixel_correlation)),
            el("span", {}, "pixel correlation with the true movie"),
          ),
          CONTROLS.map(([key, name]) =>
            el(
              "div",
              { class: "control" },
              el("b", {}, decimals(run.means[key])),
              el("span", {}, name),
            ),
          ),
        ),
        el(
          "p",
          { class: "small" },
          `Mean over ${count(run.trials, "trial", "trials")} of ${count(run.mice, "mouse", "mice")}${unseen}.`,
        ),
      );
    }),
  );
}

/** Several runs: means side by side, trial by trial differences, the settings in which they differ. */
function comparison() {
  if (report.runs.length < 2) return null;
  const scores = COLUMNS.map((column) => ({
    title: scoreTitle(column),
    help: scoreHelp(column),
    value: ({ run }) => run.means[column] ?? null,
    cell: ({ run }) => scoreCell(column, run.means[column], run.control_means?.[column] ?? null),
  }));
  const paired = report.runs.map((run, index) => {
    const pairs = report.mice
      .flatMap((mouse) => mouse.trials)
      .map((trial) => [trial.scored[0], trial.scored[index]]);
    const common = pairs
      .filter(([a, b]) => a && b)
      .map(([a, b]) => b.scores.pixel_correlation - a.scores.pixel_correlation);
    return {
      trials: common.length,
      mean: common.length ? common.reduce((a, b) => a + b, 0) / common.length : null,
      better: common.filter((d) => d > 0).length,
    };
  });
  const differences = [
    {
      title: "difference in pixel r",
      help: `To ${report.runs[0].name}, mean over the trials that both have`,
      value: ({ index }) => (index ? paired[index].mean : null),
      cell: ({ index }) => (index ? decimals(paired[index].mean, 3) : NOTHING),
    },
    {
      title: "trials better",
      help: `Than in ${report.runs[0].name}`,
      value: ({ index }) => (index ? paired[index].better : null),
      cell: ({ index }) => (index ? `${paired[index].better} of ${paired[index].trials}` : NOTHING),
    },
  ];
  const columns = [
    { title: "run", value: ({ run }) => run.name },
    { title: "mice", value: ({ run }) => run.mice },
    { title: "trials", value: ({ run }) => run.trials },
    ...scores.slice(0, 1),
    ...differences,
    ...scores.slice(1),
  ];
  const settings = [
    { title: "setting", value: ([name]) => name, cell: ([name]) => el("code", {}, name) },
    ...report.runs.map((run, index) => ({
      title: run.name,
      value: ([, values]) => values[index],
      cell: ([, values]) => el("code", {}, values[index] || NOTHING),
    })),
  ];
  return [
    table({
      caption: "The runs, mean over trials and mice; below each score that of its control",
      columns,
      rows: report.runs.map((run, index) => ({ run, index })),
    }),
    report.differences.length > 0
      ? table({ caption: "Settings that differ", columns: settings, rows: report.differences })
      : el("p", {}, "Their settings are the same."),
    report.courses
      ? el(
          "figure",
          { class: "chart" },
          el("figcaption", {}, "Quality against compute (course.png)"),
          el("img", {
            src: `data:image/png;base64,${report.courses}`,
            alt: "Pixel correlation of the movies on their way over the clip gradients spent, one curve for each run",
            loading: "lazy",
          }),
        )
      : null,
  ];
}
