"""Translators: texts to texts by a state of an experiment, and their scores, BLEU and chrF."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from research.data.own_text import read_own
from research.data.text import PADDING, START, cut
from research.engine.experiment import Batch, Key
from research.errors import Mistake
from research.prediction import Inputs, Outputs, Own, Predictor, Translations
from research.sequence.translations.decoding import Decoded, beam_search, greedy, sample
from research.sequence.translations.encoder_decoder import EncoderDecoder
from research.sequence.translations.pairs import Pair
from research.sequence.translations.transformer_translator import TransformerTranslator

Net: TypeAlias = EncoderDecoder | TransformerTranslator

TAKES = "a sentence in quotes, or a file that holds one"


class Method(NamedTuple):
    """The method of decoding.

    Attributes:
        beam: texts that a search keeps; 1 for the likeliest token after each.
        strength: of the length penalty of a beam.
        temperature: above 0, tokens are drawn, and there is no beam.
    """

    beam: int = 1
    strength: float = 0.0
    temperature: float = 0.0


class Translator(NamedTuple):
    """Translation by the state of an experiment.

    Attributes:
        pair: the languages.
        net: the encoder and decoder.
        reported: state -> the net's variables.
    """

    pair: Pair
    net: Net
    reported: Callable[[Any], Any]


def shift_right(target: jax.Array) -> jax.Array:
    """The decoder's inputs for targets, int `[batch, time]`: `START` and all but the last token."""
    return jnp.pad(target[:, :-1], ((0, 0), (1, 0)), constant_values=START)


def write_targets(
    net: Net,
    variables: Any,
    source: jax.Array,
    length: int,
    method: Method = Method(),  # noqa: B008
    key: Key | None = None,
) -> Decoded:
    """Targets of sources, int `[batch, keys]`, traced; see `decoding`."""
    encoded, memory = net.apply(variables, source, method="encode")

    def read(
        encoded: Any, memory: Any, token: jax.Array, place: jax.Array
    ) -> tuple[Any, jax.Array]:
        memory, logits, _ = net.apply(variables, encoded, memory, token, place, method="step")
        # No target has these: a net that has learned nothing shall not write them either.
        return memory, logits.at[:, jnp.array([PADDING, START])].set(-jnp.inf)

    if method.beam > 1:
        return beam_search(read, encoded, memory, length, method.beam, method.strength)
    if key is not None:
        return sample(read, encoded, memory, length, method.temperature, key)
    return greedy(read, encoded, memory, length)


def sources_of(pair: Pair, texts: Sequence[str]) -> np.ndarray:
    """Texts as a net reads them, as `Pair.sources` has it.

    Raises:
        Mistake: a text is empty or too long.
    """
    for text in texts:
        parts = len(cut(text, pair.source.unit))
        if not parts:
            raise Mistake(f"{text!r} has no {pair.source.unit}: there is nothing to translate")
        if parts > pair.source_length:
            raise Mistake(
                f"the text has {parts} {pair.source.unit}, and the model has learned from texts of "
                f"up to {pair.source_length}: shorten it"
            )
    return pair.sources(texts)


def make_predictor(translator: Translator) -> Predictor:
    """The predictor of translations, the likeliest token after each, as `translate` writes them."""
    pair = translator.pair

    def write(state: Any, inputs: Inputs) -> Decoded:
        variables = translator.reported(state)
        return write_targets(translator.net, variables, inputs["source"], pair.target_length)

    def predict(state: Any, inputs: Inputs) -> Outputs:
        return {"tokens": write(state, inputs).tokens}

    def margin(state: Any, inputs: Inputs) -> jax.Array:
        found = write(state, inputs).margin
        assert found is not None
        return found

    def split(batch: Batch) -> tuple[Inputs, np.ndarray]:
        source, target = (np.asarray(batch[name], np.int32) for name in ("source", "target"))
        return {"source": source}, target

    def read(word: str) -> Own:
        text, name = read_own(word)
        text = text.strip()
        source = sources_of(pair, [text]).astype(np.int32)
        unknown = pair.source.unknown(text)
        note = f"not known to the model: {', '.join(unknown)}" if unknown else ""
        return Own(name, {"source": source}, note)

    return Predictor(
        apply=predict,
        examples={"source": jax.ShapeDtypeStruct((1, pair.source_length), jnp.int32)},
        outputs=Translations(pair.source, pair.target),
        split=split,
        read=read,
        takes=TAKES,
        margin=margin,
    )


def translate(
    translator: Translator, state: Any, texts: Sequence[str], method: Method, key: Key
) -> list[list[tuple[str, float]]]:
    """The translations of each text with their scores, the best first; a beam gives several.

    Raises:
        Mistake: a text is empty or too long.
    """
    pair = translator.pair
    source = sources_of(pair, texts)
    write = jax.jit(
        partial(write_targets, translator.net, length=pair.target_length, method=method)
    )
    made = write(
        translator.reported(state), jnp.asarray(source), key=key if method.temperature > 0 else None
    )
    tokens, scores = np.asarray(made.tokens), np.asarray(made.score)
    if method.beam == 1:
        tokens, scores = tokens[:, None], scores[:, None]
    return [
        [
            (pair.target.decode(row), float(score))
            for row, score in zip(*some, strict=True)
            if np.isfinite(score)
        ]
        for some in zip(tokens, scores, strict=True)
    ]


def scores(made: Sequence[str], true: Sequence[str]) -> dict[str, float]:
    """`bleu` and `chrf` of a corpus against a person's translations, 0 to 100.

    Sources: Papineni et al. 2002, "BLEU"; Popović 2015, "chrF"; Post 2018 (arXiv 1804.08771), whose
        tokeniser "none" is used: both sides are words already, with a space between two.
    """
    # It takes a third of a second, which only those shall wait for who use it.
    import sacrebleu

    # `force`: that texts look as if they were words already is no mistake here.
    bleu = sacrebleu.corpus_bleu([*made], [[*true]], tokenize="none", force=True)
    chrf = sacrebleu.corpus_chrf([*made], [[*true]])
    return {"bleu": float(bleu.score), "chrf": float(chrf.score)}


def make_judge(
    english: Sequence[str], spanish: Sequence[str], unseen: np.ndarray
) -> Callable[[Translator, Any], Mapping[str, float]]:
    """(translator, state) -> `scores` of what it writes for sentences, each word the likeliest.

    And `unseen_bleu` and `unseen_chrf`, of those whose English is in no training pair.

    What people wrote is cut into words as the net's own texts are: lower-case and without
    punctuation. It is neither cut to a length nor to a vocabulary.
    """
    true = [" ".join(cut(text, "words")) for text in spanish]

    def judge(translator: Translator, state: Any) -> Mapping[str, float]:
        pair = translator.pair
        source = pair.sources(english)
        write = jax.jit(partial(write_targets, translator.net, length=pair.target_length))
        made = write(translator.reported(state), jnp.asarray(source)).tokens
        texts = [pair.target.decode(row) for row in np.asarray(made)]
        judged = scores(texts, true)
        if unseen.any():
            chosen = np.flatnonzero(unseen)
            others = scores([texts[k] for k in chosen], [true[k] for k in chosen])
            judged |= {f"unseen_{name}": score for name, score in others.items()}
        return judged

    return judge
