// The Python source: each expression that became an operation can be chosen.
import { made, tinted } from "./dom.js";
import { List } from "./list.js";
import { group } from "./program.js";

export class SourcePane {
  constructor(host, program, state) {
    Object.assign(this, { program, state, rows: [] });
    for (const [file, { first, lines }] of Object.entries(program.sources)) {
      if (this.rows.length) this.rows.push({ text: "" });
      this.rows.push({ text: file, head: true });
      lines.forEach((text, k) => this.rows.push({ text, file, line: first + k }));
    }
    this.rowOf = new Map(this.rows.map((row, k) => [`${row.file}:${row.line}`, k]));
    const all = Array.from({ length: program.count }, (_, i) => i);
    this.valuesAt = group(all.filter((i) => program.v.place[i] >= 0), (i) => program.v.place[i]);
    this.placesOn = new Map();
    for (const number of this.valuesAt.keys()) this.note(number);
    if (!this.rows.length) {
      host.replaceChildren(made("p", { class: "empty" }, "The operations have no source lines."));
      return;
    }
    this.list = new List(host, {
      label: "Python source",
      fill: (line, row) => this.fill(line, row),
      pick: (row, event) => this.pick(row, event),
    });
    this.list.show(this.rows.length);
    this.list.scrollTo(Math.min(...this.placesOn.keys()));
  }

  note(number) {
    const [file, first, last] = this.program.places[number];
    for (let line = first; line <= last; line++) {
      const row = this.rowOf.get(`${this.program.strings[file]}:${line}`);
      if (row === undefined) continue;
      if (!this.placesOn.has(row)) this.placesOn.set(row, []);
      this.placesOn.get(row).push(number);
    }
  }

  /** The columns that a place takes in a row, or null. */
  span(number, row) {
    const [name, first, last, start, end] = this.program.places[number];
    const { file, line, text } = this.rows[row];
    if (file !== this.program.strings[name]) return null;
    if (line < first || line > last || start < 0) return null;
    return [line === first ? start : text.search(/\S|$/), line === last ? end : text.length];
  }

  fill(element, row) {
    const { text, line, head } = this.rows[row];
    element.classList.toggle("heading", Boolean(head));
    if (head) return element.append(text);
    const traced = this.placesOn.has(row);
    element.append(made("span", { class: traced ? "gutter traced" : "gutter" }, String(line ?? "")));
    const spans = this.marked.map((number) => this.span(number, row)).filter(Boolean);
    if (!spans.length) return element.append(...tinted(text, "python"));
    const [start, end] = spans.reduce(([a, b], [c, d]) => [Math.min(a, c), Math.max(b, d)]);
    element.append(
      ...tinted(text.slice(0, start), "python"),
      made("mark", {}, ...tinted(text.slice(start, end), "python")),
      ...tinted(text.slice(end), "python"),
    );
  }

  /** Selects what the smallest expression at the pointer became, else the whole line. */
  pick(row, event) {
    const places = this.placesOn.get(row) ?? [];
    const column = event instanceof MouseEvent && event.clientX ? columnAt(event) : -1;
    const size = (number) => {
      const [, first, last, start, end] = this.program.places[number];
      return (last - first) * 1e4 + end - start;
    };
    const hit = places.filter((number) => {
      const span = this.span(number, row);
      return span && column >= span[0] && column < span[1];
    });
    const least = hit.reduce((a, b) => Math.min(a, size(b)), Infinity);
    const chosen = hit.length ? hit.filter((number) => size(number) === least) : places;
    const values = chosen.flatMap((number) => this.valuesAt.get(number));
    const alive = values.filter((value) => this.program.isAlive(value, this.state.stage));
    const own = alive.length ? alive : values;
    if (own.length) this.state.select(own.sort((a, b) => a - b), "source");
  }

  get marked() {
    const numbers = this.state.sel.slice(0, 200).map((value) => this.program.v.place[value]);
    return [...new Set(numbers)].filter((number) => number >= 0);
  }

  update(changed, origin) {
    if (!this.list) return;
    const rows = [];
    for (const number of this.marked) {
      const [file, first] = this.program.places[number];
      const row = this.rowOf.get(`${this.program.strings[file]}:${first}`);
      if (row !== undefined) rows.push(row);
    }
    this.list.light(rows, origin !== "source");
  }
}

/** The column of the text that the pointer is at. */
function columnAt(event) {
  const line = event.target.closest(".row");
  const position = document.caretPositionFromPoint?.(event.clientX, event.clientY);
  const range = position ?? document.caretRangeFromPoint?.(event.clientX, event.clientY);
  const node = range?.offsetNode ?? range?.startContainer;
  if (!node || !line.contains(node)) return -1;
  let column = range.offset ?? range.startOffset;
  const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
  const gutter = line.querySelector(".gutter");
  for (let each = walker.nextNode(); each && each !== node; each = walker.nextNode()) {
    if (!gutter.contains(each)) column += each.length;
  }
  return gutter.contains(node) ? -1 : column;
}
