// Every trial as a line of marks: its score and those of its controls.

/** More trials than this are a list to scroll. */
const MANY = 16;

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
            ...controls.map(([key, name, shape]) => ({
              value: scored.scores[key] ?? null,
              shape,
              name,
              color: many ? runColor(run) : "var(--control)",
            })),
            {
              value: scored.scores.pixel_correlation ?? null,
              shape: "dot",
              name: many ? report.runs[run].name : "reconstruction",
              color: runColor(run),
            },
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
    // Of a long list the end is out of sight: its axis stands on top.
    const long = rows.length > MANY;
    const [right, top, height] = [width - 16, long ? 40 : 8, rows.length * row_height + 44];
    const x = (value) => left + ((value - low) / (high - low)) * (right - left);
    const drawn = svg("svg", { width, height, class: "dots" });
    const bottom = top + rows.length * row_height;
    const across = ticks(low, high, width / 90);
    for (const tick of across.values) {
      drawn.append(
        svg("line", {
          x1: x(tick),
          x2: x(tick),
          y1: top,
          y2: bottom,
          class: Math.abs(tick) < 1e-9 ? "zero" : "grid",
        }),
      );
      drawn.append(
        svg(
          "text",
          { x: x(tick), y: long ? top - 8 : bottom + 16, "text-anchor": "middle" },
          tickText(tick, across.step),
        ),
      );
    }
    drawn.append(
      svg(
        "text",
        { x: (left + right) / 2, y: long ? 12 : height - 3, "text-anchor": "middle", class: "axis" },
        "pixel correlation",
      ),
    );
    rows.forEach(({ mouse, trial }, index) => {
      const y = top + (index + 0.5) * row_height;
      const said = marks[index].map((mark) => `${mark.name} ${decimals(mark.value)}`).join(", ");
      const label = several ? `${mouse.name} \u00b7 ${trial.trial}` : `trial ${trial.trial}`;
      const line = svg("a", {
        href: `#${trial.key}`,
        class: "row",
        "aria-label": `${mouse.name}, trial ${trial.trial}: ${said}`,
        onclick: (event) => (event.preventDefault(), open(trial.key)),
      });
      line.append(
        svg("title", {}, said),
        svg("rect", { x: 0, y: y - row_height / 2, width, height: row_height, class: "hit" }),
      );
      line.append(
        svg("text", { x: left - 12, y: y + 4, "text-anchor": "end" }, shortened(label, (left - 12) / 7)),
      );
      line.append(svg("line", { x1: left, x2: right, y1: y, y2: y, class: "grid" }));
      for (const { value, shape, color } of marks[index])
        if (value !== null) line.append(mark(shape, x(value), y, color));
      drawn.append(line);
    });
    return drawn;
  });
  const kinds = [...new Map(marks.flat().map((mark) => [`${mark.name}${mark.color}`, mark])).values()];
  if (!many) kinds.reverse();
  const legend = kinds.map(({ shape, color, name }) =>
    el(
      "span",
      { class: "key" },
      svg("svg", { width: 14, height: 14, "aria-hidden": "true" }, mark(shape, 7, 7, color)),
      shape === "dot" ? name : `control: ${name}`,
    ),
  );
  return el(
    "figure",
    { class: "chart" },
    el(
      "figcaption",
      {},
      el("strong", {}, "Every trial; choose one to watch it"),
      el("span", { class: "keys" }, legend),
    ),
    el("div", { class: "tall", tabindex: rows.length > MANY ? 0 : null }, holder),
  );
}

function shortened(text, most) {
  return text.length > most ? `${text.slice(0, Math.max(1, Math.floor(most) - 1))}\u2026` : text;
}
