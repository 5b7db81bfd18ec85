"""Token accuracy that PyTorch's LSTMs come to on given sentences, as its users write them.

Made and asked by `benchmarks.translation`.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

PADDING, START = 0, 1


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


def given(target: torch.Tensor) -> torch.Tensor:
    """The target so far."""
    return nn.functional.pad(target[:, :-1], (1, 0), value=START)


def main() -> None:
    """Train, and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="with the rows of training and validation", type=Path)
    parser.add_argument("kind", choices=["none", "bidirectional", "multiplicative"])
    parser.add_argument("settings", help="as JSON")
    options = parser.parse_args()
    settings = json.loads(options.settings)
    torch.manual_seed(0)
    data = {
        file.stem: torch.from_numpy(np.load(file).astype(np.int64))
        for file in options.folder.glob("*.npy")
    }
    source, target = data["train_source"], data["train_target"]
    net = Translator(settings["vocabulary"], settings["embedding"], settings["units"], options.kind)
    batch, count = settings["batch_size"], len(source)
    updates = settings["epochs"] * (count // batch)
    optimizer = torch.optim.Adam(net.parameters(), settings["learning_rate"])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates)
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
