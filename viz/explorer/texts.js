// The panes with text: IR, LLVM, assembly.
import { made, tinted } from "./dom.js";
import { List } from "./list.js";

/** The IR of the stage. */
export class IrPane {
  constructor(host, title, program, state) {
    Object.assign(this, { title, program, state });
    this.list = new List(host, {
      label: "IR of the program",
      fill: (line, row) => line.append(...tinted(this.text(row), "typed")),
      pick: (row) => {
        const values = this.program.behind[this.rows[row]];
        if (values.length) this.state.select(values, "ir");
      },
    });
  }

  text(row) {
    return this.program.lines[this.rows[row]];
  }

  update(changed, origin) {
    const { program, state } = this;
    if (changed.has("stage") || !this.rows) {
      this.rows = program.rows(state.stage);
      const { name } = program.stages[state.stage];
      this.title.textContent = state.stage ? `IR after ${name}` : "IR as recorded";
      this.list.show(this.rows.length);
    }
    const rowsOf = program.rowsOf(state.stage);
    const lit = state.sel.flatMap((value) => rowsOf.get(value) ?? []);
    this.list.light(lit.sort((a, b) => a - b), origin !== "ir");
  }
}

/** LLVM IR or assembly of all kernels, each line with the value that it computes. */
export class CodePane {
  constructor(host, program, state, kind) {
    Object.assign(this, { program, state, kind, rows: [] });
    this.host = host;
    for (const kernel of program.machine?.kernels ?? []) this.add(kernel);
    this.rowsOf = new Map();
    this.rows.forEach(({ values }, row) => {
      for (const value of values) {
        if (!this.rowsOf.has(value)) this.rowsOf.set(value, []);
        this.rowsOf.get(value).push(row);
      }
    });
    if (!this.rows.length) return this.excuse();
    this.list = new List(host, {
      label: kind === "llvm" ? "LLVM IR of the kernels" : "Assembly of the kernels",
      fill: (line, row) => this.fill(line, row),
      pick: (row) => {
        const { values } = this.rows[row];
        if (values.length) this.state.select(values, kind);
      },
    });
    this.list.show(this.rows.length);
  }

  add(kernel) {
    const [texts, ops] = kernel[this.kind];
    if (this.rows.length) this.rows.push({ text: "", values: [] });
    this.rows.push({ text: kernel.name, values: [...new Set(kernel.ops.flat())], head: true });
    texts.forEach((text, k) => {
      this.rows.push({ text, values: ops[k] ? kernel.ops[ops[k] - 1] : [] });
    });
  }

  excuse() {
    const why = this.program.machine
      ? "No kernels: every step runs in a library or in NumPy. Kernels lists the steps."
      : "This page was made without native code.";
    this.host.replaceChildren(made("p", { class: "empty" }, why));
  }

  fill(line, row) {
    const { text, values, head } = this.rows[row];
    const before = this.rows[row - 1]?.values;
    const called = values.length && !head && String(before) !== String(values);
    line.append(made("span", { class: "gutter" }, called ? this.program.title(values[0]) : ""));
    line.classList.toggle("heading", Boolean(head));
    line.append(...(head ? [text] : tinted(text, this.kind === "llvm" ? "typed" : "machine")));
  }

  update(changed, origin) {
    if (!this.list) return;
    const lit = this.state.sel.flatMap((value) => this.rowsOf.get(value) ?? []);
    const shown = lit.filter((row) => !this.rows[row].head).sort((a, b) => a - b);
    this.list.light(shown, origin !== this.kind);
  }
}
