// Which part of the plane is seen, and how it is moved by pointer and wheel.

const LEAST = 0.0003;
const MOST = 4;

/** A point (x, y) of the plane is at (x * k + this.x, y * k + this.y) of the canvas. */
export class Camera {
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed;
    this.x = 0;
    this.y = 0;
    this.k = 1;
    this.moving = 0;
  }

  point(event) {
    const area = this.canvas.getBoundingClientRect();
    return [event.clientX - area.left, event.clientY - area.top];
  }

  inPlane([px, py]) {
    return [(px - this.x) / this.k, (py - this.y) / this.k];
  }

  move(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.touched();
  }

  zoom(factor, at = [this.canvas.clientWidth / 2, this.canvas.clientHeight / 2]) {
    const k = Math.min(Math.max(this.k * factor, LEAST), MOST);
    const [px, py] = at;
    this.x = px - ((px - this.x) * k) / this.k;
    this.y = py - ((py - this.y) * k) / this.k;
    this.k = k;
    this.touched();
  }

  touched() {
    this.moving = performance.now();
    this.changed();
    this.rested?.();
  }

  /** The middle of what is seen, and the scale, for the address. */
  get place() {
    const [x, y] = this.inPlane([this.canvas.clientWidth / 2, this.canvas.clientHeight / 2]);
    return [x, y].map((c) => c.toFixed(1)).concat(this.k.toPrecision(4)).join();
  }

  /** Goes to the place of an address, if it has one. */
  go(address) {
    const found = /[#&]at=(-?[\d.]+),(-?[\d.]+),([\d.e-]+)/.exec(address);
    const [x, y, k] = found ? found.slice(1).map(Number) : [];
    if (![x, y, k].every(Number.isFinite) || k <= 0) return;
    this.k = Math.min(Math.max(k, LEAST), MOST);
    this.x = this.canvas.clientWidth / 2 - x * this.k;
    this.y = this.canvas.clientHeight / 2 - y * this.k;
    this.changed();
  }

  /** Shows an area of the plane; not larger than `most`. */
  fit(x0, y0, x1, y1, most = 1) {
    const [w, h] = [this.canvas.clientWidth, this.canvas.clientHeight];
    const pad = 24;
    const k = Math.min((w - 2 * pad) / Math.max(x1 - x0, 1), (h - 2 * pad) / Math.max(y1 - y0, 1), most);
    this.k = Math.min(Math.max(k, LEAST), MOST);
    this.x = w / 2 - (this.k * (x0 + x1)) / 2;
    this.y = h / 2 - (this.k * (y0 + y1)) / 2;
    this.changed();
  }

  /** Moves as little as needed to show a box. */
  reveal(box) {
    const [w, h] = [this.canvas.clientWidth, this.canvas.clientHeight];
    const pad = 48;
    if (this.k < 0.3) this.k = 0.7;
    const x = box.x * this.k + this.x;
    const y = box.y * this.k + this.y;
    const [halfW, halfH] = [(box.w * this.k) / 2, (box.h * this.k) / 2];
    if (x - halfW < pad || x + halfW > w - pad) this.x += w / 2 - x;
    if (y - halfH < pad || y + halfH > h - pad) this.y += h / 2 - y;
    this.changed();
  }

  /** Drag moves, wheel zooms (with shift or sideways it moves), a click is told. */
  listen(click, hover) {
    const { canvas } = this;
    const pointers = new Map();
    let travelled = 0;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, this.point(event));
      travelled = 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      const now = this.point(event);
      if (!before) return hover(now);
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
      if (other) this.zoom(distance(now, other) / Math.max(distance(before, other), 1), other);
      else this.move(now[0] - before[0], now[1] - before[1]);
      travelled += distance(now, before);
      pointers.set(event.pointerId, now);
    });
    canvas.addEventListener("pointerup", (event) => {
      const wasDown = pointers.delete(event.pointerId);
      if (wasDown && travelled < 5) click(this.point(event), event);
    });
    canvas.addEventListener("pointercancel", (event) => pointers.delete(event.pointerId));
    canvas.addEventListener("pointerleave", () => hover(null));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        this.move(-event.deltaX || -event.deltaY, 0);
      } else {
        const lines = event.deltaMode === 1 ? 16 : 1;
        this.zoom(Math.exp(-event.deltaY * lines * 0.0016), this.point(event));
      }
    }, { passive: false });
  }
}

function distance(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}
