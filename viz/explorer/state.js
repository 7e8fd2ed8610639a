// What the reader looks at. It changes here, is kept in the address, and all panes follow.

const PLAIN = {
  stage: 0, // number of the stage
  sel: [], // selected values, the first one is the main one
  fn: 0, // the function in the graph: 0 or a body
  q: "", // search
  tab: "assembly", // pane at the lower right
  side: "passes", // pane at the lower left
  over: "", // colours by a column
  by: "scope", // what a group is
  fold: [], // names of folded groups
  focus: 0, // neighbours up to this distance only; 0: everything
  around: [], // the values that the focus is about
  diff: 1, // changes are marked
  theme: "",
};

/** Entries of a list that the address keeps. */
const KEPT = 100;

/** A store: `set` changes fields and tells the listeners which. */
export class State {
  constructor(defaults) {
    this.plain = { ...PLAIN, ...defaults };
    Object.assign(this, this.plain);
    this.listeners = [];
  }

  on(listener) {
    this.listeners.push(listener);
  }

  set(changes, origin = "") {
    const changed = new Set();
    for (const [key, value] of Object.entries(changes)) {
      if (String(this[key]) === String(value)) continue;
      this[key] = value;
      changed.add(key);
    }
    if (!changed.size) return;
    for (const listener of this.listeners) listener(changed, origin);
  }

  select(values, origin = "") {
    this.set({ sel: [...new Set(values)] }, origin);
  }

  /** The fields that are not plain, as `stage=3&sel=12.15`. */
  get hash() {
    const parts = [];
    for (const [key, value] of Object.entries(this.plain)) {
      if (String(this[key]) === String(value)) continue;
      const list = Array.isArray(this[key]) ? this[key].slice(0, KEPT) : [this[key]];
      const text = list.map(escaped).join(".");
      parts.push(`${key}=${text}`);
    }
    return parts.join("&");
  }

  /** The fields of an address; what makes no sense is left out. */
  read(hash, limits) {
    const found = { ...this.plain };
    for (const part of hash.replace(/^#/, "").split("&")) {
      const [key, text] = part.split(/=(.*)/s);
      if (!(key in this.plain) || text === undefined) continue;
      const value = parsed(text, this.plain[key], limits[key]);
      if (value !== undefined) found[key] = value;
    }
    return found;
  }
}

/** Escaped for the address; a dot separates the entries of a list. */
function escaped(value) {
  return encodeURIComponent(value).replaceAll(".", "%2E");
}

function parsed(text, plain, limit) {
  try {
    if (!Array.isArray(plain)) return entry(decodeURIComponent(text), plain, limit);
    const list = text.split(".").filter(Boolean).map(decodeURIComponent);
    return list.map((each) => entry(each, limit ? 0 : "", limit)).filter((e) => e !== undefined);
  } catch {
    return undefined; // not an escape
  }
}

function entry(text, plain, limit) {
  if (typeof plain !== "number") return text;
  const number = Number(text);
  return Number.isInteger(number) && number >= 0 && number < limit ? number : undefined;
}
