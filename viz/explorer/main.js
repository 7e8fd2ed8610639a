// Puts the page together and keeps the panes, the address and the state in step.
import { App } from "./app.js";
import { Overlay } from "./colours.js";
import { Details } from "./details.js";
import { byId, made } from "./dom.js";
import { GROUPINGS } from "./groups.js";
import { fillHelp, keyTable, listenForKeys } from "./keys.js";
import { Minimap } from "./minimap.js";
import { Passes } from "./passes.js";
import { Program, decoded, sizeText } from "./program.js";
import { search } from "./search.js";
import { SourcePane } from "./source.js";
import { splitters } from "./split.js";
import { State } from "./state.js";
import { MemoryPane, StepsPane } from "./steps.js";
import { CodePane, IrPane } from "./texts.js";
import { View } from "./view.js";

async function start() {
  const program = new Program(await decoded(byId("data").textContent));
  const state = new State({ stage: firstStage(program) });
  const limits = { stage: program.stages.length, sel: program.count, around: program.count,
    fn: program.functions.length, focus: 31, diff: 2 };
  const view = new View(byId("graph"), program, state);
  const passes = new Passes(byId("steps"), byId("changes"), byId("changes-title"), program, state);
  const app = new App(program, state, view, passes);
  const panes = [
    passes,
    new SourcePane(byId("source"), program, state),
    new IrPane(byId("ir"), byId("ir-title"), program, state),
    new CodePane(byId("assembly"), program, state, "assembly"),
    new CodePane(byId("llvm"), program, state, "llvm"),
    new StepsPane(byId("steps-pane"), program, state),
    new MemoryPane(byId("memory"), program, state),
    new Details(byId("details"), program, state),
  ];
  const table = keyTable(app);
  new Minimap(byId("minimap"), view);
  fillHelp(byId("help"), table);
  listenForKeys(table);
  splitters(byId("page"));
  controls(app);
  state.on((changed, origin) => followed(app, panes, changed, origin));
  Object.assign(state, state.read(location.hash, limits));
  const at = location.hash;
  followed(app, panes, new Set(Object.keys(state.plain)), "start");
  view.camera.go(at);
  view.camera.rested = () => address(app);
  addEventListener("hashchange", () => {
    const wanted = location.hash;
    state.set(state.read(wanted, limits), "address");
    view.camera.go(wanted);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => view.update());
  byId("page").dataset.ready = "yes";
  window.tapec = { program, state, view, app };
}

/** The page opens at the last pass up to dce, or else to the kernels, that changed something. */
function firstStage(program) {
  const fused = program.kernels.reduce((least, k) => Math.min(least, k.stage), program.last + 1);
  const tidy = program.stages.findIndex(({ name }) => name === "dce");
  let stage = tidy > 0 ? tidy : Math.max(0, fused - 1);
  while (stage && !program.stages[stage].changes.length) stage--;
  return stage;
}

// --- following the state

/** The fields that say what the graph shows. */
const SHOWN = ["stage", "fn", "fold", "by", "over", "diff", "focus", "around", "theme"];

function followed(app, panes, changed, origin) {
  const { program, state, view } = app;
  const home = program.v.function[state.sel[0]];
  if (changed.has("sel") && state.fn && home !== undefined && home !== state.fn) {
    state.fn = home; // what is selected is elsewhere
    changed.add("fn");
  }
  if (changed.has("theme")) document.documentElement.dataset.theme = state.theme;
  const anew = origin === "start" || SHOWN.some((field) => changed.has(field)) ? view.update() : false;
  if (!anew) view.ask();
  if (changed.has("q") || changed.has("stage") || changed.has("fn")) searched(app, changed);
  tabs(state);
  for (const pane of panes) pane.update(changed, origin);
  if (anew || origin === "start") view.start();
  if (changed.has("sel") && state.sel.length) {
    if (origin !== "graph") view.reveal(state.sel);
    app.remember();
    if (origin !== "start") announce(app);
  } else if (anew && state.sel.length) {
    view.reveal(state.sel);
  }
  toolbar(app);
  address(app);
}

/** The state and the part of the graph that is seen. */
function address({ state, view }) {
  clearTimeout(view.addressed);
  view.addressed = setTimeout(() => {
    try {
      history.replaceState(null, "", `#${[state.hash, `at=${view.camera.place}`].filter(Boolean).join("&")}`);
    } catch {
      // a frame without an address of its own
    }
  }, 80);
}

function searched({ program, state, view }, changed) {
  const found = search(program, state);
  view.found = state.q.trim() ? new Set(found) : null;
  byId("hits").textContent = state.q.trim() ? `${found.length} found` : "";
  if (changed.has("q") && byId("query").value !== state.q) byId("query").value = state.q;
}

function announce({ program, state }) {
  const [value] = state.sel;
  const place = program.place(value);
  const where = place ? `, line ${place.line}` : "";
  const more = state.sel.length > 1 ? `, and ${state.sel.length - 1} more` : "";
  byId("said").textContent = `${program.title(value)}, ${program.text("type", value)}${where}${more}`;
}

function tabs(state) {
  for (const button of document.querySelectorAll("[data-tab]")) {
    const here = button.dataset.tab === state.tab;
    button.setAttribute("aria-selected", here);
    button.tabIndex = here ? 0 : -1;
    byId(button.getAttribute("aria-controls")).hidden = !here;
  }
}

function toolbar(app) {
  const { program, state, view } = app;
  byId("by").value = state.by;
  byId("over").value = state.over;
  byId("diff").setAttribute("aria-pressed", Boolean(state.diff));
  byId("focus").setAttribute("aria-pressed", state.focus > 0);
  byId("focus").textContent = state.focus ? `Focus ${state.focus}` : "Focus";
  const inside = state.fn ? [made("button", { class: "link", onclick: () => app.leave() }, "← back"),
    ` @${program.functions[state.fn].name}`] : [];
  byId("crumbs").replaceChildren(...inside);
  byId("crumbs").hidden = !state.fn;
  legend(program, state);
}

function legend(program, state) {
  const box = byId("legend");
  box.hidden = !state.over || state.over === "kernel";
  if (box.hidden) return;
  const overlay = new Overlay(program, state.over);
  const ramp = overlay.gradient().map((colour) => {
    const cell = made("span", { class: "cell" });
    cell.style.background = colour;
    return cell;
  });
  const empty = !Number.isFinite(overlay.low);
  box.replaceChildren(made("b", {}, state.over), ...(empty ? ["nothing known"] :
    [overlay.words(overlay.low), made("span", { class: "ramp" }, ...ramp), overlay.words(overlay.high)]));
}

// --- controls

function controls(app) {
  const { program, state, view } = app;
  const query = byId("query");
  query.addEventListener("input", () => state.set({ q: query.value }));
  query.addEventListener("keydown", (event) => {
    if (event.key === "Enter") app.next(event.shiftKey ? -1 : 1);
    if (event.key === "Escape") byId("graph").focus();
  });
  options(byId("by"), Object.keys(GROUPINGS), (by) => state.set({ by, fold: [] }));
  options(byId("over"), app.overlays(), (over) => state.set({ over }), "direction");
  const buttons = { diff: () => app.toggle("diff"), focus: () => app.focus(), fold: () => app.foldAll(),
    unfold: () => state.set({ fold: [] }), fit: () => view.fit(), "help-button": () => app.help(), "theme-button": () => app.theme() };
  for (const [id, action] of Object.entries(buttons)) byId(id).addEventListener("click", action);
  for (const button of document.querySelectorAll("[data-tab]")) {
    button.addEventListener("click", () => state.set({ tab: button.dataset.tab }));
    button.addEventListener("keydown", (event) => turned(event, state));
  }
  view.camera.listen((point, event) => app.clicked(point, event), (point) => hovered(app, point));
}

function options(select, names, chosen, empty) {
  select.replaceChildren(...names.map((name) => made("option", { value: name }, name || empty)));
  select.addEventListener("change", () => {
    chosen(select.value);
    byId("graph").focus();
  });
}

function turned(event, state) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  event.stopPropagation();
  const all = [...document.querySelectorAll("[data-tab]")];
  const next = all[(all.indexOf(event.target) + step + all.length) % all.length];
  state.set({ tab: next.dataset.tab });
  next.focus();
}

function hovered(app, point) {
  const { program, view } = app;
  const tip = byId("tip");
  const item = point ? view.itemAt(point) : -1;
  view.canvas.classList.toggle("pointing", item >= 0);
  tip.hidden = item < 0;
  if (item < 0) return;
  const { values, folded } = view.items[item];
  const [value] = values;
  const size = program.v.bytes[value];
  const place = program.place(value);
  const lines = folded
    ? [folded, `${values.length} values; double click or e unfolds`]
    : [`${program.title(value)}  ${program.text("type", value)}${size >= 0 ? `  ${sizeText(size)}` : ""}`,
      place ? `${place.file.split(/[\\/]/).pop()}:${place.line}, in ${place.within}` : ""];
  tip.replaceChildren(...lines.filter(Boolean).map((line) => made("div", {}, line)));
  const [x, y] = point;
  const room = view.canvas.clientWidth - tip.offsetWidth - 8;
  tip.style.left = `${Math.max(4, Math.min(x + 14, room))}px`;
  tip.style.top = `${y + 18}px`;
}

start().catch((error) => {
  byId("failure").hidden = false;
  byId("failure").textContent = `This page cannot be shown here: ${error.message ?? error}`;
});
