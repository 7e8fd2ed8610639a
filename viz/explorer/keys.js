// Everything has a key, and the list of keys is made from this table.
import { made } from "./dom.js";

/** [keys, what they do, action]; a heading has no action. */
export function keyTable(app) {
  return [
    ["Passes"],
    [["j"], "next pass that changed something", () => app.pass(1, true)],
    [["k"], "the one before", () => app.pass(-1, true)],
    [["J"], "next pass", () => app.pass(1)],
    [["K"], "pass before", () => app.pass(-1)],
    [["d"], "mark changes, or do not", () => app.toggle("diff")],
    ["Values"],
    [["/"], "search: op:exp scope:attn type:f64 line:7 kernel:2 nan grad -word", () => app.find()],
    [["n"], "next match, or next NaN", () => app.next(1)],
    [["N"], "match before", () => app.next(-1)],
    [["ArrowUp"], "what it reads", () => app.walk("up")],
    [["ArrowDown"], "what reads it", () => app.walk("down")],
    [["ArrowLeft"], "neighbour to the left", () => app.walk("left")],
    [["ArrowRight"], "neighbour to the right", () => app.walk("right")],
    [["p"], "from a value to its gradient, and back", () => app.partner()],
    [["["], "selection before", () => app.back(-1)],
    [["]"], "selection after", () => app.back(1)],
    [["Escape"], "select nothing, end search and focus", () => app.clear()],
    ["Graph"],
    [["f"], "only what is near the selection, or everything", () => app.focus()],
    [["<"], "one step less around it", () => app.hops(-1)],
    [[">"], "one step more", () => app.hops(1)],
    [["c"], "fold the group of the selection", () => app.fold()],
    [["e"], "unfold it", () => app.unfold()],
    [["C"], "fold all groups", () => app.foldAll()],
    [["E"], "unfold all", () => app.state.set({ fold: [] })],
    [["g"], "group by scope, function or kernel", () => app.cycle("by")],
    [["o"], "colour by bytes, kernel and other columns", () => app.cycle("over")],
    [["Enter"], "go into the body of a loop or branch", () => app.enter()],
    [["Backspace"], "leave it", () => app.leave()],
    [["z"], "show the selection", () => app.view.reveal(app.state.sel)],
    [["0"], "show everything", () => app.view.fit()],
    [["+", "="], "larger", () => app.view.camera.zoom(1.25)],
    [["-"], "smaller", () => app.view.camera.zoom(0.8)],
    ["Page"],
    [["1"], "assembly", () => app.state.set({ tab: "assembly" })],
    [["2"], "LLVM", () => app.state.set({ tab: "llvm" })],
    [["3"], "kernels and steps", () => app.state.set({ tab: "steps" })],
    [["4"], "memory", () => app.state.set({ tab: "memory" })],
    [["w"], "next pane (as Tab)", () => app.nextPane()],
    [["t"], "dark or light", () => app.theme()],
    [["?"], "this list", () => app.help()],
  ];
}

const KEY_SIGNS = { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", Escape: "Esc", Backspace: "⌫", Enter: "⏎" };

export function listenForKeys(table) {
  const actions = new Map();
  for (const [keys, , action] of table) {
    if (action) for (const key of keys) actions.set(key, action);
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches?.("input, select, textarea");
    if (typing && event.key !== "Escape") return;
    const button = event.target.matches?.("button") && (event.key === "Enter" || event.key === " ");
    const action = actions.get(event.key);
    if (!action || button || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    action();
  });
}

export function fillHelp(dialog, table) {
  const columns = [];
  for (const [keys, words, action] of table) {
    if (!action) {
      columns.push(made("section", {}, made("h4", {}, keys)));
      continue;
    }
    const names = keys.map((key) => made("kbd", {}, KEY_SIGNS[key] ?? key));
    columns[columns.length - 1].append(made("p", {}, made("span", { class: "keys" }, ...names), words));
  }
  const close = made("button", { class: "close", "aria-label": "Close", onclick: () => dialog.close() }, "×");
  const mouse = "Drag moves, the wheel zooms; a click on a folded group or on the name of a frame unfolds or folds it.";
  dialog.replaceChildren(close, made("h2", {}, "Keys"), made("div", { class: "columns" }, ...columns),
    made("p", { class: "note" }, mouse));
}
