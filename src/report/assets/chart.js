// Charts that stand still: curves over iterations or steps, drawn anew at every width so that text stays readable.

/**
 * Curves: `lines` of {label, x, y, color, dashed, low, high}, the last two a band around y; says what the axes are.
 * `marks` are places on a logarithmic x; without them it is linear.
 */
function chart({ title, x: xLabel, y: yLabel, lines, note, marks }) {
  const [width, height] = [640, 240];
  const holder = el("div", { class: "drawing" });
  const labels = [...new Map(lines.filter((line) => line.label).map((line) => [line.label, line])).values()];
  const legend = labels.map((line) =>
    el(
      "span",
      { class: "key" },
      el("i", { class: line.dashed ? "stroke dashed" : "stroke", style: `border-color:${line.color}` }),
      line.label,
    ),
  );
  const node = el(
    "figure",
    { class: "chart" },
    el("figcaption", {}, el("strong", {}, title), el("span", { class: "keys" }, legend)),
    holder,
    note ? el("p", { class: "small" }, note) : null,
  );
  const scale = marks ? Math.log : (value) => value;
  const xs = extent(lines.map((line) => line.x.map(scale)));
  const ys = extent(lines.flatMap((line) => [line.y, line.low ?? [], line.high ?? []]));
  atEveryWidth(holder, width, (shown) => {
    const plot = { left: 58, right: shown - 24, top: 8, bottom: height - 40, height };
    const x = (value) => plot.left + ((scale(value) - xs[0]) / (xs[1] - xs[0])) * (plot.right - plot.left);
    const y = (value) => plot.bottom - ((value - ys[0]) / (ys[1] - ys[0])) * (plot.bottom - plot.top);
    const alt = `${title}: ${yLabel} from ${digits(ys[0])} to ${digits(ys[1])} over ${xLabel}`;
    const across = marks ? { values: marks, step: 1 } : ticks(...xs, shown / 90);
    const drawn = svg("svg", { width: shown, height, role: "img", "aria-label": alt });
    drawn.append(...axes(plot, [x, across, xLabel], [y, ticks(...ys, 4), yLabel]));
    for (const line of lines) drawn.append(...curve(line, x, y));
    return drawn;
  });
  return node;
}

/** Ticks and labels of both axes: of each where a value lies, the ticks, the label. */
function axes({ left, right, top, bottom, height }, [x, across, xLabel], [y, down, yLabel]) {
  const parts = [];
  for (const tick of down.values) {
    const text = { x: left - 8, y: y(tick) + 4, "text-anchor": "end" };
    parts.push(svg("line", { x1: left, x2: right, y1: y(tick), y2: y(tick), class: "grid" }));
    parts.push(svg("text", text, tickText(tick, down.step)));
  }
  for (const tick of across.values) {
    const text = { x: x(tick), y: bottom + 17, "text-anchor": "middle" };
    parts.push(svg("text", text, tickText(tick, across.step)));
  }
  const below = { x: (left + right) / 2, y: height - 4, "text-anchor": "middle", class: "axis" };
  const middle = (top + bottom) / 2;
  const turned = { transform: `rotate(-90 12 ${middle})`, "text-anchor": "middle", class: "axis" };
  parts.push(svg("text", below, xLabel), svg("text", { x: 12, y: middle, ...turned }, yLabel));
  return parts;
}

/** A line with its band; with dots where it has few points. */
function curve(line, x, y) {
  const style = `stroke:${line.color}`;
  const d = path(line.y, (at) => x(line.x[at]), y);
  const parts = [svg("path", { d, class: line.dashed ? "line dashed" : "line", style })];
  if (line.low) parts.unshift(band(line, x, y));
  if (line.dashed || line.y.length >= 12) return parts;
  const known = indices(line.y).filter((at) => line.y[at] !== null);
  const dot = (at) =>
    svg("circle", { cx: x(line.x[at]), cy: y(line.y[at]), r: 3, style: `fill:${line.color}` });
  return [...parts, ...known.map(dot)];
}

/** The band between the low and the high of a line, where it has both. */
function band({ x: places, low, high, color }, x, y) {
  const known = indices(places).filter((at) => low[at] !== null && high[at] !== null);
  const upper = known.map((at) => `${x(places[at])} ${y(high[at])}`);
  const lower = known.map((at) => `${x(places[at])} ${y(low[at])}`).reverse();
  return svg("polygon", { points: [...upper, ...lower].join(" "), class: "band", style: `fill:${color}` });
}

/** Draws into a holder whenever its width changes. */
function atEveryWidth(holder, first, draw) {
  let last = 0;
  const redraw = (width) => {
    if (Math.abs(width - last) < 1) return;
    last = width;
    holder.replaceChildren(draw(width));
  };
  redraw(first);
  new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    if (width > 0) requestAnimationFrame(() => redraw(width));
  }).observe(holder);
}

/** Numbers 0, 1, .. as many as a list has. */
function indices(list) {
  return list.map((_, index) => index);
}
