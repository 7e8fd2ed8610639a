// From items and edges to boxes and routes: the mirror, forward down, gradient up.
import { Grid } from "./grid.js";
import { arrange } from "./place.js";
import { MARGIN, Wiring, edgeKey } from "./wires.js";

const PAD = 11;

/**
 * items: {phase, level, width, height, weak}; levels are squeezed to those in use.
 * edges: {src, dst, within}, by numbers of items.
 */
export class Layout {
  constructor(items, edges) {
    this.items = squeezed(items);
    for (const edge of edges) edge.within = isWithin(this.items[edge.src], this.items[edge.dst]);
    const levels = this.items.reduce((most, item) => Math.max(most, item.level + 1), 0);
    this.grid = new Grid(this.items, edges);
    arrange(this.grid);
    const far = edges.filter((e) => !e.within || !this.grid.lanes.has(e.src));
    this.wiring = new Wiring(this.items, far, levels);
    this.axes = [];
    this.width = this.placePhases();
    this.wiring.assignTracks(this.grid.x);
    this.height = this.wiring.placeRows();
    const { top, bottom } = this.wiring;
    this.boxes = this.items.map((item, i) => ({
      x: this.grid.x[i],
      y: (top[item.level] + bottom[item.level]) / 2,
      w: item.width,
      h: item.height,
    }));
    this.wiring.settle(this.boxes);
    this.ports = this.assignPorts(edges);
  }

  /** Calls `each` with the items that may be between two heights. */
  within(from, to, each) {
    const { top, bottom } = this.wiring;
    this.byLevel ??= byLevel(this.items, top.length);
    for (let level = first(bottom, from); level < top.length && top[level] <= to; level++) {
      this.byLevel[level].forEach(each);
    }
  }

  /** Shifts the blocks beside each other; returns the width. */
  placePhases() {
    const { grid, wiring } = this;
    const phases = this.items.reduce((most, item) => Math.max(most, item.phase + 1), 0);
    const low = new Array(phases).fill(Infinity);
    const high = new Array(phases).fill(-Infinity);
    grid.phase.forEach((phase, i) => {
      low[phase] = Math.min(low[phase], grid.x[i] - grid.width[i] / 2);
      high[phase] = Math.max(high[phase], grid.x[i] + grid.width[i] / 2);
    });
    const shift = new Array(phases).fill(0);
    let left = MARGIN;
    for (let phase = 0; phase < phases; phase++) {
      const empty = low[phase] === Infinity;
      shift[phase] = empty ? 0 : left - low[phase];
      left += empty ? 0 : high[phase] - low[phase];
      wiring.corridor.set(phase, left);
      const corridor = wiring.corridorWidth(phase);
      if (phase < phases - 1) this.axes.push(left + corridor / 2);
      if (phase < phases - 1 || wiring.lanes.has(phase)) left += corridor;
    }
    grid.phase.forEach((phase, i) => (grid.x[i] += shift[phase]));
    return left + MARGIN;
  }

  /** Where each edge within a phase meets its user: from left to right. */
  assignPorts(edges) {
    const incoming = new Map();
    for (const { src, dst, within } of edges) {
      const before = within ? this.grid.before(src, dst) : -1;
      if (before < 0) continue;
      if (!incoming.has(dst)) incoming.set(dst, []);
      incoming.get(dst).push([this.grid.x[before], src]);
    }
    const ports = new Map();
    for (const [dst, sources] of incoming) {
      const box = this.boxes[dst];
      const step = Math.min(18, (box.w - 2 * PAD) / sources.length);
      const start = box.x - (step * (sources.length - 1)) / 2;
      sources.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      sources.forEach(([, src], k) => ports.set(edgeKey(src, dst), start + step * k));
    }
    return ports;
  }

  /**
   * The pieces of the edges from `src` to `readers`; what several share occurs once.
   * A piece: {points, curved: whether smooth, tip: whether it ends in an arrow}.
   */
  pieces(src, readers) {
    const found = [];
    const lane = this.grid.lanes.get(src);
    const near = [];
    for (const dst of readers) {
      if (lane && isWithin(this.items[src], this.items[dst]) && this.ports.has(edgeKey(src, dst))) {
        near.push(dst);
      } else {
        found.push(...cut(this.wiring.route(src, dst, this.boxes)));
      }
    }
    if (near.length) this.addLane(src, lane, near, found);
    return found;
  }

  addLane(src, lane, readers, found) {
    const { top, bottom } = this.wiring;
    const up = this.items[src].phase % 2;
    const [leave, arrive] = up ? [top, bottom] : [bottom, top];
    const box = this.boxes[src];
    const { x, level } = this.grid;
    const edge = (b, out) => b.y + ((up ? -1 : 1) * (out ? b.h : -b.h)) / 2;
    found.push({ points: [[box.x, edge(box, true)], [box.x, leave[level[src]]]], curved: true });
    let reached = 1;
    const exit = (k) => [x[lane[k]], leave[level[lane[k]]]];
    for (const dst of [...readers].sort((a, b) => this.grid.reach(src, a) - this.grid.reach(src, b))) {
      const steps = this.grid.reach(src, dst);
      for (; reached < steps; reached++) {
        const entry = [x[lane[reached]], arrive[level[lane[reached]]]];
        found.push({ points: [exit(reached - 1), entry, exit(reached)], curved: true });
      }
      const port = this.ports.get(edgeKey(src, dst));
      const goal = this.boxes[dst];
      const way = [exit(steps - 1), [port, arrive[this.items[dst].level]], [port, edge(goal, false)]];
      found.push({ points: way, curved: true, tip: true });
    }
  }
}

/** With the levels that have items numbered without gaps. */
function squeezed(items) {
  const used = [...new Set(items.map((item) => item.level))].sort((a, b) => a - b);
  const number = new Map(used.map((level, k) => [level, k]));
  return items.map((item) => ({ ...item, level: number.get(item.level) }));
}

/** A wire in pieces: its ends, and the long way between them. */
function cut(points) {
  const [, , [x, from], [, to]] = points;
  const bend = from < to ? 12 : -12;
  if (points.length < 6 || Math.abs(to - from) < 100) return [{ points, tip: true }];
  const [leave, arrive] = [[x, from + bend], [x, to - bend]];
  return [
    { points: [...points.slice(0, 3), leave] },
    { points: [leave, arrive] },
    { points: [arrive, ...points.slice(3)], tip: true },
  ];
}

function byLevel(items, levels) {
  const found = Array.from({ length: levels }, () => []);
  items.forEach((item, i) => found[item.level].push(i));
  return found;
}

/** The first place of an ascending list that is not below `least`. */
function first(list, least) {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether an edge follows the flow of one phase. */
function isWithin(source, target) {
  if (source.phase !== target.phase) return false;
  return source.phase % 2 ? target.level < source.level : target.level > source.level;
}
