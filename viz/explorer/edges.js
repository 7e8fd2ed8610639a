// The edges of a stage, cut into pieces that are found by where they are.

const FLOWS = ["forward", "update", "saved", "gradient"];
const BAND = 2048;
const SPAN = 2;

/** Pieces by the band of the plane that they begin in; those that span many apart. */
class Bands {
  constructor() {
    this.bands = new Map();
    this.long = [];
  }

  add(piece) {
    const first = Math.floor(piece.y0 / BAND);
    if (Math.floor(piece.y1 / BAND) > first + SPAN) {
      this.long.push(piece);
      return;
    }
    const band = this.bands.get(first);
    if (band) band.push(piece);
    else this.bands.set(first, [piece]);
  }

  /** Calls `each` for the pieces that may be between two heights. */
  within(top, bottom, each) {
    const [first, last] = [Math.floor(top / BAND) - SPAN, Math.floor(bottom / BAND)];
    if (last - first > this.bands.size) {
      for (const band of this.bands.values()) band.forEach(each);
    } else {
      for (let k = first; k <= last; k++) this.bands.get(k)?.forEach(each);
    }
    this.long.forEach(each);
  }
}

/** readers: for an item, the items that read it in this stage, with the flow. */
export class Edges {
  constructor(view) {
    const { program, state, looking, itemOf, looks } = view;
    this.layout = view.layout;
    this.readers = new Map();
    const { gradient } = program.v;
    for (const value of view.values) {
      if (!looking.isShown(value)) continue;
      const dst = itemOf.get(value);
      const stage = looking.isGhost(value) ? state.stage - 1 : state.stage;
      for (const ref of program.operands(value, state.fn ? program.last : stage)) {
        const src = itemOf.get(ref);
        if (src === undefined || src === dst || !looks[src]) continue;
        let targets = this.readers.get(src);
        if (!targets) this.readers.set(src, (targets = new Map()));
        targets.set(dst, gradient[value] * 2 + gradient[ref]);
      }
    }
    this.flows = FLOWS.map(() => new Bands());
    for (const [src, targets] of this.readers) this.cut(src, targets);
  }

  cut(src, targets) {
    const own = FLOWS.map(() => []);
    for (const [dst, flow] of targets) own[flow].push(dst);
    own.forEach((readers, flow) => {
      if (!readers.length) return;
      for (const piece of bounded(this.layout.pieces(src, readers))) this.flows[flow].add(piece);
    });
  }

  /** Calls `each` with the name of a flow and its pieces, the quiet ones first. */
  forEach(each) {
    for (const flow of [2, 0, 3, 1]) each(FLOWS[flow], this.flows[flow]);
  }

  /** The edges that begin or end in one of the items. */
  of(items) {
    const found = new Bands();
    for (const [src, targets] of this.readers) {
      const near = items.has(src) ? [...targets.keys()] : [...targets.keys()].filter((dst) => items.has(dst));
      if (!near.length) continue;
      for (const piece of bounded(this.layout.pieces(src, near))) found.add(piece);
    }
    return found;
  }
}

function bounded(pieces) {
  for (const piece of pieces) {
    const { points } = piece;
    let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const point of points) {
      if (point[0] < x0) x0 = point[0];
      if (point[0] > x1) x1 = point[0];
      if (point[1] < y0) y0 = point[1];
      if (point[1] > y1) y1 = point[1];
    }
    Object.assign(piece, { x0, y0, x1, y1 });
  }
  return pieces;
}
