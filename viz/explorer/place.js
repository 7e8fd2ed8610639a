// Order and horizontal place of the values in their rows, as the pictures have it.
// The same steps as in `tapec/viz/rows.py`, so that both give the same places.

const SPACE = 22;
const LANE_WIDTH = 8;
const LARGE = 4000;

/**
 * Entries are the items, then the turning points of long edges.
 * lanes: for an item, the entries that its long edges pass, from level to level.
 */
export class Grid {
  constructor(items, edges) {
    this.items = items;
    this.width = items.map((item) => item.width);
    this.phase = items.map((item) => item.phase);
    this.level = items.map((item) => item.level);
    this.lanes = new Map();
    this.inLane = new Set();
    const users = new Map();
    for (const edge of edges) {
      if (!edge.within) continue;
      if (!users.has(edge.src)) users.set(edge.src, []);
      users.get(edge.src).push(edge.dst);
    }
    this.addLanes(users, 1000 + 3 * items.length);
    this.link(users);
    this.rows = new Map();
    for (let i = 0; i < this.width.length; i++) {
      const key = this.phase[i] * 1e7 + this.level[i];
      if (!this.rows.has(key)) this.rows.set(key, []);
      this.rows.get(key).push(i);
    }
    this.x = new Float64Array(this.width.length);
  }

  reach(u, v) {
    return Math.abs(this.level[v] - this.level[u]);
  }

