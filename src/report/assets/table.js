// Tables that sort by any column.

/**
 * A table: `columns` of {title, help, value(row), cell(row)}; numbers stand right, texts left.
 * `foot` is a list of cells under it.
 */
function table({ caption, columns, rows, foot, onclick }) {
  const body = el("tbody");
  let order = { column: -1, down: false };
  const heads = columns.map((column, index) =>
    el(
      "th",
      { scope: "col", class: isNumber(column) ? "number" : "", title: column.help },
      el(
        "button",
        { type: "button", onclick: () => sort(index) },
        column.title,
        el("span", { class: "arrow", "aria-hidden": "true" }),
      ),
    ),
  );
  function isNumber(column) {
    return (
      rows.length > 0 &&
      rows.every((row) => column.value(row) === null || typeof column.value(row) === "number")
    );
  }
  const numbers = columns.map(isNumber);
  const lines = rows.map((row) => {
    const cells = columns.map((column, index) => {
      const content = column.cell ? column.cell(row) : (column.value(row) ?? NOTHING);
      return el(
        index === 0 ? "th" : "td",
        { class: numbers[index] ? "number" : "", scope: index === 0 ? "row" : null },
        content,
      );
    });
    return { row, node: el("tr", onclick ? { class: "link", onclick: () => onclick(row) } : {}, cells) };
  });
  function sort(index) {
    // The best first: large numbers, but texts from a on.
    order =
      order.column === index ? { column: index, down: !order.down } : { column: index, down: numbers[index] };
    const value = columns[index].value;
    const sorted = [...lines].sort(({ row: a }, { row: b }) => {
      const [x, y] = [value(a), value(b)];
      if (x === null || y === null) return (x === null) - (y === null);
      const difference =
        typeof x === "number" && typeof y === "number"
          ? x - y
          : String(x).localeCompare(String(y), "en", { numeric: true });
      return order.down ? -difference : difference;
    });
    body.replaceChildren(...sorted.map((line) => line.node));
    heads.forEach((head, at) => {
      if (at === index) head.setAttribute("aria-sort", order.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  }
  body.append(...lines.map((line) => line.node));
  const under = foot
    ? el(
        "tfoot",
        {},
        el(
          "tr",
          {},
          foot.map((cell, index) =>
            el(index === 0 ? "th" : "td", { class: numbers[index] ? "number" : "" }, cell),
          ),
        ),
      )
    : null;
  const node = el(
    "table",
    {},
    caption ? el("caption", {}, caption) : null,
    el("thead", {}, el("tr", {}, heads)),
    body,
    under,
  );
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption ?? "Table" }, node);
}
