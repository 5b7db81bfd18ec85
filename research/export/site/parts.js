// Parts that several pages share: bars of probabilities, numbers for people.
"use strict";
{
  /** The element of an id. */
  encore.at = (id) => document.getElementById(id);

  /** A new element with properties and children. */
  encore.make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  const NAMESPACE = "http://www.w3.org/2000/svg";

  /** A new element of SVG with attributes and children. */
  encore.draw = (tag, attributes = {}, ...children) => {
    const element = document.createElementNS(NAMESPACE, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  /** A probability: 98.3 %, and never 100.0 % of what is less. */
  encore.percent = (probability) => {
    const value = 100 * probability;
    if (value > 99.95 && probability < 1) return "> 99.9 %";
    if (value < 0.05 && probability > 0) return "< 0.1 %";
    return `${value.toFixed(1)} %`;
  };

  /** Spells numbers with as many decimals as the largest of some needs for three digits. */
  encore.speller = (values) => {
    const size = Math.max(...values.map(Math.abs));
    const decimals = size > 0 ? Math.min(8, Math.max(0, 2 - Math.floor(Math.log10(size)))) : 0;
    const shape = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
    return (value) => value.toLocaleString("en", shape).replace("-", "−");
  };

  /** The place of the largest value, of equals the first. */
  encore.largest = (values) => values.reduce((best, value, k) => (value > values[best] ? k : best), 0);

  /** Fills a list with bars, one for each [name, probability]; the first of `strong` stand out. */
  encore.bars = (list, rows, strong = -1) => {
    while (list.children.length < rows.length) {
      list.append(
        encore.make(
          "li",
          {},
          encore.make("span", { className: "name" }),
          encore.make("span", { className: "track" }, encore.make("span", { className: "bar" })),
          encore.make("span", { className: "share" }),
        ),
      );
    }
    while (list.children.length > rows.length) list.lastChild.remove();
    rows.forEach(([name, probability], k) => {
      const [label, track, share] = list.children[k].children;
      label.textContent = name;
      track.firstChild.style.width = `${(100 * (probability ?? 0)).toFixed(2)}%`;
      share.textContent = probability === null ? "" : encore.percent(probability);
      list.children[k].classList.toggle("strong", k === strong);
      list.children[k].dataset.value = probability ?? "";
    });
  };

  /** Calls a function once things have been quiet for so many milliseconds. */
  encore.afterwards = (milliseconds, call) => {
    let timer = 0;
    return (...values) => {
      clearTimeout(timer);
      timer = setTimeout(() => call(...values), milliseconds);
    };
  };

  /** A generator of numbers in [0, 1) by a seed: mulberry32 (Tommy Ettinger, public domain). */
  encore.generator = (seed) => {
    let state = seed >>> 0;
    return () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
  };

  /** A colour of the scheme in use. */
  encore.colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  /** Calls a function when the scheme changes between light and dark. */
  encore.onScheme = (call) => matchMedia("(prefers-color-scheme: dark)").addEventListener("change", call);
}
