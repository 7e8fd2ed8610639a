// What the keys and the pointer do.
import { GROUPINGS, groupsAround } from "./groups.js";
import { search } from "./search.js";

const HOPS = 2;

export class App {
  constructor(program, state, view, passes) {
    Object.assign(this, { program, state, view, passes });
    this.past = [];
    this.at = -1;
    this.returns = [];
  }

  // --- passes

  pass(step, skipIdle = false) {
    let stage = this.state.stage + step;
    while (skipIdle && stage > 0 && stage < this.program.last && this.passes.isIdle(stage)) stage += step;
    if (stage < 0 || stage > this.program.last) return;
    this.state.set({ stage, fn: 0 }, "keys");
  }

  toggle(name) {
    this.state.set({ [name]: this.state[name] ? 0 : 1 });
  }

  // --- values

  find() {
    const box = document.getElementById("query");
    box.focus();
    box.select();
  }

  /** The next value of the search, or the next with NaN in it. */
  next(step) {
    const { state, program } = this;
    const found = state.q.trim() ? search(program, state) : search(program, { ...state, q: "nan" });
    if (!found.length) return this.say(state.q ? "nothing found" : "no NaN is known of");
    const order = new Map(program.functions[state.fn].order.map((value, k) => [value, k]));
    const from = state.sel.length ? order.get(state.sel[0]) ?? -1 : -1;
    const after = step > 0
      ? found.find((value) => order.get(value) > from) ?? found[0]
      : found.findLast((value) => order.get(value) < from) ?? found[found.length - 1];
    state.select([after], "search");
    this.say(`${found.indexOf(after) + 1} of ${found.length}`);
  }

  walk(way) {
    const { state, program, view } = this;
    const [value] = state.sel;
    if (value === undefined) {
      const first = view.values.find((each) => view.looking.isShown(each));
      return first === undefined ? undefined : state.select([first], "walk");
    }
    const beside = way === "left" || way === "right";
    const next = beside ? this.beside(value, way) : this.linked(value, way);
    if (next !== undefined) state.select([next], "walk");
  }

  linked(value, way) {
    const { program, state, view } = this;
    const stage = state.fn ? program.last : state.stage;
    const refs = way === "up" ? program.operands(value, stage) : program.readers(value, stage);
    const shown = refs.filter((ref) => typeof ref === "number" && view.itemOf.has(ref));
    const same = shown.find((ref) => program.v.phase[ref] === program.v.phase[value]);
    return same ?? shown[0];
  }

  beside(value, way) {
    const { view } = this;
    const own = view.itemOf.get(value);
    const here = view.layout.boxes[own];
    if (!here) return undefined;
    let best;
    view.layout.boxes.forEach((box, i) => {
      const dx = (box.x - here.x) * (way === "left" ? -1 : 1);
      if (i === own || !view.looks[i] || dx <= 0) return;
      const distance = dx + 6 * Math.abs(box.y - here.y);
      if (!best || distance < best.distance) best = { distance, i };
    });
    return best && view.items[best.i].values[0];
  }

  partner() {
    const { program, state } = this;
    const [value] = state.sel;
    if (value === undefined) return;
    const primal = program.v.primal[value];
    const gradients = program.gradients(value).filter((g) => program.isAlive(g, state.stage));
    if (primal >= 0) state.select([primal], "walk");
    else if (gradients.length) state.select([gradients[gradients.length - 1]], "walk");
    else this.say("it has no gradient in this stage");
  }

  remember() {
    const now = String(this.state.sel);
    if (String(this.past[this.at]) === now) return;
    this.past.length = this.at + 1;
    this.past.push(this.state.sel);
    this.at = this.past.length - 1;
  }

  back(step) {
    const found = this.past[this.at + step];
    if (!found) return;
    this.at += step;
    this.state.select(found, "walk");
  }

  clear() {
    document.activeElement?.blur?.();
    this.state.set({ sel: [], q: "", focus: 0, around: [] });
  }

  // --- graph

