"use strict";
const boxes = [...document.querySelectorAll(".switches input")];
const count = () => {
  const on = boxes.filter((box) => box.checked).length;
  for (const place of document.querySelectorAll(".shown")) place.textContent = `${on} of ${boxes.length} shown`;
  document.body.toggleAttribute("data-few", on <= 12);
};
const picks = {
  best: (box) => box.dataset.best !== undefined,
  tuned: (box) => box.dataset.form !== "default",
  default: (box) => box.dataset.form !== "tuned",
};
for (const buttons of document.querySelectorAll(".buttons")) {
  buttons.hidden = false;
  for (const button of buttons.children) {
    button.addEventListener("click", () => {
      const pick = picks[button.dataset.pick] ?? (() => button.dataset.all !== "");
      for (const box of boxes) box.checked = pick(box);
      count();
    });
  }
}
for (const box of boxes) box.addEventListener("change", count);
count();
const key = (row, column) => {
  const cell = row.cells[column];
  if (cell.dataset.sort !== undefined) return Number(cell.dataset.sort);
  const text = cell.firstChild?.textContent ?? "";
  const value = cell.classList.contains("number") && text !== "" ? Number(text) : NaN;
  return Number.isNaN(value) ? text : value;
};
const compare = (a, b) => {
  if (typeof a === typeof b) return typeof a === "number" ? (a < b ? -1 : a > b ? 1 : 0) : a.localeCompare(b);
  return typeof a === "number" ? -1 : 1;
};
const equip = (table) => {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  for (const [column, head] of [...table.tHead.rows[0].cells].entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const isDown = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
      const sign = isDown ? -1 : 1;
      body.append(...[...rows].sort((a, b) => sign * compare(key(a, column), key(b, column))));
    });
  }
  const bar = document.createElement("div");
  bar.className = "filter";
  const label = document.createElement("label");
  label.textContent = "Filter rows ";
  const input = document.createElement("input");
  input.type = "search";
  input.placeholder = "words in the row";
  const seen = document.createElement("output");
  const show = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    seen.textContent = `${shown} of ${rows.length} rows`;
  };
  input.addEventListener("input", show);
  label.append(input);
  bar.append(label, seen);
  table.parentElement.before(bar);
  show();
};
for (const table of document.querySelectorAll("table[data-tool]")) equip(table);
const unpack = async (box) => {
  const bytes = Uint8Array.from(atob(box.dataset.packed), (letter) => letter.charCodeAt(0));
  box.removeAttribute("data-packed");
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  box.innerHTML = await new Response(stream).text();
  makeReachable();
  for (const table of box.querySelectorAll("table[data-tool]")) equip(table);
};
const makeReachable = () => {
  for (const box of document.querySelectorAll(".wide")) {
    if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
};
const unpackSeen = () => {
  for (const box of document.querySelectorAll("[data-packed]")) {
    if (box.checkVisibility?.() ?? box.getClientRects().length > 0) unpack(box);
  }
};
document.addEventListener("toggle", unpackSeen, true);
for (const choice of document.querySelectorAll("input[name=cost]")) choice.addEventListener("change", unpackSeen);
addEventListener("resize", makeReachable);
makeReachable();
unpackSeen();
