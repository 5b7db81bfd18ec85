// The page of translations: a sentence is typed and translated as it grows.
"use strict";
{
  const { at, make, run } = encore;
  const { manifest, examples } = encore.data;
  const source = encore.vocabulary(manifest.reading.source);
  const target = encore.vocabulary(manifest.reading.target);
  const length = manifest.inputs.source.shape[1];
  const { unit } = manifest.reading.source;

  const OFFERED = 6; // Examples.

  let asked = 0;
  let truth = null; // [text, its translation by a person] of an example.

  async function translate() {
    const number = (asked += 1);
    const text = at("source").value;
    const parts = source.cut(text);
    encore.showParts(at("parts"), parts, length);
    const strange = [...new Set(parts.filter(({ known }) => !known).map(({ part }) => part))];
    const troubles = [];
    if (parts.length > length) troubles.push(`Only the first ${length} ${unit} are read.`);
    if (strange.length) troubles.push(`Not in the vocabulary, and read as one unknown sign: ${strange.join(", ")}.`);
    at("trouble").textContent = troubles.join(" ");
    at("trouble").classList.toggle("wrong", troubles.length > 0);
    at("truth").textContent = truth?.[0] === text ? `A person wrote: ${truth[1]}` : "";
    if (!parts.length) {
      at("target").textContent = "";
      return;
    }
    const { tokens } = await run({ source: source.row(parts, length) });
    if (number === asked) at("target").textContent = target.decode(tokens.data) || "(nothing)";
  }

  for (const { inputs, truth: written } of examples.slice(0, OFFERED)) {
    const button = make("button", { type: "button", className: "sentence", textContent: inputs.source });
    button.addEventListener("click", () => {
      at("source").value = inputs.source;
      truth = typeof written === "string" ? [inputs.source, written] : null;
      translate();
    });
    at("examples").append(button);
  }
  at("examples-box").hidden = !examples.length;
  at("source").addEventListener("input", encore.afterwards(250, translate));
  at("source").value = examples[0]?.inputs.source ?? "";
  encore.start(translate);
}
