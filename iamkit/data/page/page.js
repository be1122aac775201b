// Sorting, filtering and paging. Rows are moved and hidden, never written.
(() => {
  "use strict";
  const FIRST = 10;
  const PAGE = 100;
  const MISSING = "–";
  const RANK = ["critical", "high", "medium", "low", "info", "fail", "not assessed", "accepted", "not applicable", "pass"];
  const narrow = matchMedia("(max-width: 40rem)");
  const make = (tag, values) => Object.assign(document.createElement(tag), values);
  const written = (number) => number.toLocaleString("en");

  function keyOf(text, kind) {
    if (text === MISSING || text === "") return null;
    if (kind === "number") return Number(text);
    if (kind === "severity" && RANK.includes(text)) return String.fromCharCode(RANK.indexOf(text));
    return text.toLowerCase();
  }

  function compare(one, other) {
    if (one === null || other === null) return (one === null) - (other === null);
    return one < other ? -1 : one > other ? 1 : 0;
  }

  function enhance(figure) {
    const body = figure.querySelector("tbody");
    const headers = [...figure.querySelectorAll("thead th")];
    const rows = [...body.rows];
    const found = new Map();
    let order = rows;
    let shown = rows;
    let page = 0;
    let whole = false;
    const { total, file } = figure.dataset;
    const names = headers.map((header) => header.textContent);
    const roles = (selector, role) => figure.querySelectorAll(selector).forEach((each) => each.setAttribute("role", role));

    // On a phone, CSS makes each row a block: cells get labels, and all of them keep their roles.
    function stack() {
      if (!narrow.matches) return;
      if (!figure.classList.contains("stacked")) {
        figure.classList.add("stacked");
        roles("table", "table");
        roles("thead, tbody", "rowgroup");
        roles("thead tr", "row");
        roles("thead th", "columnheader");
      }
      for (const row of rows) {
        if (row.hidden || row.hasAttribute("role")) continue;
        row.setAttribute("role", "row");
        [...row.cells].forEach((cell, column) => {
          cell.setAttribute("role", column ? "cell" : "rowheader");
          if (column) cell.dataset.label = names[column];
        });
      }
    }

    narrow.addEventListener("change", stack);
    stack();
    if (rows.length < 2) return;

    const filter = make("input", { type: "search", placeholder: "Filter rows" });
    filter.setAttribute("aria-label", "Filter rows");
    const previous = make("button", { type: "button", textContent: "Previous" });
    const next = make("button", { type: "button", textContent: "Next" });
    const status = make("output", {});
    const all = make("button", { type: "button" });
    if (rows.length > FIRST) {
      const controls = make("div", { className: "controls" });
      controls.append(filter, all);
      if (rows.length > PAGE) controls.append(previous, next);
      controls.append(status);
      figure.prepend(controls);
    }

    function paint() {
      const size = whole || filter.value.trim() ? PAGE : FIRST;
      const visible = new Set(shown.slice(page * size, (page + 1) * size));
      for (const row of rows) if (row.hidden === visible.has(row)) row.hidden = !row.hidden;
      const from = shown.length ? page * size + 1 : 0;
      const to = Math.min(shown.length, (page + 1) * size);
      stack();
      previous.hidden = next.hidden = size === FIRST;
      previous.disabled = page === 0;
      next.disabled = to === shown.length;
      all.textContent = whole ? `Show ${FIRST} rows` : `Show all ${written(rows.length)} rows`;
      status.value = `${written(from)}–${written(to)} of ${written(shown.length)}`;
      if (shown.length < rows.length) status.value += ` found in ${written(rows.length)}`;
      if (shown.length || !total) return;
      const more = written(total - rows.length);
      status.value += `. ${more} more rows are ${file ? `in ${file}` : "not on this page"}.`;
    }

    function search() {
      const wanted = filter.value.trim().toLowerCase();
      const holds = (row) => {
        if (!found.has(row)) found.set(row, [...row.cells].map((c) => c.textContent).join("\n").toLowerCase());
        return found.get(row).includes(wanted);
      };
      shown = wanted ? order.filter(holds) : order;
      page = 0;
      paint();
    }

    function sort(header, column) {
      const down = header.getAttribute("aria-sort") === "ascending";
      for (const other of headers) other.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", down ? "descending" : "ascending");
      const keys = new Map(rows.map((row) => [row, keyOf(row.cells[column].dataset.sort ?? row.cells[column].textContent.trim(), header.dataset.kind)]));
      order = [...rows].sort((a, b) => {
        const [one, other] = [keys.get(a), keys.get(b)];
        const both = one !== null && other !== null;
        return down && both ? compare(other, one) : compare(one, other);
      });
      body.append(...order);
      search();
    }

    headers.forEach((header, column) => {
      const button = make("span", { tabIndex: 0 });
      button.setAttribute("role", "button");
      button.append(...header.childNodes);
      header.append(button);
      button.addEventListener("click", () => sort(header, column));
      button.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        sort(header, column);
      });
    });
    filter.addEventListener("input", search);
    all.addEventListener("click", () => { whole = !whole; page = 0; paint(); });
    previous.addEventListener("click", () => { page -= 1; paint(); });
    next.addEventListener("click", () => { page += 1; paint(); });
    paint();
  }

  // A link to what lies in a fold opens the fold.
  function reveal() {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const shut = target && target.closest("details:not([open])");
    if (!shut) return;
    shut.open = true;
    shut.scrollIntoView();
  }

  document.querySelectorAll("figure.table").forEach(enhance);
  addEventListener("hashchange", reveal);
  reveal();
})();
