// What the graph shows: single values, and groups folded into one box.
import { group } from "./program.js";

/** Ways to group values: the name of the group of a value, "" for none. */
export const GROUPINGS = {
  scope: (program, value) => program.text("scope", value),
  function: (program, value) => program.place(value)?.within ?? "",
  kernel: (program, value, stage) => {
    const [first] = program.kernelsOf(value, stage);
    return first === undefined ? "" : program.kernels[first].name;
  },
};

/** The names of the groups around a value, outer ones first: `a`, `a/b`. */
export function groupsAround(program, value, by, stage) {
  const name = GROUPINGS[by](program, value, stage);
  if (!name) return [];
  if (by !== "scope") return [name];
  const parts = name.split("/").filter(Boolean);
  return parts.map((_, k) => parts.slice(0, k + 1).join("/"));
}

/**
 * How many sibling groups do the same, as `layer0`, `layer1`, ... do: by name and
 * phase, `layer0|0`; those that no other is like are left out.
 */
export function repeated(program, values, by, stage) {
  const signs = new Map();
  for (const value of values) {
    for (const group of groupsAround(program, value, by, stage)) {
      const name = `${group}|${program.v.phase[value]}`;
      if (!signs.has(name)) signs.set(name, []);
      signs.get(name).push(`${program.v.op[value]}:${program.v.type[value]}`);
    }
  }
  const alike = group(signs.keys(), (name) => {
    return `${name.replace(/\d+(?=[^/|]*\|)/, "#")}|${signs.get(name).sort().join()}`;
  });
  const found = new Map();
  for (const names of alike.values()) {
    if (names.length < 2) continue;
    for (const name of names) found.set(name, names.length);
  }
  return found;
}

/** The outermost folded group of a value, or "". */
export function foldedGroup(program, value, state, folded) {
  if (!folded.size) return "";
  const around = groupsAround(program, value, state.by, state.stage);
  return around.find((name) => folded.has(name)) ?? "";
}

/** The items of a layout and its edges, for the values that may be seen. */
export function itemsOf(program, values, state) {
  const folded = new Set(state.fold);
  const items = [];
  const itemOf = new Map();
  const groups = new Map();
  const v = program.v;
  for (const value of values) {
    const name = foldedGroup(program, value, state, folded);
    const key = `${name}|${v.phase[value]}`;
    if (name && groups.has(key)) {
      const item = items[groups.get(key)];
      item.values.push(value);
      itemOf.set(value, groups.get(key));
      continue;
    }
    itemOf.set(value, items.length);
    if (name) groups.set(key, items.length);
    items.push({
      values: [value],
      folded: name,
      phase: v.phase[value],
      level: v.level[value],
      width: v.width[value],
      height: v.height[value],
      weak: v.kind[value] === 0 || v.kind[value] === 2,
    });
  }
  const edges = edgesOf(program, values, itemOf);
  settle(program, items, edges);
  return { items, edges, itemOf };
}

function edgesOf(program, values, itemOf) {
  const edges = [];
  const known = new Set();
  for (const value of values) {
    const dst = itemOf.get(value);
    for (const ref of program.everRead(value)) {
      const src = itemOf.get(ref);
      const key = src * 1e7 + dst;
      if (src === undefined || src === dst || known.has(key)) continue;
      known.add(key);
      edges.push({ src, dst });
    }
  }
  return edges;
}

/**
 * The size and level of the folded groups: below what they read; those of the gradient
 * beside their forward half, if what they read lets them.
 */
function settle(program, items, edges) {
  const folded = items.filter((item) => item.folded);
  if (!folded.length) return;
  const sources = group(edges, ({ dst }) => items[dst]);
  const home = new Map();
  for (const item of folded) {
    const levels = item.values.map((value) => program.v.level[value]);
    [item.low, item.high] = [least(levels), -least(levels.map((level) => -level))];
    item.level = item.phase % 2 ? item.high : item.low;
    item.width = Math.max(120, 8 * (item.folded.split("/").pop().length + 14));
    item.height = 52;
  }
  folded.sort((a, b) => a.phase - b.phase || (a.phase % 2 ? b.high - a.high : a.low - b.low));
  for (const item of folded) {
    const up = item.phase % 2;
    if (up) item.level = home.get(`${item.folded}|${item.phase - 1}`) ?? item.level;
    for (const { src } of sources.get(item) ?? []) {
      const other = items[src];
      if (other.phase !== item.phase || other.weak) continue;
      if (up) item.level = Math.min(item.level, other.level - 1);
      else if (other.level < item.high) item.level = Math.max(item.level, other.level + 1);
    }
    home.set(`${item.folded}|${item.phase}`, item.level);
  }
}

function least(numbers) {
  return numbers.reduce((a, b) => Math.min(a, b));
}

/** The values of a neighbourhood: up to `hops` edges from `around`. */
export function neighbourhood(program, around, hops, stage) {
  const found = new Set(around);
  let edge = [...found];
  for (let hop = 0; hop < hops; hop++) {
    const next = [];
    for (const value of edge) {
      const near = program.operands(value, stage).filter((ref) => typeof ref === "number");
      for (const other of [...near, ...program.readers(value, stage)]) {
        if (found.has(other)) continue;
        found.add(other);
        next.push(other);
      }
    }
    edge = next;
  }
  return found;
}

/** Where a pass takes more than half of the program away, the layout begins anew. */
export function epochs(program) {
  const sizes = program.stages.map((_, stage) => {
    let count = 0;
    for (let i = 0; i < program.count; i++) {
      if (program.v.function[i] === 0 && program.isAlive(i, stage)) count++;
    }
    return count;
  });
  let first = 0;
  return sizes.map((size, stage) => {
    if (stage && (2 * size < sizes[first] || size > 2 * sizes[first])) first = stage;
    return first;
  });
}

/** The values that the graph has a place for: all of an epoch, or a body's. */
export function valuesOf(program, state, starts) {
  const { order } = program.functions[state.fn];
  if (state.fn) return order;
  const first = starts[state.stage];
  const last = starts.lastIndexOf(first);
  const kept = order.filter((i) => program.v.born[i] <= last && program.v.died[i] > first);
  if (!state.focus || !state.around.length) return kept;
  const near = neighbourhood(program, state.around, state.focus, state.stage);
  return kept.filter((i) => near.has(i));
}

