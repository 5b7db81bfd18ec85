// Texts as tokens and back, by a vocabulary as the manifest has it.
"use strict";
{
  const { make } = encore;

  /** A vocabulary: {unit, lower, pattern, joint, symbols, padding, start, end, unknown}. */
  encore.vocabulary = (facts) => {
    const { unit, lower, pattern, joint, symbols, padding, start, end, unknown } = facts;
    const special = new Set([padding, start, end, unknown]);
    const places = new Map(symbols.map((symbol, k) => [symbol, k]).filter(([, k]) => !special.has(k)));
    const known = unit === "words" ? new RegExp(pattern, "gu") : null;
    return {
      /** The parts of a text, each {part, token}, `known` if it is in the vocabulary. */
      cut(text) {
        const given = lower ? text.toLowerCase() : text;
        const parts = known ? given.match(known) ?? [] : [...given];
        return parts.map((part) => ({ part, token: places.get(part) ?? unknown, known: places.has(part) }));
      },
      /** A row of so many tokens; what is longer is cut. */
      row: (parts, length) => [...parts.map(({ token }) => token), ...new Array(length).fill(padding)].slice(0, length),
      /** The text that tokens stand for, up to the first end. */
      decode(tokens) {
        const row = Array.from(tokens);
        const stop = row.indexOf(end);
        return row.slice(0, stop < 0 ? row.length : stop).filter((token) => token !== padding).map((token) => symbols[token]).join(joint);
      },
    };
  };

  /** Shows the parts of a text in an element, what is unknown marked. */
  encore.showParts = (element, parts, length = Infinity) => {
    element.replaceChildren(
      ...parts.map(({ part, known }, k) => {
        const kind = k >= length ? "cut" : known ? "known" : "unknown";
        const chip = make("span", { className: `chip ${kind}`, textContent: part });
        if (kind !== "known") chip.title = kind === "cut" ? "not read: the text is too long" : "not in the vocabulary";
        return chip;
      }),
    );
  };
}
