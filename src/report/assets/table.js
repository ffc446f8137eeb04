// Tables that sort by any column.

/**
 * A table: `columns` of {title, help, value(row), cell(row)}; numbers stand right, texts left.
 * `foot` is a list of cells under it.
 */
function table({ caption, columns, rows, foot, onclick }) {
  const kinds = columns.map((column) => (isNumeric(column, rows) ? "number" : ""));
  const heads = columns.map((column, index) => {
    const arrow = el("span", { class: "arrow", "aria-hidden": "true" });
    const button = el("button", { type: "button", onclick: () => sort(index) }, column.title, arrow);
    return el("th", { scope: "col", class: kinds[index], title: column.help }, button);
  });
  const lines = rows.map((row) => {
    const cells = columns.map((column, index) => {
      const content = column.cell ? column.cell(row) : (column.value(row) ?? NOTHING);
      const first = index === 0;
      return el(first ? "th" : "td", { class: kinds[index], scope: first ? "row" : null }, content);
    });
    return { row, node: el("tr", onclick ? { class: "link", onclick: () => onclick(row) } : {}, cells) };
  });
  const body = el(
    "tbody",
    {},
    lines.map((line) => line.node),
  );
  let order = { column: -1, down: false };
  function sort(column) {
    // The best first: large numbers, but texts from a on.
    const down = order.column === column ? !order.down : kinds[column] === "number";
    order = { column, down };
    const { value } = columns[column];
    const sorted = [...lines].sort((a, b) => compare(value(a.row), value(b.row), down));
    body.replaceChildren(...sorted.map((line) => line.node));
    heads.forEach((head, at) => {
      if (at === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  }
  const under = foot?.map((cell, index) => el(index === 0 ? "th" : "td", { class: kinds[index] }, cell));
  const node = el(
    "table",
    {},
    caption ? el("caption", {}, caption) : null,
    el("thead", {}, el("tr", {}, heads)),
    body,
    under ? el("tfoot", {}, el("tr", {}, under)) : null,
  );
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption ?? "Table" }, node);
}

function isNumeric(column, rows) {
  const values = rows.map((row) => column.value(row));
  return values.length > 0 && values.every((value) => value === null || typeof value === "number");
}

/** The order of two cells; empty ones come last either way. */
function compare(x, y, down) {
  if (x === null || y === null) return (x === null) - (y === null);
  const numbers = typeof x === "number" && typeof y === "number";
  const difference = numbers ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
  return down ? -difference : difference;
}
