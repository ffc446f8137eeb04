// The curves of neuron ablations: how good a reconstruction is with fewer neurons.

/** Files of the ablation that its curves are drawn from, or that show the same. */
const ABLATION = { curves: "neuron_ablation_curves.csv", picture: "neuron_ablation.png" };

/** One chart for each mouse, and one over mice; none where the run has no ablation. */
function ablationCharts(run, titled) {
  const found = run.tables.find((table) => table.title === ABLATION.curves);
  if (!found) return [];
  const rows = found.rows.map((row) =>
    Object.fromEntries(found.columns.map((column, at) => [column, numeric(row[at])])),
  );
  const mice = [...new Set(rows.map((row) => row.mouse))];
  return mice.map((mouse) => {
    const own = rows.filter((row) => row.mouse === mouse).sort((a, b) => a.neurons - b.neurons);
    const ways = [...new Set(own.map((row) => `${row.by}, ${row.method}`))];
    const lines = ways.flatMap((way, index) => {
      const points = own.filter((row) => `${row.by}, ${row.method}` === way);
      const of = (column) => points.map((point) => point[column] ?? null);
      const common = { x: of("neurons"), color: runColor(index) };
      return [
        { ...common, y: of("pixel_correlation"), low: of("low_95"), high: of("high_95"), label: way },
        { ...common, y: of("fit"), dashed: true, label: "fit: a + b ln(neurons)" },
      ];
    });
    const { unit, n } = own[0];
    return chart({
      title: titled(mouse === "all" ? "Fewer neurons, over mice" : `Fewer neurons, ${mouse}`),
      x: "neurons",
      y: "pixel correlation",
      lines,
      marks: [...new Set(own.map((row) => Math.round(row.neurons)))],
      note: `Mean over ${n} ${unit}; the band is its 95 % interval.`,
    });
  });
}
