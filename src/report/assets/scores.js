// What the scores are, and how each is shown beside its control.

/** Names of the columns of evaluation/trials.csv: title, explanation, what chance gives or which way is better. */
const SCORES = {
  pixel_correlation: [
    "pixel r",
    "Pearson correlation of reconstruction and true movie over all scored pixels and frames: the paper's score",
  ],
  control_mean_movie: ["mean movie", "Control of pixel r: the mean of the training movies as the guess"],
  control_another_trial: [
    "another trial",
    "Control of pixel r: the reconstruction against the movies of other trials, their mean",
  ],
  control_shuffled_neurons: [
    "shuffled neurons",
    "Control of pixel r: a reconstruction from responses shuffled between neurons",
  ],
  control_time_shifted: [
    "time-shifted",
    "Control of pixel r: a reconstruction from responses rolled in time by a second or more",
  ],
  control_linear_decoder: [
    "linear decoder",
    "To compare pixel r with: ridge regression from the responses to every pixel, through the same filter and mask",
  ],
  ceiling_predicted_responses: [
    "model ceiling",
    "Ceiling of pixel r: a reconstruction from what the models predict for the true movie, without the noise of neurons",
  ],
  ceiling_averaged_responses: [
    "averaged",
    "Ceiling of pixel r: a reconstruction from the mean responses over the showings of the movie",
  ],
  frame_correlation: ["frame r", "Correlation over the scored pixels of each frame, averaged over frames"],
  rmse: ["RMSE", "Root mean squared error in grey levels; lower is better"],
  rmse_luminance_contrast_matched: [
    "RMSE, matched",
    "The same after the reconstruction got the luminance and contrast of the truth; lower is better",
  ],
  psnr: ["PSNR, dB", "Peak signal-to-noise ratio"],
  ssim: ["SSIM", "Structural similarity in windows"],
  published_global_ssim: [
    "global SSIM",
    "The variant of the published scripts, near 1 for anything: see its control",
  ],
  motion_energy_correlation: [
    "motion r",
    "Correlation over time of how much the two movies change from frame to frame",
  ],
  response_correlation: [
    "response r",
    "Correlation of the responses predicted from the reconstruction with those it was made to match, mean over neurons. It was optimised for: its control was made to match shuffled responses and shows how much fits anything",
  ],
  response_loss: ["response loss", "Poisson loss of those predictions; lower is better"],
  half_pixel_correlation: ["half: pixel r", "Pixel r of a movie made from a random half of the neurons"],
  half_response_correlation: [
    "half: response r",
    "Response correlation of the half of the neurons that this movie was made from",
  ],
  other_half_response_correlation: [
    "other half: response r",
    "Response correlation of the other half, which this movie was not made from: fitted noise does not help it",
  ],
  half_true_movie_response_correlation: [
    "half: true movie",
    "Response correlation of the first half when the models are shown the true movie",
  ],
  other_half_true_movie_response_correlation: [
    "other half: true movie",
    "Response correlation of the other half when the models are shown the true movie",
  ],
};
/** Says whether any trial has a score; what stands in every report stands there empty, too. */
function isMade(column) {
  const optional = /^(control_time|control_linear|ceiling_|half_|other_half_)/.test(column);
  const has = (scored) => (scored?.scores[column] ?? null) !== null;
  return !optional || report.mice.some((mouse) => mouse.trials.some((trial) => trial.scored.some(has)));
}
/** The columns that there is something in. */
const COLUMNS = report.columns.filter(isMade);
/** Controls and ceilings of pixel r: key, name with what it is, mark in plots. The first three are in every report. */
const CONTROLS = [
  ["control_mean_movie", "control: mean of the training movies", "square"],
  ["control_another_trial", "control: other trials' movies", "cross"],
  ["control_shuffled_neurons", "control: shuffled neurons", "ring"],
  ["control_time_shifted", "control: time-shifted responses", "diamond"],
  ["control_linear_decoder", "linear decoder", "triangle"],
  ["ceiling_predicted_responses", "ceiling: predicted responses", "plus"],
  ["ceiling_averaged_responses", "ceiling: averaged responses", "bar"],
].filter(([key]) => isMade(key));
const isControl = (column) => column.startsWith("control_") || column.startsWith("ceiling_");

