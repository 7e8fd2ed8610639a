// The passes: a step for each in the header, and a list of what the present one did.
import { made } from "./dom.js";
import { List } from "./list.js";

const KINDS = ["removed", "added", "merged", "rewritten"];
const SIGNS = ["−", "+", "⇒", "→"];

export class Passes {
  constructor(steps, host, title, program, state) {
    Object.assign(this, { steps, title, program, state });
    this.buttons = program.stages.map((stage, number) => this.button(stage, number));
    steps.replaceChildren(...this.buttons);
    this.list = new List(host, {
      label: "What the pass did",
      fill: (line, row) => this.fill(line, this.rows[row]),
      pick: (row) => this.rows[row].values.length && state.select(this.rows[row].values, "passes"),
    });
  }

  button(stage, number) {
    const { program, state } = this;
    const before = number ? this.size(number - 1) : 0;
    const size = this.size(number);
    const delta = number ? size - before : 0;
    const kernels = program.kernels.filter((k) => k.stage === number).length;
    const idle = number && !stage.changes.length && !kernels;
    const facts = [made("span", { class: "count" }, String(size))];
    if (delta) facts.push(made("span", { class: "delta" }, delta < 0 ? `−${-delta}` : `+${delta}`));
    if (kernels) facts.push(made("span", { class: "delta" }, `${kernels} ⊞`));
    const words = `${stage.name}: ${size} values` +
      (number ? `, ${stage.changes.length} changes` : "") + (kernels ? `, ${kernels} kernels` : "");
    return made("button", {
      class: idle ? "step idle" : "step", role: "tab", title: words, "aria-label": words,
      onclick: () => state.set({ stage: number }),
    }, made("span", { class: "name" }, stage.name), ...facts);
  }

  size(stage) {
    this.sizes ??= [];
    this.sizes[stage] ??= this.program.functions[0].order
      .filter((value) => this.program.isAlive(value, stage)).length;
    return this.sizes[stage];
  }

  /** Whether a pass did anything. */
  isIdle(stage) {
    return this.buttons[stage].classList.contains("idle");
  }

  rowsOf(stage) {
    const { program } = this;
    const { changes } = program.stages[stage];
    const targets = new Set(changes.filter((c) => c[0] === 3).map((c) => c[2]));
    const rows = changes.filter(([kind, value]) => kind !== 1 || !targets.has(value))
      .map(([kind, value, other, reason]) => ({
        kind, value, other, reason: program.strings[reason],
        values: other >= 0 && program.isAlive(other, stage) ? [value, other] : [value],
      }));
    program.kernels.forEach((kernel, number) => {
      if (kernel.stage === stage) rows.push({ kernel: number, values: kernel.values });
    });
    return rows;
  }

  fill(line, { kind, value, other, reason, kernel, values }) {
    const { program } = this;
    if (kernel !== undefined) {
      const what = values.map((each) => program.text("op", each)).join(" ");
      line.append(
        made("span", { class: "sign fused" }, "⊞"),
        made("span", { class: "what" }, program.kernels[kernel].name),
        made("span", { class: "why" }, `${values.length} ops in one loop: ${what}`),
      );
      return;
    }
    line.append(
      made("span", { class: `sign ${KINDS[kind]}`, title: KINDS[kind] }, SIGNS[kind]),
      made("span", { class: "what" }, program.title(value),
        ...(other >= 0 ? [made("span", { class: "into" }, kind === 2 ? " is " : " became "), program.title(other)] : [])),
      made("span", { class: "why" }, reason),
    );
  }

  update(changed, origin) {
    const { state, program } = this;
    if (changed.has("stage") || !this.rows) {
      this.rows = this.rowsOf(state.stage);
      this.buttons.forEach((button, number) => {
        const here = number === state.stage;
        button.setAttribute("aria-selected", here);
        if (here) button.scrollIntoView({ block: "nearest", inline: "nearest" });
      });
      this.title.replaceChildren(...this.summary());
      this.list.show(this.rows.length);
    }
    const chosen = new Set(state.sel);
    const lit = [];
    this.rows.forEach((row, k) => {
      const own = row.kernel === undefined ? [row.value, row.other] : row.values;
      if (own.some((value) => chosen.has(value))) lit.push(k);
    });
    this.list.light(lit, origin !== "passes");
  }

  summary() {
    const { state, program } = this;
    const { name } = program.stages[state.stage];
    if (!state.stage) return ["As recorded"];
    const counts = KINDS.map((kind, k) => [kind, this.rows.filter((row) => row.kind === k).length]);
    const kernels = this.rows.filter((row) => row.kernel !== undefined).length;
    if (kernels) counts.push(["kernels", kernels]);
    const parts = counts.filter(([, n]) => n).map(([kind, n]) =>
      made("span", { class: `tally ${kind}` }, `${n} ${kind}`));
    return [made("b", {}, name), ...(parts.length ? parts : [" changed nothing"])];
  }
}
