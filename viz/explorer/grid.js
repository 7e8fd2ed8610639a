// The entries of a layout in their rows: items, and the turning points of long edges.

const LANE_WIDTH = 8;
const ROWS = 1e7;

/** Neighbours of entries: those of `i` are from `start[i]` to `start[i + 1]`. */
class Near {
  constructor(start, to, weight) {
    Object.assign(this, { start, to, weight });
  }

  /** pairs: entry, neighbour, weight, one after the other, in three lists. */
  static of(count, from, to, weight) {
    const start = new Int32Array(count + 1);
    for (const i of from) start[i + 1]++;
    for (let i = 0; i < count; i++) start[i + 1] += start[i];
    const next = start.slice();
    const near = new Near(start, new Int32Array(from.length), new Float64Array(from.length));
    for (let k = 0; k < from.length; k++) {
      const at = next[from[k]]++;
      near.to[at] = to[k];
      near.weight[at] = weight[k];
    }
    return near;
  }

  /** Of each entry's neighbours those that pull most. */
  heaviest() {
    const [from, to, weight] = [[], [], []];
    for (let i = 0; i < this.start.length - 1; i++) {
      let most = 0;
      for (let k = this.start[i]; k < this.start[i + 1]; k++) most = Math.max(most, this.weight[k]);
      for (let k = this.start[i]; k < this.start[i + 1]; k++) {
        if (this.weight[k] !== most) continue;
        from.push(i);
        to.push(this.to[k]);
        weight.push(most);
      }
    }
    return Near.of(this.start.length - 1, from, to, weight);
  }
}

/** lanes: for an item, the entries that its long edges pass, from level to level. */
export class Grid {
  constructor(items, edges) {
    this.items = items;
    this.width = items.map((item) => item.width);
    this.phase = items.map((item) => item.phase);
    this.level = items.map((item) => item.level);
    this.lanes = new Map();
    const users = new Map();
    for (const { src, dst, within } of edges) {
      if (!within) continue;
      const list = users.get(src);
      if (list) list.push(dst);
      else users.set(src, [dst]);
    }
    this.addLanes(users, 4000 + 12 * items.length);
    this.link(users);
    this.rows = new Map();
    for (let i = 0; i < this.width.length; i++) {
      const key = this.phase[i] * ROWS + this.level[i];
      const row = this.rows.get(key);
      if (row) row.push(i);
      else this.rows.set(key, [i]);
    }
    this.x = new Float64Array(this.width.length);
  }

  static phaseOf(key) {
    return Math.floor(key / ROWS);
  }

  reach(u, v) {
    return Math.abs(this.level[v] - this.level[u]);
  }

  /** One lane per value, from which its users branch off; short ones first. As in
   * Python, edges may pass `budget` rows in all. */
  addLanes(users, budget) {
    const reach = new Map();
    const passed = new Map();
    for (const [u, readers] of users) {
      let most = 0;
      let sum = 0;
      for (const v of readers) {
        most = Math.max(most, this.reach(u, v));
        sum += this.reach(u, v) - 1;
      }
      reach.set(u, most);
      passed.set(u, sum);
    }
    const sources = [...users.keys()].sort((a, b) => reach.get(a) - reach.get(b) || a - b);
    for (const u of sources) {
      budget -= passed.get(u);
      if (budget < 0) return;
      const lane = [u];
      const step = this.phase[u] % 2 === 0 ? 1 : -1;
      for (let k = 1; k < reach.get(u); k++) {
        lane.push(this.width.length);
        this.width.push(LANE_WIDTH);
        this.phase.push(this.phase[u]);
        this.level.push(this.level[u] + k * step);
      }
      this.lanes.set(u, lane);
    }
  }

  /** The entry next to `v` on the way from `u`, or -1 where `u` has no lane. */
  before(u, v) {
    const lane = this.lanes.get(u);
    return lane ? lane[this.reach(u, v) - 1] : -1;
  }

  link(users) {
    const [upper, lower, weights] = [[], [], []];
    const count = this.items.length;
    const join = (a, b, weak) => {
      const lanes = (a >= count) + (b >= count);
      const pull = (lanes === 2 ? 8 : lanes ? 1 : 2) * (weak ? 0.25 : 1);
      const down = this.level[a] < this.level[b];
      upper.push(down ? a : b);
      lower.push(down ? b : a);
      weights.push(pull);
    };
    for (const [u, lane] of this.lanes) {
      const { weak } = this.items[u];
      let joined = 1;
      for (const v of users.get(u)) {
        const steps = this.reach(u, v);
        for (; joined < steps; joined++) join(lane[joined - 1], lane[joined], weak);
        join(lane[steps - 1], v, weak);
      }
    }
    const size = this.width.length;
    this.below = Near.of(size, upper, lower, weights);
    this.above = Near.of(size, lower, upper, weights);
    this.both = Near.of(size, lower.concat(upper), upper.concat(lower), weights.concat(weights));
  }
}
