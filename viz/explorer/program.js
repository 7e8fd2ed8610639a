// The data of the page: values, stages, texts. Nothing here draws.

/** The object behind deflated JSON in base64. */
export async function decoded(base64) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

/** A program in all its stages. A value is a number; `v` has its columns. */
export class Program {
  constructor(payload) {
    Object.assign(this, payload);
    this.v = payload.values;
    this.count = this.v.uid.length;
    this.last = this.stages.length - 1;
    this.changes = group(this.v.changed, ([value]) => value);
    this.uses = new Map();
    for (const [number, kernel] of this.kernels.entries()) {
      for (const value of kernel.values) push(this.uses, value, number);
    }
    this.caches = { rows: [], rowsOf: [], readers: [], gradients: null };
  }

  /** The ops that have a function as body. */
  owners(fn) {
    this.caches.owners ??= group(
      this.v.bodies.flatMap((bodies, value) => bodies.map(([, number]) => [number, value])),
      ([number]) => number,
    );
    return (this.caches.owners.get(fn) ?? []).map(([, value]) => value);
  }

  text(column, value) {
    return this.strings[this.v[column][value]];
  }

  isAlive(value, stage) {
    return this.v.born[value] <= stage && stage < this.v.died[value];
  }

  /** What a value reads in a stage: numbers of values and texts of constants. */
  operands(value, stage) {
    let found = this.v.operands[value];
    for (const [, since, refs] of this.changes.get(value) ?? []) {
      if (since <= stage) found = refs;
    }
    return found;
  }

  /** Everything that a value ever reads, each value once. */
  everRead(value) {
    const found = new Set(this.v.operands[value]);
    for (const [, , refs] of this.changes.get(value) ?? []) refs.forEach((r) => found.add(r));
    return [...found].filter((ref) => typeof ref === "number");
  }

  /** The values that read a value in a stage. */
  readers(value, stage) {
    let found = this.caches.readers[stage];
    if (!found) {
      found = this.caches.readers[stage] = new Map();
      for (let each = 0; each < this.count; each++) {
        if (!this.isAlive(each, stage)) continue;
        for (const ref of new Set(this.operands(each, stage))) {
          if (typeof ref === "number") push(found, ref, each);
        }
      }
    }
    return found.get(value) ?? [];
  }

  /** The gradient ops that belong to a value. */
  gradients(value) {
    this.caches.gradients ??= group(
      Array.from({ length: this.count }, (_, i) => i).filter((i) => this.v.primal[i] >= 0),
      (i) => this.v.primal[i],
    );
    return this.caches.gradients.get(value) ?? [];
  }

  /** The kernels that compute a value in a stage, as numbers of `kernels`. */
  kernelsOf(value, stage) {
    return (this.uses.get(value) ?? []).filter((k) => this.kernels[k].stage <= stage);
  }

  /** The lines of the text of a stage, as numbers of `lines`. */
  rows(stage) {
    let found = this.caches.rows[stage];
    if (!found) {
      found = this.caches.rows[stage] = [];
      const runs = this.stages[stage].rows;
      for (let i = 0; i < runs.length; i += 2) {
        for (let k = 0; k < runs[i + 1]; k++) found.push(runs[i] + k);
      }
    }
    return found;
  }

  /** For each value the rows of a stage's text that are about it. */
  rowsOf(stage) {
    let found = this.caches.rowsOf[stage];
    if (!found) {
      found = this.caches.rowsOf[stage] = new Map();
      this.rows(stage).forEach((line, row) => {
        for (const value of this.behind[line]) push(found, value, row);
      });
    }
    return found;
  }

  /** `%11` or the name of a parameter. */
  called(value) {
    const name = this.text("name", value);
    if (name) return `%${name}`;
    const uid = this.v.uid[value];
    return uid < 0 ? "" : `%${uid}`;
  }

  /** `%11 exp`, for lists and for those who listen. */
  title(value) {
    const op = this.text("op", value);
    return `${this.called(value)} ${op}`.trim();
  }

  /** {file, line, endLine, start, end, within} or null. */
  place(value) {
    const number = this.v.place[value];
    if (number < 0) return null;
    const [file, line, endLine, start, end, within] = this.places[number];
    const names = { file: this.strings[file], within: this.strings[within] };
    return { number, line, endLine, start, end, ...names };
  }
}

export function group(list, key) {
  const found = new Map();
  for (const each of list) push(found, key(each), each);
  return found;
}

export function push(map, key, value) {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

/** A number in few digits. */
export function numberText(number, digits = 3) {
  const x = Number(number);
  if (typeof number === "string" && Number.isNaN(x)) return number;
  if (!Number.isFinite(x) || x === 0 || Number.isInteger(x) && Math.abs(x) < 1e6) return String(x);
  const small = Math.abs(x) < 1e-3 || Math.abs(x) >= 1e6;
  return small ? x.toExponential(digits - 1) : String(Number(x.toPrecision(digits)));
}

/** Three digits and a unit. */
export function sizeText(bytes) {
  let amount = bytes;
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (amount < 1000) return `${Number(amount.toPrecision(3))} ${unit}`;
    amount /= 1000;
  }
  return `${Number(amount.toPrecision(3))} TB`;
}