  addLanes(users, budget) {
    const reach = new Map();
    for (const [u, readers] of users) {
      reach.set(u, readers.reduce((most, v) => Math.max(most, this.reach(u, v)), 0));
    }
    const sources = [...users.keys()].sort((a, b) => reach.get(a) - reach.get(b) || a - b);
    for (const u of sources) {
      budget -= reach.get(u) - 1;
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
    this.above = this.width.map(() => []);
    this.below = this.width.map(() => []);
    const count = this.items.length;
    const join = (a, b, weak) => {
      const pull = [2, 1, 8][(a >= count) + (b >= count)] * (weak ? 0.25 : 1);
      if (this.level[a] > this.level[b]) [a, b] = [b, a];
      this.below[a].push([b, pull]);
      this.above[b].push([a, pull]);
    };
    for (const [u, readers] of users) {
      const lane = this.lanes.get(u);
      if (!lane) continue;
      let joined = 1;
      for (const v of readers) {
        const steps = this.reach(u, v);
        for (; joined < steps; joined++) join(lane[joined - 1], lane[joined], this.items[u].weak);
        join(lane[steps - 1], v, this.items[u].weak);
      }
    }
  }
}

/** Orders the rows, then sets `x`; at last each value looks to one side only. */
export function arrange(grid) {
  const small = grid.width.length <= LARGE;
  const both = grid.above.map((near, i) => near.concat(grid.below[i]));
  const above = grid.above.map(heaviest);
  const below = grid.below.map(heaviest);
  order(grid, small ? 8 : 2);
  const keys = [...grid.rows.keys()].sort((a, b) => a - b);
  const phases = new Map();
  for (const key of keys) {
    const phase = Math.floor(key / 1e7);
    if (!phases.has(phase)) phases.set(phase, []);
    phases.get(phase).push(sideBySide(grid, grid.rows.get(key)));
  }
  for (const rows of phases.values()) {
    const back = [...rows].reverse();
    for (let sweep = 0; sweep < (small ? 12 : 2); sweep++) {
      for (const row of rows) pull(grid, row, both);
      for (const row of back) pull(grid, row, both);
    }
    for (const row of back) pull(grid, row, below);
    for (const row of rows) pull(grid, row, above);
  }
}

// --- order

/** Barycentre sweeps down and up; the best of the orders seen is kept. */
function order(grid, sweeps) {
  const position = new Float64Array(grid.width.length);
  let best = new Map(grid.rows);
  let fewest = Infinity;
  const down = [...grid.rows.keys()].sort((a, b) => a - b);
  const up = [...down].reverse();
  for (let sweep = 0; sweep <= sweeps; sweep++) {
    for (const key of sweep % 2 ? down : up) {
      let row = grid.rows.get(key);
      if (sweep) {
        row = sortedByNeighbours(row, sweep % 2 ? grid.above : grid.below, position);
        grid.rows.set(key, row);
      }
      row.forEach((i, k) => (position[i] = (k + 0.5) / row.length));
    }
    let crossings = 0;
    for (const row of grid.rows.values()) crossings += rowCrossings(grid, row, position);
    if (crossings < fewest) [best, fewest] = [new Map(grid.rows), crossings];
    if (crossings === 0) break;
  }
  grid.rows = best;
}

function sortedByNeighbours(row, toward, position) {
  const wanted = new Map();
  for (const i of row) {
    const near = toward[i];
    const total = near.reduce((sum, [j]) => sum + position[j], 0);
    wanted.set(i, near.length ? total / near.length : position[i]);
  }
  return [...row].sort((a, b) => wanted.get(a) - wanted.get(b) || position[a] - position[b]);
}

/** Crossings between a row and the next one, counted by a Fenwick tree. */
function rowCrossings(grid, row, position) {
  if (row.length === 1) return 0;
  const ends = [];
  for (const i of row) {
    const mine = grid.below[i].map(([j]) => position[j]);
    ends.push(...mine.sort((a, b) => a - b));
  }
  const sorted = [...new Set(ends)].sort((a, b) => a - b);
  const ranks = new Map(sorted.map((p, k) => [p, k + 1]));
  const tree = new Int32Array(sorted.length + 1);
  let total = 0;
  ends.forEach((end, seen) => {
    let notRight = 0;
    for (let k = ranks.get(end); k; k &= k - 1) notRight += tree[k];
    total += seen - notRight;
    for (let k = ranks.get(end); k < tree.length; k += k & -k) tree[k]++;
  });
  return total;
}

// --- place

/** A row, put side by side around 0. */
function sideBySide(grid, entries) {
  const offsets = [0];
  for (let k = 1; k < entries.length; k++) {
    const between = (grid.width[entries[k - 1]] + grid.width[entries[k]]) / 2 + SPACE;
    offsets.push(offsets[k - 1] + between);
  }
  const middle = offsets[offsets.length - 1] / 2;
  entries.forEach((i, k) => (grid.x[i] = offsets[k] - middle));
  return { entries, offsets };
}

function heaviest(near) {
  if (near.length < 2) return near;
  const most = near.reduce((m, [, w]) => Math.max(m, w), 0);
  return near.filter(([, w]) => w === most);
}

/** Moves a row toward its neighbours, in order and without overlaps. */
function pull(grid, row, neighbours) {
  const x = grid.x;
  let wanted = [];
  const weights = [];
  for (const i of row.entries) {
    let total = 0;
    let moment = 0;
    for (const [j, weight] of neighbours[i]) {
      total += weight;
      moment += weight * x[j];
    }
    wanted.push(total ? moment / total : x[i]);
    weights.push(total || 0.01);
  }
  if (wanted.length > 1) wanted = spread(wanted, weights, row.offsets);
  row.entries.forEach((i, k) => (x[i] = wanted[k]));
}

/** The places nearest to `wanted` (least squares) that keep the distances. */
export function spread(wanted, weights, offsets) {
  const pools = [];
  for (let k = 0; k < wanted.length; k++) {
    let pool = [wanted[k] - offsets[k], weights[k], 1];
    while (pools.length && pools[pools.length - 1][0] > pool[0]) {
      const [m, t, c] = pools.pop();
      pool = [(pool[0] * pool[1] + m * t) / (pool[1] + t), pool[1] + t, pool[2] + c];
    }
    pools.push(pool);
  }
  const found = [];
  for (const [mean, , count] of pools) {
    for (let k = 0; k < count; k++) found.push(mean + offsets[found.length]);
  }
  return found;
}
