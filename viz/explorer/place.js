// Order and horizontal place of the values in their rows, as the pictures have it.
// The same steps as in `tapec/viz/rows.py`, so that both give the same places.
import { Grid } from "./grid.js";

const SPACE = 22;
const LARGE = 4000;
const FEW = 32;

/** Orders the rows, then sets `x`; at last each value looks to one side only. */
export function arrange(grid) {
  const small = grid.width.length <= LARGE;
  const { above, below, both } = grid;
  order(grid, small ? 8 : 2);
  const phases = new Map();
  for (const key of [...grid.rows.keys()].sort((a, b) => a - b)) {
    const phase = Grid.phaseOf(key);
    if (!phases.has(phase)) phases.set(phase, []);
    phases.get(phase).push(sideBySide(grid, grid.rows.get(key)));
  }
  const [up, down] = [above.heaviest(), below.heaviest()];
  for (const rows of phases.values()) {
    const back = [...rows].reverse();
    for (let sweep = 0; sweep < (small ? 12 : 2); sweep++) {
      for (const row of rows) pull(grid.x, row, both);
      for (const row of back) pull(grid.x, row, both);
    }
    for (const row of back) pull(grid.x, row, down);
    for (const row of rows) pull(grid.x, row, up);
  }
}

// --- order

/** Barycentre sweeps down and up; the best of the orders seen is kept. */
function order(grid, sweeps) {
  const position = new Float64Array(grid.width.length);
  const wanted = new Float64Array(grid.width.length);
  let best = new Map(grid.rows);
  let fewest = Infinity;
  const down = [...grid.rows.keys()].sort((a, b) => a - b);
  const up = [...down].reverse();
  for (let sweep = 0; sweep <= sweeps; sweep++) {
    for (const key of sweep % 2 ? down : up) {
      let row = grid.rows.get(key);
      if (sweep && row.length > 1) {
        row = sortedByNeighbours(row, sweep % 2 ? grid.above : grid.below, position, wanted);
        grid.rows.set(key, row);
      }
      for (let k = 0; k < row.length; k++) position[row[k]] = (k + 0.5) / row.length;
    }
    let crossings = 0;
    for (const row of grid.rows.values()) crossings += rowCrossings(grid.below, row, position);
    if (crossings < fewest) [best, fewest] = [new Map(grid.rows), crossings];
    if (crossings === 0) break;
  }
  grid.rows = best;
}

function sortedByNeighbours(row, { start, to }, position, wanted) {
  for (const i of row) {
    let total = 0;
    for (let k = start[i]; k < start[i + 1]; k++) total += position[to[k]];
    const count = start[i + 1] - start[i];
    wanted[i] = count ? total / count : position[i];
  }
  return [...row].sort((a, b) => wanted[a] - wanted[b] || position[a] - position[b]);
}

/** Crossings between a row and the next one. */
function rowCrossings({ start, to }, row, position) {
  if (row.length === 1) return 0;
  const ends = [];
  for (const i of row) {
    const first = ends.length;
    for (let k = start[i]; k < start[i + 1]; k++) {
      const end = position[to[k]];
      let at = ends.length;
      for (; at > first && ends[at - 1] > end; at--) ends[at] = ends[at - 1];
      ends[at] = end;
    }
  }
  return ends.length <= FEW ? inversions(ends) : manyInversions(ends);
}

function inversions(ends) {
  let total = 0;
  for (let k = 1; k < ends.length; k++) {
    for (let j = 0; j < k; j++) total += ends[j] > ends[k];
  }
  return total;
}

/** The same by a Fenwick tree. */
function manyInversions(ends) {
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
  const offsets = new Float64Array(entries.length);
  for (let k = 1; k < entries.length; k++) {
    const between = (grid.width[entries[k - 1]] + grid.width[entries[k]]) / 2 + SPACE;
    offsets[k] = offsets[k - 1] + between;
  }
  const middle = offsets[offsets.length - 1] / 2;
  entries.forEach((i, k) => (grid.x[i] = offsets[k] - middle));
  return { entries, offsets, wanted: new Float64Array(entries.length), weights: new Float64Array(entries.length) };
}

/** Moves a row toward its neighbours, in order and without overlaps. */
function pull(x, { entries, offsets, wanted, weights }, { start, to, weight }) {
  for (let e = 0; e < entries.length; e++) {
    const i = entries[e];
    let total = 0;
    let moment = 0;
    for (let k = start[i]; k < start[i + 1]; k++) {
      total += weight[k];
      moment += weight[k] * x[to[k]];
    }
    wanted[e] = total ? moment / total : x[i];
    weights[e] = total || 0.01;
  }
  const places = entries.length > 1 ? spread(wanted, weights, offsets) : wanted;
  for (let e = 0; e < entries.length; e++) x[entries[e]] = places[e];
}

/** The places nearest to `wanted` (least squares) that keep the distances. */
export function spread(wanted, weights, offsets) {
  const pools = [];
  for (let k = 0; k < wanted.length; k++) {
    let mean = wanted[k] - offsets[k];
    let total = weights[k];
    let count = 1;
    while (pools.length && pools[pools.length - 3] > mean) {
      const c = pools.pop();
      const t = pools.pop();
      const m = pools.pop();
      mean = (mean * total + m * t) / (total + t);
      total += t;
      count += c;
    }
    pools.push(mean, total, count);
  }
  const found = new Float64Array(wanted.length);
  let at = 0;
  for (let p = 0; p < pools.length; p += 3) {
    for (let k = 0; k < pools[p + 2]; k++, at++) found[at] = pools[p] + offsets[at];
  }
  return found;
}
