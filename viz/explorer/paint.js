// Drawing boxes and edges on the canvas.

const SANS = "Inter, 'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif";
const MONO = "'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace";
const TITLE = `600 13px ${SANS}`;
const WITH = `12px ${MONO}`;
const SMALL = `11px ${MONO}`;
const LINE = 16;
const READABLE = 0.36;

/** One drawing of one frame: the context, the colours, the visible part, the scale. */
export class Painter {
  constructor(context, colours, camera, width, height) {
    this.c = context;
    this.colours = colours;
    this.k = camera.k;
    this.left = -camera.x / camera.k;
    this.top = -camera.y / camera.k;
    this.right = this.left + width / camera.k;
    this.bottom = this.top + height / camera.k;
  }

  sees({ x0, y0, x1, y1 }) {
    return x1 >= this.left && x0 <= this.right && y1 >= this.top && y0 <= this.bottom;
  }

  // --- edges

  edges(pieces, flow) {
    const { c, colours } = this;
    const plain = flow === "saved" ? colours.saved : colours[flow === "update" ? "gradient" : flow];
    c.strokeStyle = plain;
    c.fillStyle = plain;
    c.lineWidth = Math.max(flow === "saved" ? 1.2 : 1.4, 0.5 / this.k);
    c.setLineDash(flow === "saved" && this.k > 0.15 ? [4, 3] : []);
    this.trace(pieces);
    c.setLineDash([]);
  }

  trace(pieces) {
    const { c } = this;
    const fine = this.k > 0.2;
    const tips = [];
    c.beginPath();
    pieces.within(this.top, this.bottom, (piece) => {
      if (!this.sees(piece)) return;
      this.path(piece, fine);
      if (fine && piece.tip) tips.push(piece.points);
    });
    c.stroke();
    c.beginPath();
    for (const points of tips) this.tip(points);
    c.fill();
  }

  path({ points, curved }, fine) {
    const { c } = this;
    c.moveTo(points[0][0], points[0][1]);
    for (let i = 1; i < points.length; i++) {
      const [[ax, ay], [bx, by]] = [points[i - 1], points[i]];
      if (curved && fine && Math.abs(ax - bx) > 0.5) {
        const middle = (ay + by) / 2;
        c.bezierCurveTo(ax, middle, bx, middle, bx, by);
      } else if (!curved && fine && i < points.length - 1) {
        const next = points[i + 1];
        const span = Math.min(near(points[i - 1], points[i]), near(points[i], next)) / 2;
        c.arcTo(bx, by, next[0], next[1], Math.min(7, span));
      } else {
        c.lineTo(bx, by);
      }
    }
  }

  tip(points) {
    const [x, y] = points[points.length - 1];
    const from = points[points.length - 2][1];
    const d = from > y ? 7 : -7;
    this.c.moveTo(x, y);
    this.c.lineTo(x - 3.2, y + d);
    this.c.lineTo(x + 3.2, y + d);
    this.c.closePath();
  }

  // --- boxes

  /** look: {half, kind, result, ghost, colour, mark, selected, dim} */
  box(box, look, label) {
    const { c, colours } = this;
    const [x, y] = [box.x - box.w / 2, box.y - box.h / 2];
    const base = look.kind === "param" ? "param" : look.half;
    const fill = look.colour?.fill ?? (look.result ? colours[look.half] : colours[`${base}-fill`]);
    c.globalAlpha = look.dim ? 0.25 : look.ghost ? 0.7 : 1;
    c.fillStyle = fill;
    if (this.k < 0.25) {
      c.fillStyle = look.selected ? colours.select : look.colour?.fill ?? colours[base];
      c.fillRect(x, y, Math.max(box.w, 1 / this.k), Math.max(box.h, 1 / this.k));
      c.globalAlpha = 1;
      return;
    }
    c.beginPath();
    c.roundRect(x, y, box.w, box.h, look.kind === "param" ? box.h / 2 : 6);
    c.fill();
    c.strokeStyle = look.mark ? colours[look.mark] : colours[base];
    c.lineWidth = look.mark ? 2 : 1.25;
    if (look.ghost) c.setLineDash([5, 3]);
    c.stroke();
    c.setLineDash([]);
    if (look.selected) this.ring(x, y, box, look.kind === "param" ? box.h / 2 : 6);
    if (this.k >= READABLE) this.words(box, look, label);
    if (look.mark && this.k >= READABLE) this.badge(x + box.w, y, look.mark);
    c.globalAlpha = 1;
  }