function scoreTitle(column) {
  return SCORES[column]?.[0] ?? column.replaceAll("_", " ");
}

function scoreHelp(column) {
  return SCORES[column]?.[1] ?? null;
}

/** A score over that of the shuffled control; the controls of pixel r have columns of their own. */
function scoreCell(column, value, control) {
  if (isControl(column)) return el("span", { class: "control" }, scoreText(value));
  if (column === "pixel_correlation") return el("b", {}, scoreText(value));
  return el(
    "span",
    { class: "beside" },
    el("b", {}, scoreText(value)),
    el("small", { title: "shuffled neurons" }, scoreText(control)),
  );
}

/** The scores of one trial, one line each, of each run: reconstruction and control. */
function trialScores(trial) {
  const runs = trial.scored.map((scored, run) => ({ scored, run })).filter(({ scored }) => scored);
  const rows = COLUMNS.filter((column) => !isControl(column));
  const own = (column) =>
    runs.map(({ scored, run }) => ({
      run,
      column,
      value: scored.scores[column] ?? null,
      control: scored.control?.[column] ?? null,
    }));
  const many = report.runs.length > 1;
  const columns = [
    {
      title: "score",
      value: (row) => scoreTitle(row),
      cell: (row) => el("span", { title: scoreHelp(row) }, scoreTitle(row)),
    },
    ...runs.flatMap(({ run }, at) => [
      {
        title: many ? report.runs[run].name : "reconstruction",
        value: (row) => own(row)[at].value,
        cell: (row) => el("b", {}, scoreText(own(row)[at].value)),
      },
      {
        title: "shuffled neurons",
        help: "Control: reconstructed from responses shuffled between neurons",
        value: (row) => own(row)[at].control,
        cell: (row) => el("span", { class: "control" }, scoreText(own(row)[at].control)),
      },
    ]),
  ];
  const controls = runs.map(({ scored, run }) =>
    el(
      "p",
      { class: "small" },
      many ? `${report.runs[run].name}: ` : "",
      "Pixel r ",
      el("b", {}, decimals(scored.scores.pixel_correlation)),
      " against ",
      CONTROLS.map(([key, name], at) => [at ? ", " : "", name, " ", decimals(scored.scores[key])]),
      ".",
    ),
  );
  return el("div", {}, table({ caption: "Scores of this trial", columns, rows }), controls);
}

/** All trials of a run, sortable, and their mean. */
function runScores(run, open) {
  const rows = report.mice.flatMap((mouse) =>
    mouse.trials
      .filter((trial) => trial.scored[run])
      .map((trial) => ({ mouse, trial, ...trial.scored[run] })),
  );
  const { means, control_means: controls } = report.runs[run];
  const score = (column) => ({
    title: scoreTitle(column),
    help: scoreHelp(column),
    value: (row) => row.scores[column] ?? null,
    cell: (row) => scoreCell(column, row.scores[column] ?? null, row.control?.[column] ?? null),
  });
  const columns = [
    { title: "mouse", value: (row) => row.mouse.name },
    {
      title: "trial",
      value: (row) => row.trial.trial,
      cell: (row) => el("a", { href: `#${row.trial.key}` }, String(row.trial.trial)),
    },
    {
      title: "members",
      help: "Members that had not seen the trial's movie",
      value: (row) => row.scores.members ?? null,
    },
    ...COLUMNS.map(score),
  ];
  const foot = [
    "mean",
    "",
    "",
    ...COLUMNS.map((column) => scoreCell(column, means[column], controls?.[column] ?? null)),
  ];
  return table({
    caption: report.runs[run].name,
    columns,
    rows,
    foot,
    onclick: (row) => open(row.trial.key),
  });
}