  focus() {
    const { state } = this;
    if (state.focus) return state.set({ focus: 0, around: [] });
    if (state.sel.length) state.set({ focus: HOPS, around: state.sel });
    else this.say("select a value first");
  }

  hops(step) {
    const { state } = this;
    if (state.focus) state.set({ focus: Math.min(Math.max(state.focus + step, 1), 30) });
    else this.focus();
  }

  groups(value) {
    return groupsAround(this.program, value, this.state.by, this.state.stage);
  }

  fold() {
    const { state } = this;
    const open = state.sel.flatMap((value) => {
      const around = this.groups(value);
      const outer = around.findIndex((name) => state.fold.includes(name));
      return outer < 0 ? around.slice(-1) : around.slice(Math.max(outer - 1, 0), Math.max(outer, 0));
    });
    if (open.length) state.set({ fold: [...new Set([...state.fold, ...open])].sort() });
    else this.say(`the selection is in no ${state.by}`);
  }

  unfold(names = this.state.sel.flatMap((value) => this.groups(value))) {
    const left = this.state.fold.filter((name) => !names.includes(name));
    this.state.set({ fold: left });
  }

  foldAll() {
    const { order } = this.program.functions[this.state.fn];
    const names = order.flatMap((value) => this.groups(value).slice(0, 1));
    if (names.length) this.state.set({ fold: [...new Set(names)].sort() });
    else this.say(`nothing has a ${this.state.by}`);
  }

  cycle(name) {
    const options = name === "by" ? Object.keys(GROUPINGS) : this.overlays();
    const next = options[(options.indexOf(this.state[name]) + 1) % options.length];
    this.state.set(name === "by" ? { by: next, fold: [] } : { over: next });
    this.say(name === "by" ? `grouped by ${next}` : `coloured by ${next || "direction"}`);
  }

  overlays() {
    const shades = this.program.columns.filter(({ numbers }) => !numbers.some((x) => Number.isNaN(Number(x))));
    const columns = shades.map((column) => column.name);
    return ["", "bytes", ...(this.program.kernels.length ? ["kernel"] : []), ...columns];
  }

  enter() {
    const { program, state } = this;
    const bodies = state.sel.flatMap((value) => program.v.bodies[value]);
    if (!bodies.length) return this.say("the selection has no body");
    this.returns.push(state.sel);
    state.set({ fn: bodies[0][1], sel: [], focus: 0, around: [] });
  }

  leave() {
    if (!this.state.fn) return;
    const owners = this.program.owners(this.state.fn);
    const owner = owners.find((value) => this.program.isAlive(value, this.state.stage)) ?? owners[0];
    this.state.set({ fn: this.program.v.function[owner] ?? 0, sel: this.returns.pop() ?? owners.slice(0, 1) });
  }

  clicked(point, event) {
    const { view, state } = this;
    const item = view.itemAt(point);
    if (item >= 0) {
      const { values, folded } = view.items[item];
      const shown = values.filter((value) => view.looking.isShown(value));
      if (folded && event.detail > 1) return this.unfold([folded]);
      return state.select(event.shiftKey ? [...state.sel, ...shown] : shown, "graph");
    }
    const frame = view.frameAt(point);
    if (frame) state.set({ fold: [...state.fold, frame.name].sort() });
    else state.select([], "graph");
  }

  // --- page

  theme() {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = this.state.theme || (dark ? "dark" : "light");
    this.state.set({ theme: now === "dark" ? "light" : "dark" });
  }

  nextPane() {
    const panes = [...document.querySelectorAll(".list, #graph, #memory canvas")].filter((e) => e.clientHeight);
    const at = panes.findIndex((pane) => pane === document.activeElement);
    panes[(at + 1) % panes.length].focus();
  }

  help() {
    document.getElementById("help").showModal();
  }

  say(words) {
    document.getElementById("said").textContent = words;
    const box = document.getElementById("toast");
    box.textContent = words;
    box.classList.add("shown");
    clearTimeout(this.silence);
    this.silence = setTimeout(() => box.classList.remove("shown"), 1600);
  }
}

