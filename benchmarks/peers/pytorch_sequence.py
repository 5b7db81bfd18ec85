"""Characters or series per second of PyTorch, training or writing, as its users write it."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch
from serving import sequence_arguments, serve
from torch import nn

SIZES = {"rnn": (32, 50), "lstm": (32, 50), "characters": (32, 100), "transformer": (12, 64)}
SYMBOLS = {"characters": 39, "transformer": 65}
WRITTEN = 16


class Characters(nn.Module):
    """Two GRU layers of 128."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(39, 128, 2, batch_first=True)
        self.head = nn.Linear(128, 39)

    def forward(self, numbers: torch.Tensor, state: torch.Tensor | None = None) -> tuple:
        """Logits and state."""
        outputs, state = self.gru(nn.functional.one_hot(numbers, 39).float(), state)
        return self.head(outputs), state


class Series(nn.Module):
    """Two layers of 20, ten values at every step."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.layers = getattr(nn, kind.upper())(1, 20, 2, batch_first=True)
        self.head = nn.Linear(20, 10)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Forecasts."""
        return self.head(self.layers(values)[0])


class Block(nn.Module):
    """Causal attention and two dense layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(128), nn.LayerNorm(128)
        self.share, self.out = nn.Linear(128, 384), nn.Linear(128, 128)
        self.dense = nn.Sequential(nn.Linear(128, 512), nn.GELU(), nn.Linear(512, 128))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Like `x`."""
        batch, time, width = x.shape
        parts = self.share(self.first(x)).split(width, dim=2)
        query, key, value = (part.view(batch, time, 4, 32).transpose(1, 2) for part in parts)
        read = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.out(read.transpose(1, 2).reshape(batch, time, width))
        return x + self.dense(self.second(x))


class Transformer(nn.Module):
    """Four blocks with learned positions."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.place = nn.Embedding(65, 128), nn.Embedding(64, 128)
        self.blocks = nn.Sequential(*(Block() for _ in range(4)), nn.LayerNorm(128))
        self.head = nn.Linear(128, 65, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        """Logits."""
        place = torch.arange(numbers.shape[1])
        logits: torch.Tensor = self.head(self.blocks(self.embed(numbers) + self.place(place)))
        return logits


def main() -> None:
    """Serve rounds."""
    options = sequence_arguments(__doc__ or "").parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    net: nn.Module
    if options.net == "characters":
        net = Characters()
    elif options.net == "transformer":
        net = Transformer()
    else:
        net = Series(options.net)
    batch, time = SIZES[options.net]
    what = f"PyTorch {torch.__version__}"
    if options.writing:
        serve(what, writer(net), WRITTEN, options.seconds)
        return
    symbols = SYMBOLS.get(options.net)
    kind = torch.optim.AdamW if options.net == "transformer" else torch.optim.Adam
    optimizer = kind(net.parameters(), 1e-3)
    text = torch.randint(0, symbols or 2, (100_000,))
    series = torch.randn(7000, time + 10, 1)
    window = torch.arange(time + 1)

    def step() -> None:
        optimizer.zero_grad()
        if symbols:
            rows = torch.randint(0, len(text) - time - 1, (batch, 1)) + window
            said = net(text[rows[:, :-1]])
            logits = said[0] if isinstance(said, tuple) else said
            target = text[rows[:, 1:]].reshape(-1)
            nn.functional.cross_entropy(logits.reshape(-1, symbols), target).backward()
        else:
            values = series[torch.randint(0, len(series), (batch,))]
            target = values[:, 1:, 0].unfold(1, 10, 1)
            nn.functional.mse_loss(net(values[:, :time]), target).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()

    def run(steps: int) -> None:
        for _ in range(steps):
            step()

    serve(what, run, batch * time if symbols else batch, options.seconds)


def writer(net: nn.Module) -> Callable[[int], None]:
    """Writes a character at a time, as both libraries' examples do."""
    net.eval()
    seen = torch.zeros((1, 1), dtype=torch.long)
    state = None

    @torch.no_grad()
    def run(chunks: int) -> None:
        nonlocal seen, state
        for _ in range(chunks * WRITTEN):
            if isinstance(net, Characters):
                logits, state = net(seen, state)
                seen = torch.multinomial(torch.softmax(logits[:, -1] / 0.8, -1), 1)
            else:
                logits = net(seen[:, -64:])
                drawn = torch.multinomial(torch.softmax(logits[:, -1] / 0.8, -1), 1)
                seen = torch.cat([seen[:, -63:], drawn], dim=1)

    return run


if __name__ == "__main__":
    main()
