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
    const plot = { left: 58, right: shown - 24, top: 8, bottom: height - 40 };
    const x = (value) => plot.left + ((scale(value) - xs[0]) / (xs[1] - xs[0])) * (plot.right - plot.left);
    const y = (value) => plot.bottom - ((value - ys[0]) / (ys[1] - ys[0])) * (plot.bottom - plot.top);
    const alt = `${title}: ${yLabel} from ${digits(ys[0])} to ${digits(ys[1])} over ${xLabel}`;
    const drawn = svg("svg", { width: shown, height, role: "img", "aria-label": alt });
    const down = ticks(...ys, 4);
    for (const tick of down.values) {
      drawn.append(svg("line", { x1: plot.left, x2: plot.right, y1: y(tick), y2: y(tick), class: "grid" }));
      drawn.append(
        svg("text", { x: plot.left - 8, y: y(tick) + 4, "text-anchor": "end" }, tickText(tick, down.step)),
      );
    }
    const across = marks ? { values: marks, step: 1 } : ticks(...xs, shown / 90);
    for (const tick of across.values) {
      drawn.append(
        svg(
          "text",
          { x: x(tick), y: plot.bottom + 17, "text-anchor": "middle" },
          tickText(tick, across.step),
        ),
      );
    }
    drawn.append(
      svg(
        "text",
        { x: (plot.left + plot.right) / 2, y: height - 4, "text-anchor": "middle", class: "axis" },
        xLabel,
      ),
    );
    const middle = (plot.top + plot.bottom) / 2;
    drawn.append(
      svg(
        "text",
        { x: 12, y: middle, "text-anchor": "middle", transform: `rotate(-90 12 ${middle})`, class: "axis" },
        yLabel,
      ),
    );
    for (const line of lines) {
      if (line.low) drawn.append(band(line, x, y));
      const d = path(line.y, (at) => x(line.x[at]), y);
      drawn.append(
        svg("path", { d, class: line.dashed ? "line dashed" : "line", style: `stroke:${line.color}` }),
      );
      if (line.y.length < 12 && !line.dashed)
        line.y.forEach((value, at) => {
          if (value !== null)
            drawn.append(
              svg("circle", { cx: x(line.x[at]), cy: y(value), r: 3, style: `fill:${line.color}` }),
            );
        });
    }
    return drawn;
  });
  return node;
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
