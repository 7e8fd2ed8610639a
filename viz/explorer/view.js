// The graph pane: what is drawn for the present state.
import { Camera } from "./camera.js";
import { Overlay, themeColours } from "./colours.js";
import { Edges } from "./edges.js";
import { around, framesAround } from "./frames.js";
import { epochs, itemsOf, repeated, valuesOf } from "./groups.js";
import { Layout } from "./layout.js";
import { Looks } from "./looks.js";
import { Painter } from "./paint.js";

const PATIENCE = 12;

export class View {
  constructor(canvas, program, state) {
    Object.assign(this, { canvas, program, state });
    this.context = canvas.getContext("2d");
    this.camera = new Camera(canvas, () => this.ask());
    this.starts = epochs(program);
    this.looking = new Looks(program, state);
    this.colours = themeColours();
    this.cost = 0;
    this.hovered = -1;
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  resize() {
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(this.canvas.clientWidth * ratio);
    this.canvas.height = Math.round(this.canvas.clientHeight * ratio);
    this.bitmap = null;
    this.draw();
  }

  // --- what there is

  /** Lays the graph out anew where the state asks for it. */
  update() {
    const { state } = this;
    const kernels = state.by === "kernel" && state.fold.length ? state.stage : -1;
    const key = [this.starts[state.stage], state.fn, state.fold, state.by, kernels,
      state.focus && state.around.length ? [state.focus, state.around, state.stage] : ""].join("|");
    const anew = key !== this.key;
    if (anew) {
      this.key = key;
      this.values = valuesOf(this.program, state, this.starts);
      Object.assign(this, itemsOf(this.program, this.values, state));
      this.layout = new Layout(this.items, this.edges);
      this.repeats = null;
      this.frames = framesAround(this.program, state, this.items, this.edges, this.layout);
    }
    this.overlay = state.over ? new Overlay(this.program, state.over) : null;
    this.colours = themeColours();
    this.looking.overlay = this.overlay;
    this.looks = this.items.map((item) => this.looking.look(item));
    this.drawnEdges = new Edges(this);
    this.ask();
    return anew;
  }

  // --- drawing

  ask() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      const busy = performance.now() - this.camera.moving < 90;
      if (busy && this.cost > PATIENCE) this.shift();
      else this.draw();
    });
  }

  /** While the view moves, a large picture is moved as it is and drawn afterwards. */
  shift() {
    this.bitmap ??= this.copy();
    const { context: c, camera, bitmap, colours } = this;
    const ratio = devicePixelRatio || 1;
    const scale = camera.k / bitmap.k;
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.fillStyle = colours.ground;
    c.fillRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
    c.drawImage(bitmap.image, camera.x - bitmap.x * scale, camera.y - bitmap.y * scale,
      this.canvas.clientWidth * scale, this.canvas.clientHeight * scale);
    clearTimeout(this.later);
    this.later = setTimeout(() => this.ask(), 100);
  }

  draw() {
    if (!this.drawnEdges || !this.canvas.width) return;
    const start = performance.now();
    const ratio = devicePixelRatio || 1;
    const { context: c, camera, colours } = this;
    const [w, h] = [this.canvas.clientWidth, this.canvas.clientHeight];
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.fillStyle = colours.ground;
    c.fillRect(0, 0, w, h);
    c.setTransform(ratio * camera.k, 0, 0, ratio * camera.k, ratio * camera.x, ratio * camera.y);
    const painter = new Painter(c, colours, camera, w, h);
    this.paint(painter);
    this.cost = performance.now() - start;
    this.bitmap = null;
    this.last = { x: camera.x, y: camera.y, k: camera.k };
    this.drawn?.(camera);
  }

  copy() {
    const image = document.createElement("canvas");
    [image.width, image.height] = [this.canvas.width, this.canvas.height];
    image.getContext("2d").drawImage(this.canvas, 0, 0);
    return { image, ...this.last };
  }

  paint(painter) {
    const { state, items, layout } = this;
    const chosen = new Set(state.sel.map((value) => this.itemFor(value)));
    const found = this.found?.size ? this.found : null;
    for (const frame of this.frames) painter.frame(frame);
    this.axes(painter);
    this.drawnEdges.forEach((flow, pieces) => painter.edges(pieces, flow));
    layout.within(painter.top, painter.bottom, (i) => {
      const [look, box] = [this.looks[i], layout.boxes[i]];
      if (!look || box.x + box.w < painter.left || box.x - box.w > painter.right) return;
      const item = items[i];
      look.selected = chosen.has(i);
      look.dim = found && !look.selected && !item.values.some((value) => found.has(value));
      if (item.folded) painter.folded(box, look, this.foldedTitle(item), `${look.count} values`);
      else painter.box(box, look, painter.k < 0.3 ? null : this.looking.label(item.values[0]));
    });
    this.paintSelected(painter, chosen);
  }

  foldedTitle(item) {
    this.repeats ??= repeated(this.program, this.values, this.state.by, this.state.stage);
    const name = item.folded.split("/").pop();
    const count = this.repeats.get(`${item.folded}|${item.phase}`);
    return count ? `${name}  (×${count} alike)` : name;
  }

  axes({ c, colours, k }) {
    c.strokeStyle = colours.line;
    c.lineWidth = Math.max(1, 0.5 / k);
    for (const x of this.layout.axes) {
      c.beginPath();
      c.moveTo(x, -12);
      c.lineTo(x, this.layout.height - 6);
      c.stroke();
    }
    if (k < 0.36) return;
    c.fillStyle = colours.quiet;
    c.font = "11px sans-serif";
    this.layout.axes.forEach((x, i) => {
      const sides = i % 2 ? ["gradient ↑", "forward ↓"] : ["forward ↓", "gradient ↑"];
      c.textAlign = "right";
      c.fillText(sides[0], x - 12, -2);
      c.textAlign = "left";
      c.fillText(sides[1], x + 12, -2);
    });
  }

  paintSelected(painter, chosen) {
    const { c, colours } = painter;
    c.strokeStyle = colours.select;
    c.fillStyle = colours.select;
    c.lineWidth = Math.max(2.2, 1 / painter.k);
    if (!chosen.size || chosen.size > 40) return;
    painter.trace(this.selectedEdges(chosen));
  }

  selectedEdges(chosen) {
    if (this.near?.edges !== this.drawnEdges || String(this.near.chosen) !== String([...chosen])) {
      this.near = { edges: this.drawnEdges, chosen: [...chosen], pieces: this.drawnEdges.of(chosen) };
    }
    return this.near.pieces;
  }

  // --- finding

  /** The item of a value; of one in a body, the op that has the body. */
  itemFor(value) {
    const own = this.itemOf.get(value);
    const fn = this.program.v.function[value];
    if (own !== undefined || fn === this.state.fn) return own;
    for (const owner of this.program.owners(fn)) {
      const item = this.itemFor(owner);
      if (item !== undefined && this.looks[item]) return item;
    }
    return undefined;
  }

  itemAt(point) {
    const [x, y] = this.camera.inPlane(point);
    return this.layout.boxes.findIndex((box, i) =>
      this.looks[i] && Math.abs(x - box.x) <= box.w / 2 && Math.abs(y - box.y) <= box.h / 2);
  }

  frameAt(point) {
    const [x, y] = this.camera.inPlane(point);
    return this.frames.findLast((f) => x >= f.x0 && x <= f.x1 && y >= f.y0 && y <= f.y0 + 18);
  }

  fit() {
    const boxes = this.layout.boxes.filter((_, i) => this.looks[i]);
    if (!boxes.length) return;
    const { x0, y0, x1, y1 } = around(boxes, 12);
    this.camera.fit(x0, y0, x1, y1);
  }

  /** At a size that can be read, from the top. */
  start() {
    this.fit();
    if (this.camera.k >= 0.55) return;
    const boxes = this.layout.boxes.filter((_, i) => this.looks[i]);
    const { x0, y0, x1 } = around(boxes, 24);
    const k = Math.min(0.75, Math.max(0.55, this.canvas.clientWidth / (x1 - x0)));
    this.camera.k = k;
    this.camera.y = -y0 * k;
    this.camera.x = Math.max(-x0 * k, this.canvas.clientWidth / 2 - (k * (x0 + x1)) / 2);
    this.ask();
  }

  reveal(values) {
    const i = values.map((value) => this.itemFor(value)).find((item) => this.looks[item]);
    if (i !== undefined) this.camera.reveal(this.layout.boxes[i]);
  }
}
