// Edges that leave their phase, laid like wires: along the gaps and down a corridor.
// The same steps as in `tapec/viz/wires.py`.

export const MARGIN = 24;
const GAP = 34;
const CORRIDOR = 56;
const LANE = 6;
const TRACK = 6;
const MOST_LANES = 24;
const MOST_TRACKS = 6;
const INSET = 12;

/** Gap g lies below level g; gap -1 above all. */
export class Wiring {
  constructor(items, edges, levels) {
    this.items = items;
    this.levels = levels;
    this.targets = new Map();
    for (const { src, dst } of edges) {
      if (!this.targets.has(src)) this.targets.set(src, []);
      this.targets.get(src).push(dst);
    }
    this.lanes = new Map();
    this.corridor = new Map();
    this.lane = new Map();
    this.track = new Map();
    this.tracks = new Map();
    this.entry = new Map();
    this.top = [];
    this.bottom = [];
    this.assignLanes();
  }

  corridorWidth(phase) {
    return CORRIDOR + LANE * (this.lanes.get(phase) ?? 0);
  }

  // A value leaves with the flow of its phase and enters against it.

  exitGap(item) {
    return item.phase % 2 ? item.level - 1 : item.level;
  }

  entryGap(item) {
    return item.phase % 2 ? item.level : item.level - 1;
  }

  gapsOf(src) {
    const gaps = this.targets.get(src).map((dst) => this.entryGap(this.items[dst]));
    return [...new Set([...gaps, this.exitGap(this.items[src])])];
  }

  assignLanes() {
    const spans = new Map();
    for (const src of this.targets.keys()) {
      const gaps = this.gapsOf(src);
      if (gaps.length < 2) continue;
      const phase = this.items[src].phase;
      if (!spans.has(phase)) spans.set(phase, []);
      spans.get(phase).push([lowest(gaps), highest(gaps), src]);
    }
    for (const [phase, wires] of spans) {
      const lanes = coloured(wires, MOST_LANES);
      for (const [src, lane] of lanes) this.lane.set(src, lane);
      this.lanes.set(phase, 1 + highest([...lanes.values()]));
    }
  }

  laneX(src) {
    const left = this.corridor.get(this.items[src].phase);
    return left + CORRIDOR / 2 + LANE * this.lane.get(src);
  }

  /** Gives each stretch along a gap its height, now that the columns stand. */
  assignTracks(x) {
    const spans = new Map();
    for (const [src, targets] of this.targets) {
      const ends = new Map(this.gapsOf(src).map((gap) => [gap, []]));
      ends.get(this.exitGap(this.items[src])).push(x[src]);
      for (const dst of targets) ends.get(this.entryGap(this.items[dst])).push(x[dst]);
      for (const [gap, xs] of ends) {
        if (ends.size > 1) xs.push(this.laneX(src));
        if (!spans.has(gap)) spans.set(gap, []);
        spans.get(gap).push([lowest(xs), highest(xs), src]);
      }
    }
    for (const [gap, wires] of spans) {
      const tracks = coloured(wires, MOST_TRACKS);
      this.tracks.set(gap, 1 + highest([...tracks.values()]));
      for (const [src, track] of tracks) this.track.set(edgeKey(src, gap), track);
    }
  }

  /** What the wires add to the height of a gap. */
  gapHeight(gap) {
    return this.tracks.has(gap) ? TRACK * this.tracks.get(gap) + 6 : 0;
  }

  /** Sets the tops and bottoms of the rows; returns the height of the picture. */
  placeRows() {
    const heights = new Array(this.levels).fill(0);
    for (const item of this.items) {
      heights[item.level] = Math.max(heights[item.level], item.height);
    }
    let y = MARGIN + this.gapHeight(-1);
    heights.forEach((height, level) => {
      this.top.push(y);
      this.bottom.push(y + height);
      y += height + this.gapHeight(level) + (level === heights.length - 1 ? 0 : GAP);
    });
    return y + MARGIN;
  }

  /** Shares out the places where wires enter a box. */
  settle(boxes) {
    const readers = new Map();
    for (const [src, targets] of this.targets) {
      for (const dst of targets) {
        if (!readers.has(dst)) readers.set(dst, []);
        readers.get(dst).push(src);
      }
    }
    for (const [dst, sources] of readers) {
      const box = boxes[dst];
      const step = Math.min(9, (box.w / 2 - INSET) / sources.length);
      sources.sort((a, b) => boxes[a].x - boxes[b].x);
      sources.forEach((src, k) => {
        this.entry.set(edgeKey(src, dst), box.x - box.w / 2 + INSET + step * k);
      });
    }
  }

  trackY(src, gap) {
    const depth = 12 + TRACK * (this.track.get(edgeKey(src, gap)) ?? 0);
    return gap >= 0 ? this.bottom[gap] + depth : this.top[0] - depth;
  }

  /** The corners of a wire. */
  route(src, dst, boxes) {
    const [source, target] = [this.items[src], this.items[dst]];
    const [box, goal] = [boxes[src], boxes[dst]];
    const [out, into] = [this.exitGap(source), this.entryGap(target)];
    const startX = box.x + box.w / 2 - INSET;
    const endX = this.entry.get(edgeKey(src, dst)) ?? goal.x;
    let y = this.trackY(src, out);
    const points = [[startX, box.y + (source.phase % 2 ? -box.h : box.h) / 2], [startX, y]];
    if (into !== out) {
      const x = this.laneX(src);
      points.push([x, y]);
      y = this.trackY(src, into);
      points.push([x, y]);
    }
    points.push([endX, y], [endX, goal.y + (target.phase % 2 ? goal.h : -goal.h) / 2]);
    return points;
  }
}

/** One number for two. */
export function edgeKey(a, b) {
  return (a + 1) * 2 ** 26 + b;
}

/** Numbers below `limit` for intervals; those that overlap differ if they can. */
function coloured(spans, limit) {
  const ends = [];
  const colours = new Map();
  spans.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
  spans.forEach(([low, high, key], k) => {
    let free = ends.findIndex((end) => end < low);
    if (free < 0) free = ends.length < limit ? ends.push(high) - 1 : k % limit;
    ends[free] = Math.max(ends[free], high);
    colours.set(key, free);
  });
  return colours;
}

function lowest(numbers) {
  return numbers.reduce((a, b) => Math.min(a, b));
}

function highest(numbers) {
  return numbers.reduce((a, b) => Math.max(a, b));
}
