// A list of lines, of which only those in sight are in the page.
import { made } from "./dom.js";

const HEIGHT = 18;
const SPARE = 8;

/**
 * host: the element that scrolls. fill(element, row) writes a line into an element.
 * pick(row, event) is called for a chosen line.
 */
export class List {
  constructor(host, { label, fill, pick }) {
    Object.assign(this, { host, fill, pick });
    this.count = 0;
    this.lit = new Set();
    this.cursor = -1;
    this.area = made("div", { class: "rows" });
    host.classList.add("list");
    host.tabIndex = 0;
    host.setAttribute("role", "listbox");
    host.setAttribute("aria-label", label);
    host.replaceChildren(this.area);
    host.addEventListener("scroll", () => this.render());
    host.addEventListener("click", (event) => this.clicked(event));
    host.addEventListener("keydown", (event) => this.pressed(event));
    new ResizeObserver(() => this.render()).observe(host);
  }

  show(count) {
    this.count = count;
    this.area.style.height = `${count * HEIGHT + 4}px`;
    this.drawn = null;
    this.render();
  }

  /** Lights rows; scrolls to the first of them unless one is in sight. */
  light(rows, reveal) {
    this.lit = new Set(rows);
    this.drawn = null;
    const [first] = rows;
    if (reveal && first !== undefined && !rows.some((row) => this.inSight(row))) {
      this.scrollTo(first);
    }
    this.render();
  }

  inSight(row) {
    const y = row * HEIGHT;
    return y >= this.host.scrollTop && y + HEIGHT <= this.host.scrollTop + this.host.clientHeight;
  }

  scrollTo(row) {
    this.host.scrollTop = Math.max(0, row * HEIGHT - this.host.clientHeight * 0.35);
  }

  render() {
    const first = Math.max(0, Math.floor(this.host.scrollTop / HEIGHT) - SPARE);
    const last = Math.min(
      this.count, Math.ceil((this.host.scrollTop + this.host.clientHeight) / HEIGHT) + SPARE);
    if (this.drawn === `${first},${last}`) return;
    this.drawn = `${first},${last}`;
    const rows = [];
    for (let row = first; row < last; row++) {
      const line = made("div", { class: "row", role: "option" });
      line.dataset.row = row;
      line.id = `${this.host.id}-${row}`;
      line.style.top = `${row * HEIGHT}px`;
      const lit = this.lit.has(row);
      line.classList.toggle("lit", lit);
      line.classList.toggle("cursor", row === this.cursor);
      line.setAttribute("aria-selected", lit);
      this.fill(line, row);
      rows.push(line);
    }
    this.area.replaceChildren(...rows);
    const active = rows.find((line) => Number(line.dataset.row) === this.cursor);
    if (active) this.host.setAttribute("aria-activedescendant", active.id);
    else this.host.removeAttribute("aria-activedescendant");
  }

  clicked(event) {
    const line = event.target.closest(".row");
    if (!line) return;
    this.cursor = Number(line.dataset.row);
    this.pick(this.cursor, event);
  }

  pressed(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 20, PageUp: -20 }[event.key];
    const ends = { Home: 0, End: this.count - 1 }[event.key];
    if (step === undefined && ends === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const from = this.cursor >= 0 ? this.cursor : Math.min(...this.lit, this.count);
    const next = ends ?? (Number.isFinite(from) ? from + step : 0);
    this.cursor = Math.min(Math.max(next, 0), this.count - 1);
    if (!this.inSight(this.cursor)) this.scrollTo(this.cursor);
    this.drawn = null;
    this.render();
    this.pick(this.cursor, event);
  }
}
