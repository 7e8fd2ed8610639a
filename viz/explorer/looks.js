// How each value looks in the present stage: its marks, colours and words.

const MARKS = ["removed", "added", "merged", "rewritten"];

export class Looks {
  constructor(program, state) {
    Object.assign(this, { program, state });
  }

  isShown(value) {
    const { program, state } = this;
    if (state.fn) return true;
    if (program.isAlive(value, state.stage)) return true;
    return Boolean(this.isGhost(value));
  }

  isGhost(value) {
    const { program, state } = this;
    return state.diff && !state.fn && state.stage && program.v.died[value] === state.stage
      && program.v.born[value] < state.stage;
  }

  /** How an item looks in this stage, or null if it is not there. */
  look(item) {
    const { program, state } = this;
    const values = item.values.filter((value) => this.isShown(value));
    if (!values.length) return null;
    const [value] = values;
    const v = program.v;
    const ghost = Boolean(values.every((each) => this.isGhost(each)));
    return {
      half: v.gradient[value] ? "gradient" : "forward",
      kind: v.kind[value] === 0 ? "param" : "op",
      result: this.results().includes(value),
      ghost,
      mark: state.diff && !state.fn ? this.markOf(values) : "",
      colour: item.folded || ghost ? null : this.overlay?.colour(value, state.stage),
      count: values.length,
    };
  }

  results() {
    const { program, state } = this;
    return state.fn ? program.functions[state.fn].results : program.stages[state.stage].results;
  }

  markOf(values) {
    const marks = this.marks();
    for (const value of values) if (marks.has(value)) return marks.get(value);
    return "";
  }

  marks() {
    const { program, state } = this;
    if (this.marked?.stage !== state.stage) {
      const found = new Map();
      for (const [kind, value, other] of program.stages[state.stage].changes) {
        found.set(value, MARKS[kind]);
        if (kind === 3) found.set(other, "added");
      }
      this.marked = { stage: state.stage, found };
    }
    return this.marked.found;
  }

  label(value) {
    const { program, state } = this;
    const text = (name) => program.text(name, value);
    const kernels = program.kernelsOf(value, state.stage).map((k) => program.kernels[k].name);
    const result = this.results().includes(value);
    return {
      title: text("title"),
      detail: text("detail"),
      more: text("more"),
      type: program.v.kind[value] === 3 ? "" : shortened(text("type"), 34),
      tag: result ? text("tag") : "",
      kernels: [...new Set(kernels)].map((name) => name.replace("kernel", "k")).join(" "),
      ghost: this.isGhost(value),
    };
  }
}

function shortened(text, limit) {
  return text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
}
