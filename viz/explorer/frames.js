// Frames around the values of an open group, where they stand together.
import { groupsAround } from "./groups.js";

const FRAMED = 1500;

/** The frames of a layout of items, those of outer groups first. */
export function framesAround(program, state, items, edges, layout) {
  if (items.length > FRAMED || state.by === "kernel") return [];
  const members = new Map();
  const homes = homesOf(program, state, items, edges);
  items.forEach((item, i) => {
    if (item.folded) return;
    const home = item.weak ? homes.get(i) : item.values[0];
    if (home === undefined) return;
    for (const name of groupsAround(program, home, state.by, state.stage)) {
      const key = `${name}|${item.phase}`;
      if (!members.has(key)) members.set(key, { name, inside: new Set() });
      members.get(key).inside.add(i);
    }
  });
  if (state.by === "function" && members.size < 3) return [];
  const deepest = Math.max(0, ...[...members.values()].map((m) => m.name.split("/").length));
  const found = [];
  for (const { name, inside } of members.values()) {
    const pad = 9 * (1 + (state.by === "scope" ? deepest - name.split("/").length : 0));
    const frame = around([...inside].map((i) => layout.boxes[i]), pad);
    const clash = layout.boxes.some((box, i) => !inside.has(i) && overlaps(frame, box));
    const title = state.by === "scope" ? name.split("/").pop() : name;
    if (!clash) found.push({ ...frame, name, title });
  }
  return found.sort((a, b) => a.name.length - b.name.length);
}

/** For a parameter or constant, a reader that tells its group, if all agree. */
function homesOf(program, state, items, edges) {
  const found = new Map();
  for (const { src, dst } of edges) {
    if (!items[src].weak || items[dst].folded || items[src].phase !== items[dst].phase) continue;
    const reader = items[dst].values[0];
    const name = (value) => groupsAround(program, value, state.by, state.stage).join();
    if (!found.has(src)) found.set(src, reader);
    else if (found.get(src) !== undefined && name(found.get(src)) !== name(reader)) found.set(src, undefined);
  }
  return found;
}

/** The area of boxes. */
export function around(boxes, pad) {
  const found = { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity };
  for (const { x, y, w, h } of boxes) {
    found.x0 = Math.min(found.x0, x - w / 2 - pad);
    found.y0 = Math.min(found.y0, y - h / 2 - pad - 9);
    found.x1 = Math.max(found.x1, x + w / 2 + pad);
    found.y1 = Math.max(found.y1, y + h / 2 + pad);
  }
  return found;
}

function overlaps({ x0, y0, x1, y1 }, { x, y, w, h }) {
  return x - w / 2 < x1 && x + w / 2 > x0 && y - h / 2 < y1 && y + h / 2 > y0;
}
