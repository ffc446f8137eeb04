// Strips: what moves with the movie, one above the other on one axis of time, under one cursor.

/** The strips of a trial: `frames` long, of which movies show `first` to `end`. */
function strips({ frames, first, end, rate, list }) {
  const node = el("div", { class: "strips" });
  const updates = [];
  for (const strip of list) {
    const { row, update } = strip.picture ? pictureStrip(strip, frames) : lineStrip(strip, frames);
    row
      .querySelector(".plot")
      .append(...[notShown(0, first, frames), notShown(end, frames, frames)].filter(Boolean));
    node.append(row);
    updates.push(update);
  }
  node.append(timeAxis(frames, rate));
  const seek = (event) => {
    const plot = event.currentTarget.getBoundingClientRect();
    clock.play(false);
    clock.seek(Math.floor(((event.clientX - plot.left) / plot.width) * frames));
  };
  for (const plot of node.querySelectorAll(".plot")) {
    plot.append(el("div", { class: "cursor" }));
    plot.addEventListener("pointerdown", (event) => {
      plot.setPointerCapture(event.pointerId);
      seek(event);
    });
    plot.addEventListener("pointermove", (event) => {
      if (plot.hasPointerCapture(event.pointerId)) seek(event);
    });
  }
  return {
    node,
    show(frame) {
      // One style moves the cursors of all strips.
      node.style.setProperty("--now", `${(100 * (frame + 0.5)) / frames}%`);
      for (const update of updates) update(frame);
    },
  };
}

/** Shades a stretch of the trial that has no movie. */
function notShown(from, to, frames) {
  if (to <= from) return null;
  const style = `left:${(100 * from) / frames}%;width:${(100 * (to - from)) / frames}%`;
  return el("div", { class: "unseen", style, title: "no movie of this part is kept" });
}

/** Lines over time: `lines` of {label, values, first, color, dashed}. */
function lineStrip({ name, help, lines, zero, count: places = digits }, frames) {
  let [low, high] = extent(lines.map((line) => line.values));
  if (zero) [low, high] = [Math.min(low, 0), Math.max(high, 0)];
  const margin = 0.06 * (high - low);
  const y = (value) => 100 - (100 * (value - low + margin)) / (high - low + 2 * margin);
  const drawn = svg("svg", {
    viewBox: `0 0 ${frames} 100`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  if (low < 0 && high > 0)
    drawn.append(svg("line", { x1: 0, x2: frames, y1: y(0), y2: y(0), class: "zero" }));
  const readings = lines.map((line) => el("b", {}));
  lines.forEach((line) => {
    drawn.append(
      svg("path", {
        d: path(line.values, (at) => at + (line.first ?? 0) + 0.5, y),
        class: line.dashed ? "line dashed" : "line",
        style: `stroke:${line.color}`,
      }),
    );
  });
  const keysOf = lines.map((line, index) =>
    el(
      "span",
      { class: "key" },
      el("i", { class: line.dashed ? "stroke dashed" : "stroke", style: `border-color:${line.color}` }),
      line.label ? `${line.label} ` : null,
      readings[index],
    ),
  );
  const alt = `${name} over the trial, from ${places(low)} to ${places(high)}`;
  const row = el(
    "div",
    { class: "strip" },
    el("div", { class: "name", title: help }, el("strong", {}, name), el("div", { class: "keys" }, keysOf)),
    el(
      "div",
      { class: "scale", "aria-hidden": "true" },
      el("span", {}, places(high)),
      el("span", {}, places(low)),
    ),
    el("div", { class: "plot", role: "img", "aria-label": alt }, drawn),
  );
  const update = (frame) =>
    lines.forEach(
      (line, index) => (readings[index].textContent = places(line.values[frame - (line.first ?? 0)] ?? null)),
    );
  return { row, update };
}

/** Draws a line with gaps where there is no value. */
function path(values, x, y) {
  let [d, pen] = ["", "M"];
  values.forEach((value, at) => {
    if (value === null) pen = "M";
    else {
      d += `${pen}${x(at).toFixed(2)} ${y(value).toFixed(2)}`;
      pen = "L";
    }
  });
  return d;
}

/** A picture with a column for each frame: grey levels, `[row, frame]`, 128 in the middle. */
function pictureStrip({ name, help, picture, rows }, frames) {
  const canvas = el("canvas", { width: frames, height: rows, "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  const draw = () => {
    const image = context.createImageData(frames, rows);
    // Only what is above the mean: activity, not its absence.
    rampPaint(Array.from(picture), 118, 255)(0, image.data);
    context.putImageData(image, 0, 0);
  };
  draw();
  const row = el(
    "div",
    { class: "strip picture" },
    el("div", { class: "name", title: help }, el("strong", {}, name), el("div", { class: "keys" }, help)),
    el("div", { class: "scale" }),
    el("div", { class: "plot", role: "img", "aria-label": `${name}: ${help}` }, canvas),
  );
  canvas.repaint = draw;
  return { row, update: () => {} };
}

function timeAxis(frames, rate) {
  const seconds = frames / rate;
  const { values, step } = ticks(0, seconds, 10);
  const marks = values.map((value) =>
    el("span", { style: `left:${(100 * value) / seconds}%` }, tickText(value, step)),
  );
  return el(
    "div",
    { class: "strip axis", "aria-hidden": "true" },
    el("div", { class: "name" }, "time in the trial, s"),
    el("div", { class: "scale" }),
    el("div", { class: "marks" }, marks),
  );
}
