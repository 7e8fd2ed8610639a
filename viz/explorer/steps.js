// The steps of the native program, and its memory over time.
import { themeColours } from "./colours.js";
import { made } from "./dom.js";
import { List } from "./list.js";
import { numberText, sizeText } from "./program.js";

export class StepsPane {
  constructor(host, program, state) {
    Object.assign(this, { program, state });
    this.steps = program.machine?.steps ?? [];
    if (!this.steps.length) {
      const why = program.machine ? "The program has no steps." : "This page was made without native code.";
      host.replaceChildren(made("p", { class: "empty" }, why));
      return;
    }
    const times = program.columns.find(({ name }) => name === "seconds");
    const seconds = new Map(times?.values.map((value, k) => [value, times.numbers[k]]));
    this.sizes = this.steps.map((step) => (times ? seconds.get(step.values[0]) ?? 0 : step.work));
    this.words = times ? (size) => `${numberText(size * 1e6)} µs` : (size) => `about ${sizeText(size)} or operations`;
    this.most = this.sizes.reduce((most, size) => Math.max(most, size), 1e-12);
    this.list = new List(host, {
      label: "Steps of the native program",
      fill: (line, row) => this.fill(line, this.steps[row], row),
      pick: (row) => this.steps[row].values.length && state.select(this.steps[row].values, "steps"),
    });
    this.list.show(this.steps.length);
  }

  fill(line, step, row) {
    const { program } = this;
    const ops = step.values.map((value) => program.text("op", value)).join(" ");
    const name = step.kernel === null ? step.kind : program.machine.kernels[step.kernel].name;
    const bar = made("span", { class: "bar", title: this.words(this.sizes[row]) });
    bar.style.setProperty("--part", this.sizes[row] / this.most);
    line.append(
      made("span", { class: "gutter" }, String(row)),
      made("span", { class: `kind ${step.kind}` }, name),
      bar, made("span", { class: "why" }, ops));
  }

  update(changed, origin) {
    if (!this.list) return;
    const chosen = new Set(this.state.sel);
    const lit = [...this.steps.keys()].filter((k) => this.steps[k].values.some((v) => chosen.has(v)));
    this.list.light(lit, origin !== "steps");
  }
}

/** Across: the steps. Down: places in the arena. Above: bytes in use. */
export class MemoryPane {
  constructor(host, program, state) {
    Object.assign(this, { program, state });
    const machine = program.machine;
    const all = (machine?.buffers ?? []).map(([kind, size, first, last, offset, value]) => (
      { kind, size, first, last, offset, value }));
    this.buffers = all.filter((buffer) => buffer.kind === "arena" && buffer.size);
    if (!machine) {
      host.replaceChildren(made("p", { class: "empty" }, "This page was made without native code."));
      return;
    }
    this.summary = made("p", { class: "summary" }, this.words(all));
    this.canvas = made("canvas", { tabindex: "0", role: "img", "aria-label": this.words(all) });
    host.replaceChildren(this.summary, this.canvas);
    this.canvas.addEventListener("click", (event) => this.clicked(event));
    this.canvas.addEventListener("keydown", (event) => this.pressed(event));
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  words(all) {
    const { arena, live } = this.program.machine;
    const total = (kind) => all.filter((b) => b.kind === kind).reduce((sum, b) => sum + b.size, 0);
    const parts = [`arena ${sizeText(arena)}`, `at most ${sizeText(live)} of it in use at once`];
    for (const kind of ["argument", "result", "constant"]) {
      if (total(kind)) parts.push(`${kind}s ${sizeText(total(kind))}`);
    }
    return parts.join(", ");
  }

  /** Bytes in use at each step. */
  get curve() {
    const change = new Float64Array(this.steps + 1);
    for (const { first, last, size } of this.buffers) {
      change[first] += size;
      change[Math.min(last + 1, this.steps)] -= size;
    }
    let now = 0;
    return [...change.slice(0, this.steps)].map((step) => (now += step));
  }

  get steps() {
    return Math.max(this.program.machine.steps.length, 1);
  }

  rectangle({ first, last, offset, size }) {
    const { w, top, h } = this.area;
    const arena = Math.max(this.program.machine.arena, 1);
    const x = (first / this.steps) * w;
    const wide = ((Math.min(last, this.steps - 1) + 1 - first) / this.steps) * w;
    return [x, top + (offset / arena) * h, wide, Math.max((size / arena) * h, 1.5)];
  }

  draw() {
    const { canvas, program, state } = this;
    if (!canvas?.clientWidth) return;
    const ratio = devicePixelRatio || 1;
    const [w, h] = [canvas.clientWidth, canvas.clientHeight];
    [canvas.width, canvas.height] = [w * ratio, h * ratio];
    const c = canvas.getContext("2d");
    c.scale(ratio, ratio);
    const colours = themeColours();
    this.area = { w, top: h * 0.34, h: h * 0.66 - 4 };
    this.drawCurve(c, colours, w, h * 0.3);
    const chosen = new Set(state.sel);
    for (const buffer of this.buffers) {
      const [x, y, wide, high] = this.rectangle(buffer);
      const half = program.v.gradient[buffer.value] ? "gradient" : "forward";
      c.fillStyle = chosen.has(buffer.value) ? colours.select : colours[`${half}-fill`];
      c.strokeStyle = colours[half];
      c.fillRect(x, y, wide, high);
      c.strokeRect(x + 0.5, y + 0.5, Math.max(wide - 1, 0), Math.max(high - 1, 0));
      if (wide < 44 || high < 13 || buffer.value === null) continue;
      c.fillStyle = chosen.has(buffer.value) ? colours.ground : colours[`${half}-text`];
      c.font = "10px monospace";
      c.fillText(program.title(buffer.value).slice(0, Math.floor(wide / 6.5)), x + 4, y + 10.5);
    }
  }

  drawCurve(c, colours, w, h) {
    const curve = this.curve;
    const most = curve.reduce((a, b) => Math.max(a, b), 1);
    c.beginPath();
    c.moveTo(0, h);
    curve.forEach((bytes, step) => {
      const y = h - (bytes / most) * (h - 14);
      c.lineTo((step / this.steps) * w, y);
      c.lineTo(((step + 1) / this.steps) * w, y);
    });
    c.lineTo(w, h);
    c.fillStyle = colours["scope-fill"];
    c.fill();
    c.strokeStyle = colours.quiet;
    c.stroke();
    c.fillStyle = colours.quiet;
    c.font = "10px monospace";
    c.fillText(`${sizeText(most)} in use`, 4, 10);
  }

  clicked(event) {
    const area = this.canvas.getBoundingClientRect();
    const [px, py] = [event.clientX - area.left, event.clientY - area.top];
    const hit = this.buffers.find((buffer) => {
      const [x, y, w, h] = this.rectangle(buffer);
      return px >= x && px <= x + w && py >= y && py <= y + h;
    });
    if (hit && hit.value !== null) this.state.select([hit.value], "memory");
  }

  pressed(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step || !this.buffers.length) return;
    event.preventDefault();
    event.stopPropagation();
    const known = this.buffers.filter((buffer) => buffer.value !== null);
    const at = known.findIndex((buffer) => buffer.value === this.state.sel[0]);
    const next = known[(at + step + known.length) % known.length];
    if (next) this.state.select([next.value], "memory");
  }

  update() {
    this.draw();
  }
}
