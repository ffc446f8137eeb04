// Every trial as a line of marks: its score and those of its controls.

/** More trials than this are a list to scroll. */
const MANY = 16;
/** Height of a line, in pixels. */
const LINE = 26;

/** Marks that are drawn by lines, from their middle. */
const PATHS = {
  cross: "m-4 -4l8 8m0 -8l-8 8",
  plus: "m-5 0h10m-5 -5v10",
  bar: "m0 -6v12",
  diamond: "m0 -5l5 5l-5 5l-5 -5z",
  triangle: "m0 -5l5 8h-10z",
};

/** The mark of a score in the plot of all trials. */
function mark(shape, x, y, color) {
  if (shape === "dot") return svg("circle", { cx: x, cy: y, r: 5.5, class: "dot", style: `fill:${color}` });
  if (shape === "ring")
    return svg("circle", { cx: x, cy: y, r: 4, class: "hollow", style: `stroke:${color}` });
  if (shape === "square")
    return svg("rect", {
      x: x - 3.5,
      y: y - 3.5,
      width: 7,
      height: 7,
      class: "hollow",
      style: `stroke:${color}`,
    });
  const path = PATHS[shape] ?? PATHS.cross;
  return svg("path", { d: `M${x} ${y}${path}`, class: "hollow", style: `stroke:${color}` });
}

/** The marks of a trial: its score last, so that it lies on top. */
function marksOf(trial) {
  const many = report.runs.length > 1;
  // Of several runs only one control has room.
  const controls = many ? CONTROLS.slice(2, 3) : CONTROLS;
  return trial.scored.flatMap((scored, run) => {
    if (!scored) return [];
    const color = many ? runColor(run) : "var(--control)";
    const name = many ? report.runs[run].name : "reconstruction";
    return [
      ...controls.map(([key, name, shape]) => ({ value: scored.scores[key] ?? null, shape, name, color })),
      { value: scored.scores.pixel_correlation ?? null, shape: "dot", name, color: runColor(run) },
    ];
  });
}

/** Every trial a line: its pixel correlation and those of its controls. */
function allTrials(open) {
  const rows = report.mice.flatMap((mouse) =>
    mouse.trials.map((trial) => ({ mouse, trial, marks: marksOf(trial) })),
  );
  const [low, high] = extent(rows.map(({ marks }) => marks.map((mark) => mark.value)));
  const range = [Math.min(low, 0) - 0.04, Math.max(high, 0.5) + 0.04];
  const holder = el("div", { class: "drawing" });
  atEveryWidth(holder, 640, (width) => drawTrials(rows, range, width, open));
  const all = rows.flatMap(({ marks }) => marks);
  const kinds = [...new Map(all.map((mark) => [`${mark.name}${mark.color}`, mark])).values()];
  if (report.runs.length === 1) kinds.reverse();
  const legend = kinds.map(({ shape, color, name }) => {
    const sample = svg("svg", { width: 14, height: 14, "aria-hidden": "true" }, mark(shape, 7, 7, color));
    return el("span", { class: "key" }, sample, name);
  });
  const title = el("strong", {}, "Every trial; choose one to watch it");
  return el(
    "figure",
    { class: "chart" },
    el("figcaption", {}, title, el("span", { class: "keys" }, legend)),
    el("div", { class: "tall", tabindex: rows.length > MANY ? 0 : null }, holder),
  );
}

function drawTrials(rows, [low, high], width, open) {
  const several = report.mice.length > 1;
  const left = several ? Math.min(190, width * 0.35) : 76;
  // Of a long list the end is out of sight: its axis stands on top.
  const long = rows.length > MANY;
  const [right, top, bottom] = [width - 16, long ? 40 : 8, (long ? 40 : 8) + rows.length * LINE];
  const height = bottom + (long ? 4 : 36);
  const x = (value) => left + ((value - low) / (high - low)) * (right - left);
  const drawn = svg("svg", { width, height, class: "dots" });
  const across = ticks(low, high, width / 90);
  for (const tick of across.values) {
    const middle = { x: x(tick), y: long ? top - 8 : bottom + 16, "text-anchor": "middle" };
    const kind = Math.abs(tick) < 1e-9 ? "zero" : "grid";
    drawn.append(
      svg("line", { x1: x(tick), x2: x(tick), y1: top, y2: bottom, class: kind }),
      svg("text", middle, tickText(tick, across.step)),
    );
  }
  const axis = { x: (left + right) / 2, y: long ? 12 : height - 3, "text-anchor": "middle", class: "axis" };
  drawn.append(svg("text", axis, "pixel correlation"));
  rows.forEach(({ mouse, trial, marks }, index) => {
    const y = top + (index + 0.5) * LINE;
    const said = marks.map((mark) => `${mark.name} ${decimals(mark.value)}`).join(", ");
    const label = several ? `${mouse.name} \u00b7 ${trial.trial}` : `trial ${trial.trial}`;
    const shown = marks.filter(({ value }) => value !== null);
    const line = svg(
      "a",
      {
        href: `#${trial.key}`,
        class: "row",
        "aria-label": `${mouse.name}, trial ${trial.trial}: ${said}`,
        onclick: (event) => (event.preventDefault(), open(trial.key)),
      },
      svg("title", {}, said),
      svg("rect", { x: 0, y: y - LINE / 2, width, height: LINE, class: "hit" }),
      svg("text", { x: left - 12, y: y + 4, "text-anchor": "end" }, shortened(label, (left - 12) / 7)),
      svg("line", { x1: left, x2: right, y1: y, y2: y, class: "grid" }),
      shown.map(({ value, shape, color }) => mark(shape, x(value), y, color)),
    );
    drawn.append(line);
  });
  return drawn;
}

function shortened(text, most) {
  return text.length > most ? `${text.slice(0, Math.max(1, Math.floor(most) - 1))}\u2026` : text;
}
