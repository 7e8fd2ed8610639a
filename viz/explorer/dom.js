// Making elements. Text goes in as text, never as markup.

export function made(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") element.addEventListener("click", value);
    else if (value !== undefined && value !== null) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

export function byId(id) {
  return document.getElementById(id);
}

const PYTHON = [
  ["comment", /#.*/y],
  ["string", /("""|'''|"|')(?:\\.|(?!\1).)*(?:\1|$)/y],
  ["word", /\b(?:def|return|if|else|elif|for|while|in|not|and|or|import|from|as|with|class|lambda|None|True|False|is|yield|pass|raise|try|except|finally|del|global|assert|async|await)\b/y],
  ["number", /\b\d[\w.]*/y],
  ["plain", /\w+|\s+|[^\w\s]/y],
];
const TYPED = [
  ["comment", /;.*|#.*/y],
  ["value", /%[\w.·]+/y],
  ["function", /@[\w.<>]+/y],
  ["type", /\b(?:[fiu]\d+|bool|c\d+)\[[^\]]*\]|<\d+ x \w+>|\b(?:double|float|ptr|i\d+)\b/y],
  ["word", /\b(?:func|return|define|declare|label|br|ret)\b/y],
  ["string", /"[^"]*"/y],
  ["number", /-?\b\d[\w.+-]*/y],
  ["plain", /\w+|\s+|[^\w\s]/y],
];
const MACHINE = [
  ["comment", /#.*/y],
  ["function", /^[\w.$@]+:/y],
  ["word", /(?<=^ {4})[\w.]+/y],
  ["value", /%\w+/y],
  ["number", /-?\$?-?\b(?:0x)?[\da-f]+\b/iy],
  ["plain", /\w+|\s+|[^\w\s]/y],
];
const RULES = { python: PYTHON, typed: TYPED, machine: MACHINE };

/** `text` as spans that say what each piece is. */
export function tinted(text, language) {
  const pieces = [];
  let plain = "";
  for (let at = 0; at < text.length; ) {
    const [kind, piece] = next(text, at, RULES[language]);
    at += piece.length;
    if (kind === "plain") {
      plain += piece;
      continue;
    }
    if (plain) pieces.push(plain);
    plain = "";
    pieces.push(made("span", { class: `t-${kind}` }, piece));
  }
  return plain ? [...pieces, plain] : pieces;
}

function next(text, at, rules) {
  for (const [kind, rule] of rules) {
    rule.lastIndex = at;
    const found = rule.exec(text);
    if (found && found[0]) return [kind, found[0]];
  }
  return ["plain", text[at]];
}
