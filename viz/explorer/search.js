// `op:exp scope:attn nan`: which values a query means.

const FIELDS = {
  op: (program, value) => program.text("op", value),
  name: (program, value) => program.text("name", value),
  type: (program, value) => program.text("type", value),
  scope: (program, value) => program.text("scope", value),
  attr: (program, value) => program.text("attrs", value),
  line: (program, value) => String(program.place(value)?.line ?? ""),
  in: (program, value) => program.place(value)?.within ?? "",
  file: (program, value) => program.place(value)?.file ?? "",
};
const EXACT = new Set(["line"]);

/** A test of values; a word without a field may be in the op, name, scope or number. */
export function matcher(program, query) {
  const tests = query.trim().split(/\s+/).filter(Boolean).map((word) => test(program, word));
  return (value, stage) => tests.length > 0 && tests.every((each) => each(value, stage));
}

function test(program, word) {
  const minus = word.length > 1 && word[0] === "-";
  if (minus) {
    const inner = test(program, word.slice(1));
    return (value, stage) => !inner(value, stage);
  }
  const [, field, text] = /^(\w+):(.*)$/.exec(word) ?? [];
  const wanted = (text ?? word).toLowerCase();
  if (word === "nan" || word === "inf") return column(program, word);
  if (word === "grad" || word === "gradient") return (value) => program.v.gradient[value] === 1;
  if (word === "forward") return (value) => program.v.gradient[value] === 0;
  if (field === "kernel") return (value, stage) => inKernel(program, value, stage, wanted);
  if (field in FIELDS) {
    const read = FIELDS[field];
    const fits = EXACT.has(field) ? (s) => s === wanted : (s) => s.includes(wanted);
    return (value) => fits(read(program, value).toLowerCase());
  }
  if (/^%\d+$/.test(word)) return (value) => program.v.uid[value] === Number(word.slice(1));
  return (value) => anywhere(program, value).includes(wanted);
}

function anywhere(program, value) {
  return `${program.title(value)} ${program.text("scope", value)} ${program.text("tag", value)}`.toLowerCase();
}

function inKernel(program, value, stage, wanted) {
  return program.kernelsOf(value, stage).some((k) => {
    const { name } = program.kernels[k];
    return name === wanted || name === `kernel.${wanted}` || (wanted === "0" && name === "kernel");
  });
}

function column(program, name) {
  const found = program.columns.find((c) => c.name === name);
  const hit = new Set(found?.values.filter((_, k) => Number(found.numbers[k]) > 0));
  return (value) => hit.has(value);
}

/** The values that a query means in a stage, in the order of the program. */
export function search(program, state) {
  if (!state.q.trim()) return [];
  const fits = matcher(program, state.q);
  const { order } = program.functions[state.fn];
  const here = (value) => state.fn > 0 || program.isAlive(value, state.stage);
  return order.filter((value) => here(value) && fits(value, state.stage));
}
