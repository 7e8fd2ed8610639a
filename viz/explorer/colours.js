// Colours: of the theme, of columns, of kernels.
import { numberText, sizeText } from "./program.js";

/** The theme as the style sheet has it now. */
export function themeColours() {
  const style = getComputedStyle(document.documentElement);
  return new Proxy({}, { get: (seen, name) => (seen[name] ??= style.getPropertyValue(`--${name}`).trim()) });
}

// Dark to light through grey-blue to yellow: even under colour blindness, even in grey.
const RAMP = [
  [0, 34, 78], [43, 68, 107], [87, 93, 109], [122, 119, 121], [160, 146, 117], [203, 177, 94], [254, 232, 56],
];

function ramp(part) {
  const place = Math.min(Math.max(part, 0), 1) * (RAMP.length - 1);
  const k = Math.min(Math.floor(place), RAMP.length - 2);
  return RAMP[k].map((low, i) => Math.round(low + (RAMP[k + 1][i] - low) * (place - k)));
}

function painted(rgb) {
  const dark = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2] < 128;
  return { fill: `rgb(${rgb})`, text: dark ? "#ffffff" : "#10151c" };
}

// Eight hues that stay apart; more kernels than that begin anew.
const HUES = [
  [86, 180, 233], [230, 159, 0], [0, 158, 115], [204, 121, 167], [240, 228, 66], [0, 114, 178], [213, 94, 0], [150, 150, 150],
];

/** What an overlay makes of the values: colour, words and range. */
export class Overlay {
  constructor(program, name) {
    this.program = program;
    this.name = name;
    this.numbers = new Map();
    if (name === "bytes") {
      program.v.bytes.forEach((size, value) => size >= 0 && this.numbers.set(value, size));
    } else {
      const column = program.columns.find((c) => c.name === name);
      column?.values.forEach((value, k) => this.numbers.set(value, Number(column.numbers[k])));
    }
    const finite = [...this.numbers.values()].filter(Number.isFinite);
    this.low = finite.reduce((a, b) => Math.min(a, b), Infinity);
    this.high = finite.reduce((a, b) => Math.max(a, b), -Infinity);
    const least = finite.reduce((a, b) => (b > 0 ? Math.min(a, b) : a), Infinity);
    this.least = this.low >= 0 && this.high > 1000 * least ? least : 0;
  }

  get isKernels() {
    return this.name === "kernel";
  }

  part(number) {
    if (this.high === this.low) return 0.5;
    if (!this.least) return (number - this.low) / (this.high - this.low);
    return number > 0 ? Math.log(number / this.least) / Math.log(this.high / this.least) : 0;
  }

  /** {fill, text} of a value, or null. */
  colour(value, stage) {
    if (this.isKernels) {
      const [kernel] = this.program.kernelsOf(value, stage);
      return kernel === undefined ? null : painted(HUES[kernel % HUES.length]);
    }
    const number = this.numbers.get(value);
    if (number === undefined) return null;
    return Number.isFinite(number) ? painted(ramp(this.part(number))) : painted([213, 0, 94]);
  }

  words(number) {
    return this.name === "bytes" ? sizeText(number) : numberText(number);
  }

  gradient(steps = 12) {
    return Array.from({ length: steps }, (_, k) => painted(ramp(k / (steps - 1))).fill);
  }
}
