"use strict";
// Sorts and filters every table of the page, and says on hovering what a mark of a plot is. Without it all rows are
// there, in the order of their numbers, and a mark says the name of its network.
(() => {
  const SHOWN = 50;
  const NOTHING = "–";

  const numberOf = (text) => {
    // A number alone, or with a range in brackets behind it.
    const found = /^(-?[\d,]*\.?\d+)(?: \(.*\))?$/.exec(text);
    return found ? parseFloat(found[1].replaceAll(",", "")) : NaN;
  };

  // "<5", ">=5", "2..5" compare numbers; anything else is looked for in the text.
  const matches = (text, wanted) => {
    const bound = /^(<=|>=|<|>|=)\s*(-?[\d.]+)$/.exec(wanted);
    const range = /^(-?[\d.]+)\s*\.\.\s*(-?[\d.]+)$/.exec(wanted);
    const value = numberOf(text);
    if (range) return value >= +range[1] && value <= +range[2];
    if (!bound) return text.toLowerCase().includes(wanted.toLowerCase());
    const limit = +bound[2];
    return { "<": value < limit, ">": value > limit, "<=": value <= limit, ">=": value >= limit, "=": value === limit }[bound[1]];
  };

  for (const path of document.querySelectorAll("path[data-words]")) {
    const words = path.dataset.words.split("|");
    const ways = path.getAttribute("d").split(/(?=M)/);
    const name = path.textContent;
    path.removeAttribute("data-words");
    path.replaceWith(...ways.map((way, index) => {
      path.setAttribute("d", way);
      path.firstChild.textContent = `${name}: ${words[index]}`;
      return path.cloneNode(true);
    }));
  }

  const made = (name, properties) => Object.assign(document.createElement(name), properties);

  for (const box of document.querySelectorAll(".table")) {
    const table = box.querySelector("table");
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    const names = heads.map((head) => [...head.childNodes].map((part) => part.textContent.trim()).join(" "));
    const rows = [...body.rows].map((row) => ({ row, texts: [...row.cells].map((cell) => cell.textContent.trim()) }));
    if (rows.length < 2) continue;
    const numeric = heads.map((_, column) =>
      rows.every(({ texts }) => texts[column] === NOTHING || !Number.isNaN(numberOf(texts[column]))));
    const state = { column: -1, descending: false, all: false };

    const tools = made("div", { className: "tools" });
    const search = made("input", { type: "search", placeholder: "search all columns" });
    search.setAttribute("aria-label", "search all columns");
    const chosen = made("select", { className: "phone" });
    chosen.setAttribute("aria-label", "sort by");
    chosen.append(new Option("sort by …", "-1"), ...names.map((name, column) => new Option(name, column)));
    const turn = made("button", { type: "button", className: "phone", textContent: "▲▼" });
    turn.setAttribute("aria-label", "turn the order round");
    const count = made("span", { className: "quiet" });
    count.setAttribute("aria-live", "polite");
    const more = made("button", { type: "button" });
    tools.append(search, chosen, turn, count, more);
    if (rows.length > 5) box.before(tools);

    const filters = made("tr", { className: "filters" });
    const inputs = heads.map((_, column) => {
      const input = made("input", { type: "text", size: 1, placeholder: numeric[column] ? "> <" : "…" });
      input.setAttribute("aria-label", `filter ${names[column]}`);
      filters.append(made("th", {}));
      filters.lastChild.append(input);
      return input;
    });
    if (rows.length > 5) table.tHead.append(filters);

    const show = () => {
      const wanted = inputs.map((input) => input.value.trim());
      const anywhere = search.value.trim();
      let found = 0;
      for (const { row, texts } of rows) {
        const fits = wanted.every((text, column) => !text || matches(texts[column], text)) &&
          (!anywhere || texts.some((text) => matches(text, anywhere)));
        row.hidden = !fits || (found >= SHOWN && !state.all);
        found += fits;
      }
      count.textContent = found === rows.length ? `${found} rows` : `${found} of ${rows.length} rows`;
      more.hidden = found <= SHOWN;
      more.textContent = state.all ? `Show the first ${SHOWN}` : `Show all ${found}`;
    };

    const sort = (column, descending) => {
      Object.assign(state, { column, descending });
      const sign = descending ? -1 : 1;
      rows.sort((one, other) => {
        const [a, b] = [one.texts[column], other.texts[column]];
        // What is not known comes last in either order.
        if (a === NOTHING || b === NOTHING) return (a === NOTHING) - (b === NOTHING);
        return sign * (numeric[column] ? numberOf(a) - numberOf(b) : a.localeCompare(b, "en", { numeric: true }));
      });
      body.append(...rows.map(({ row }) => row));
      heads.forEach((head, index) => {
        if (index === column) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      });
      chosen.value = column;
      show();
    };

    heads.forEach((head, column) => {
      const button = made("button", { type: "button" });
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => sort(column, state.column === column && !state.descending));
    });
    chosen.addEventListener("change", () => { if (+chosen.value >= 0) sort(+chosen.value, state.descending); });
    turn.addEventListener("click", () => sort(Math.max(state.column, 0), !state.descending));
    more.addEventListener("click", () => { state.all = !state.all; show(); });
    for (const input of [search, ...inputs]) input.addEventListener("input", show);
    show();
  }
})();
