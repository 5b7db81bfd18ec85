"""Token accuracy that PyTorch's nets come to on given sentences, as its users write them.

Made and asked by `benchmarks.translation`.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

PADDING, START = 0, 1
KINDS = ("none", "bidirectional", "multiplicative", "transformer")


class Translator(nn.Module):
    """An LSTM reads, another writes, with attention after it or none."""

    def __init__(self, symbols: int, embedding: int, units: int, kind: str) -> None:
        super().__init__()
        self.kind, both = kind, kind != "none"
        self.embed_source = nn.Embedding(symbols, embedding)
        self.embed_target = nn.Embedding(symbols, embedding)
        self.encoder = nn.LSTM(
            embedding, units // (2 if both else 1), batch_first=True, bidirectional=both
        )
        self.decoder = nn.LSTM(embedding, units, batch_first=True)
        self.combine = nn.Linear(2 * units, units, bias=False)
        self.logits = nn.Linear(units, symbols)

    def forward(self, source: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
        """Logits."""
        mask = source != PADDING
        packed = nn.utils.rnn.pack_padded_sequence(
            self.embed_source(source), mask.sum(1).clamp(min=1), batch_first=True,
            enforce_sorted=False,
        )  # fmt: skip
        encoded, states = self.encoder(packed)
        encoded, _ = nn.utils.rnn.pad_packed_sequence(
            encoded, batch_first=True, total_length=source.shape[1]
        )
        states = tuple(torch.cat([*state], dim=-1)[None] for state in states)
        hidden, _ = self.decoder(self.embed_target(given), states)
        if self.kind == "multiplicative":
            scores = hidden @ encoded.transpose(1, 2)
            scores = scores.masked_fill(~mask[:, None], -math.inf)
            read = torch.softmax(scores, dim=-1) @ encoded
            hidden = torch.tanh(self.combine(torch.cat([read, hidden], dim=-1)))
        logits: torch.Tensor = self.logits(hidden)
        return logits


class TransformerTranslator(nn.Module):
    """PyTorch's own transformer, started as its tutorial on translation does."""

    def __init__(self, symbols: int, settings: dict[str, Any]) -> None:
        super().__init__()
        width = settings["features"]
        self.embed_source = nn.Embedding(symbols, width)
        self.embed_target = nn.Embedding(symbols, width)
        self.transformer = nn.Transformer(
            width, settings["heads"], settings["blocks"], settings["blocks"], settings["hidden"],
            settings["dropout_rate"], nn.functional.gelu, batch_first=True, norm_first=True,
        )  # fmt: skip
        self.dropout = nn.Dropout(settings["dropout_rate"])
        self.logits = nn.Linear(width, symbols)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, source: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
        """Logits."""
        absent = source == PADDING
        # Attention to nothing would be NaN: a sentence without words is read as one padding.
        absent[:, 0] = False
        hidden = self.transformer(
            self._placed(self.embed_source(source)),
            self._placed(self.embed_target(given)),
            tgt_mask=nn.Transformer.generate_square_subsequent_mask(given.shape[1]) < 0,
            src_key_padding_mask=absent,
            memory_key_padding_mask=absent,
            tgt_is_causal=True,
        )
        logits: torch.Tensor = self.logits(hidden)
        return logits

    def _placed(self, embedded: torch.Tensor) -> torch.Tensor:
        time, width = embedded.shape[1:]
        rate = torch.exp(-math.log(10000.0) * torch.arange(0, width, 2) / width)
        angle = torch.arange(time)[:, None] * rate
        place = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)
        dropped: torch.Tensor = self.dropout(embedded * math.sqrt(width) + place)
        return dropped


def given(target: torch.Tensor) -> torch.Tensor:
    """The target so far."""
    return nn.functional.pad(target[:, :-1], (1, 0), value=START)


def make_net(kind: str, settings: dict[str, Any]) -> nn.Module:
    """The net of a kind."""
    symbols = settings["vocabulary"]
    if kind == "transformer":
        return TransformerTranslator(symbols, settings)
    return Translator(symbols, settings["embedding"], settings["units"], kind)


def main() -> None:
    """Train, and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="with the rows of training and validation", type=Path)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("settings", help="as JSON")
    options = parser.parse_args()
    settings = json.loads(options.settings)
    torch.manual_seed(0)
    data = {
        file.stem: torch.from_numpy(np.load(file).astype(np.int64))
        for file in options.folder.glob("*.npy")
    }
    source, target = data["train_source"], data["train_target"]
    net = make_net(options.kind, settings)
    batch, count = settings["batch_size"], len(source)
    updates, warmup = settings["epochs"] * (count // batch), settings.get("warmup_steps", 0)
    optimizer = torch.optim.Adam(net.parameters(), settings["learning_rate"])

    def share(update: int) -> float:
        """Of the step size: rising, then falling by cosine."""
        if update < warmup:
            return update / warmup
        return 0.5 * (1 + math.cos(math.pi * (update - warmup) / (updates - warmup)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
    began = time.perf_counter()
    for _ in range(settings["epochs"]):
        order = torch.randperm(count)
        for first in range(0, count - batch + 1, batch):
            chosen = order[first : first + batch]
            logits = net(source[chosen], given(target[chosen]))
            loss = nn.functional.cross_entropy(
                logits.flatten(0, 1), target[chosen].flatten(), ignore_index=PADDING
            )
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), settings["gradient_norm"])
            optimizer.step()
            schedule.step()
    seconds, right, total = time.perf_counter() - began, 0, 0
    net.eval()
    with torch.no_grad():
        held = zip(
            data["validation_source"].split(500), data["validation_target"].split(500), strict=True
        )
        for source, target in held:
            there = target != PADDING
            best = net(source, given(target)).argmax(dim=-1)
            right += int(((best == target) & there).sum())
            total += int(there.sum())
    print(json.dumps({"accuracy": right / total, "seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
