// The whole graph in a corner, with the part that is seen.

export class Minimap {
  constructor(canvas, view) {
    Object.assign(this, { canvas, view });
    const jump = (event) => {
      if (!event.buttons) return;
      const area = canvas.getBoundingClientRect();
      const { k, x, y } = this.scale();
      const camera = view.camera;
      const [px, py] = [(event.clientX - area.left - x) / k, (event.clientY - area.top - y) / k];
      camera.x = camera.canvas.clientWidth / 2 - px * camera.k;
      camera.y = camera.canvas.clientHeight / 2 - py * camera.k;
      camera.touched();
    };
    canvas.addEventListener("pointerdown", jump);
    canvas.addEventListener("pointermove", jump);
    view.drawn = (camera) => this.draw(camera);
  }

  scale() {
    const { width, height } = this.view.layout;
    const [w, h] = [this.canvas.clientWidth, this.canvas.clientHeight];
    const k = Math.min(w / Math.max(width, 1), h / Math.max(height, 1));
    return { k, x: (w - width * k) / 2, y: (h - height * k) / 2 };
  }

  /** The picture is kept while only the view moves. */
  draw(camera) {
    const { canvas, view } = this;
    const { layout, colours } = view;
    const [w, h] = [view.canvas.clientWidth / camera.k, view.canvas.clientHeight / camera.k];
    const [left, top] = [-camera.x / camera.k, -camera.y / camera.k];
    const slack = 0.06 * Math.max(layout.width, layout.height);
    const inside = left <= slack && top <= slack && left + w >= layout.width - slack && top + h >= layout.height - slack;
    canvas.hidden = inside;
    if (inside) return;
    const ratio = devicePixelRatio || 1;
    [canvas.width, canvas.height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio];
    const c = canvas.getContext("2d");
    c.scale(ratio, ratio);
    const { k, x, y } = this.scale();
    if (this.looks !== view.looks) {
      this.looks = view.looks;
      this.picture = this.painted(c, k, x, y);
    } else {
      c.setTransform(1, 0, 0, 1, 0, 0);
      c.drawImage(this.picture, 0, 0);
      c.setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    c.strokeStyle = colours.select;
    c.lineWidth = 1.5;
    c.strokeRect(left * k + x, top * k + y, w * k, h * k);
  }

  painted(c, k, x, y) {
    const { layout, looks, colours } = this.view;
    for (const half of ["forward", "gradient"]) {
      c.fillStyle = colours[half];
      layout.boxes.forEach((box, i) => {
        if (looks[i]?.half !== half) return;
        c.fillRect((box.x - box.w / 2) * k + x, (box.y - box.h / 2) * k + y,
          Math.max(box.w * k, 1), Math.max(box.h * k, 1));
      });
    }
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [this.canvas.width, this.canvas.height];
    copy.getContext("2d").drawImage(this.canvas, 0, 0);
    return copy;
  }
}