  ring(x, y, box, radius) {
    const { c, colours } = this;
    c.strokeStyle = colours.select;
    c.lineWidth = 3;
    c.beginPath();
    c.roundRect(x - 3.5, y - 3.5, box.w + 7, box.h + 7, radius + 3.5);
    c.stroke();
  }

  badge(x, y, mark) {
    const { c, colours } = this;
    c.globalAlpha = 1;
    c.fillStyle = colours[mark];
    c.beginPath();
    c.arc(x - 2, y + 2, 8, 0, 2 * Math.PI);
    c.fill();
    c.fillStyle = colours.ground;
    c.font = `700 12px ${SANS}`;
    c.textAlign = "center";
    c.fillText({ added: "+", removed: "−", merged: "⇒", rewritten: "→" }[mark], x - 2, y + 6.2);
  }

  words(box, look, label) {
    const { c, colours } = this;
    const onResult = look.result && !look.colour ? colours["result-text"] : null;
    const strong = look.colour?.text ?? onResult ??
      (look.kind === "param" ? colours.text : colours[`${look.half}-text`]);
    const quiet = look.colour?.text ?? onResult ?? colours.quiet;
    let y = box.y - box.h / 2 + 17;
    c.textAlign = "center";
    c.fillStyle = strong;
    if (label.tag) {
      c.font = TITLE;
      c.fillText(label.tag, box.x, y);
      y += LINE;
    }
    this.headline(box.x, y, label);
    c.font = SMALL;
    c.fillStyle = quiet;
    for (const text of [label.more, label.type]) {
      if (!text) continue;
      y += LINE;
      c.fillText(text, box.x, y);
    }
    if (label.kernels) {
      c.font = `10px ${MONO}`;
      c.textAlign = "left";
      c.fillStyle = colours.quiet;
      c.fillText(label.kernels, box.x + box.w / 2 + 6, box.y - box.h / 2 + 9);
    }
  }

  headline(x, y, { title, detail, ghost }) {
    const { c } = this;
    c.font = TITLE;
    const first = c.measureText(title).width;
    c.font = WITH;
    const second = detail ? c.measureText(detail).width + 7 : 0;
    const start = x - (first + second) / 2;
    c.textAlign = "left";
    c.font = TITLE;
    c.fillText(title, start, y);
    if (ghost) c.fillRect(start, y - 4.5, first, 1);
    c.font = WITH;
    if (detail) c.fillText(detail, start + first + 7, y);
    c.textAlign = "center";
  }

  /** A folded group. */
  folded(box, { half, selected, mark, dim }, title, count) {
    const { c, colours } = this;
    const [x, y] = [box.x - box.w / 2, box.y - box.h / 2];
    c.globalAlpha = dim ? 0.25 : 1;
    for (const shift of [5, 0]) {
      c.beginPath();
      c.roundRect(x + shift, y - shift, box.w, box.h, 8);
      c.fillStyle = colours[`${half}-fill`];
      c.fill();
      c.strokeStyle = mark ? colours[mark] : colours[half];
      c.lineWidth = mark ? 2 : 1.25;
      c.stroke();
    }
    if (selected) this.ring(x, y, box, 8);
    if (this.k >= 0.2) {
      c.textAlign = "center";
      c.fillStyle = colours[`${half}-text`];
      c.font = TITLE;
      c.fillText(title, box.x, box.y - 2);
      c.font = SMALL;
      c.fillStyle = colours.quiet;
      c.fillText(count, box.x, box.y + 15);
    }
    c.globalAlpha = 1;
  }

  /** A frame around an open group. */
  frame(area) {
    const { c, colours } = this;
    if (!this.sees(area)) return;
    const { x0, y0, x1, y1, title } = area;
    c.beginPath();
    c.roundRect(x0, y0, x1 - x0, y1 - y0, 8);
    c.fillStyle = colours["scope-fill"];
    c.fill();
    c.strokeStyle = colours.line;
    c.lineWidth = 1;
    c.stroke();
    if (this.k < READABLE) return;
    c.fillStyle = colours.quiet;
    c.font = `11px ${SANS}`;
    c.textAlign = "left";
    c.fillText(`▾ ${title}`, x0 + 8, y0 + 13);
  }
}

function near(a, b) {
  return Math.max(Math.abs(a[0] - b[0]), Math.abs(a[1] - b[1]));
}

