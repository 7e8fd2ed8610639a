// The card of the selected value: what it is, where it comes from, what became of it.
import { made } from "./dom.js";
import { numberText, sizeText } from "./program.js";

const VERBS = ["removed by", "made by", "merged by", "rewritten by"];

export class Details {
  constructor(host, program, state) {
    Object.assign(this, { host, program, state });
  }

  update() {
    const { state } = this;
    const [value] = state.sel;
    if (value === undefined) return this.host.replaceChildren(this.hint());
    const more = state.sel.length > 1 ? [this.others()] : [];
    const parts = [this.head(value), ...more, this.facts(value), this.source(value), this.history(value)];
    this.host.replaceChildren(...parts.filter(Boolean));
  }

  hint() {
    return made("p", { class: "empty" },
      "Choose a value: in the graph, in the source, in any line. All panes show the same one. ",
      made("kbd", {}, "j"), " ", made("kbd", {}, "k"), " step through the passes, ",
      made("kbd", {}, "/"), " searches, ", made("kbd", {}, "?"), " lists the keys.");
  }

  head(value) {
    const { program } = this;
    return made("h3", {}, program.title(value), made("span", { class: "type" }, program.text("type", value)));
  }

  others() {
    const { sel } = this.state;
    const shown = sel.slice(1, 13).map((value) => this.link(value));
    const rest = sel.length - 1 - shown.length;
    return made("p", { class: "links" }, `and ${sel.length - 1} more: `, ...shown, rest > 0 ? `… ${rest}` : "");
  }

  link(value) {
    return made("button", { class: "link", onclick: () => this.state.select([value], "details") },
      this.program.title(value));
  }

  links(values) {
    const shown = values.slice(0, 8).map((value) => this.link(value));
    return values.length > 8 ? [...shown, `… ${values.length - 8} more`] : shown;
  }

  facts(value) {
    const { program, state } = this;
    const v = program.v;
    const list = made("dl", {});
    const say = (name, ...content) => {
      if (content.length) list.append(made("dt", {}, name), made("dd", {}, ...content));
    };
    const stage = Math.min(Math.max(state.stage, v.born[value]), v.died[value] - 1);
    const reads = program.operands(value, stage);
    say("reads", ...reads.map((ref) => (typeof ref === "number" ? this.link(ref) : made("code", {}, ref))));
    say("read by", ...this.links(program.readers(value, stage)));
    if (program.text("attrs", value)) say("attributes", made("code", {}, program.text("attrs", value)));
    if (v.bytes[value] >= 0) say("size", sizeText(v.bytes[value]));
    if (program.text("scope", value)) say("scope", program.text("scope", value));
    if (v.primal[value] >= 0) say("gradient of", this.link(v.primal[value]));
    say("gradient", ...this.links(program.gradients(value)));
    const kernels = program.kernelsOf(value, state.stage);
    say("kernel", ...kernels.map((k) => made("button", {
      class: "link", onclick: () => this.state.select(program.kernels[k].values, "details"),
    }, program.kernels[k].name)));
    for (const [key, number] of v.bodies[value]) {
      say(key, made("button", { class: "link", onclick: () => this.state.set({ fn: number, sel: [] }) },
        `@${program.functions[number].name} ↵`));
    }
    say("numbers", ...this.numbers(value));
    return list;
  }

  /** What the columns know of it. */
  numbers(value) {
    const found = [];
    for (const { name, values, numbers } of this.program.columns) {
      const k = values.indexOf(value);
      if (k < 0 || ((name === "nan" || name === "inf") && !numbers[k])) continue;
      const bad = name === "nan" || name === "inf";
      found.push(made("span", { class: bad ? "number bad" : "number" },
        made("small", {}, name), ` ${numberText(numbers[k], 4)}`));
    }
    return found;
  }

  source(value) {
    const place = this.program.place(value);
    if (!place) return null;
    const file = this.program.sources[place.file];
    const text = file?.lines[place.line - file.first] ?? "";
    const one = place.line === place.endLine && place.start >= 0;
    const [start, end] = one ? [place.start, place.end] : [0, text.length];
    return made("div", { class: "where" },
      made("span", { class: "file" }, `${place.file.split(/[\\/]/).pop()}:${place.line}, in ${place.within}`),
      made("pre", {}, text.slice(0, start).trimStart(), made("mark", {}, text.slice(start, end)), text.slice(end)));
  }

  /** What the passes did to it and why, in order. */
  history(value) {
    const { program } = this;
    const items = [];
    const say = (stage, ...content) => items.push(made("li", {},
      made("button", { class: "link", onclick: () => this.state.set({ stage }) }, program.stages[stage].name),
      ...content));
    program.stages.forEach(({ changes }, stage) => {
      for (const [kind, subject, other, reason] of changes) {
        const why = program.strings[reason];
        if (subject === value) {
          const into = other >= 0 ? [" as ", this.link(other)] : [];
          say(stage, ` ${VERBS[kind].split(" ")[0]} it`, ...into, `: ${why}`);
        } else if (other === value) {
          say(stage, " put it for ", this.link(subject), `: ${why}`);
        }
      }
    });
    for (const [, stage] of program.changes.get(value) ?? []) {
      say(stage, " changed what it reads");
    }
    for (const k of program.uses.get(value) ?? []) {
      say(program.kernels[k].stage, ` put it into ${program.kernels[k].name}`);
    }
    return items.length ? made("div", { class: "history" }, made("h4", {}, "What became of it"), made("ol", {}, ...items)) : null;
  }
}
