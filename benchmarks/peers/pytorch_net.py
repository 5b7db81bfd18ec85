"""Images per second of PyTorch: channels last, NAdam, as its users write it."""

from __future__ import annotations

import os

import torch
from serving import image_arguments, serve
from torch import nn

EXAMPLES = 6400


def main() -> None:
    """Serve rounds."""
    options = image_arguments(__doc__ or "").parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(len(os.sched_getaffinity(0)))

    def convolution(inputs: int, outputs: int, side: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, side, padding="same"), nn.ReLU()]

    net = nn.Sequential(
        *convolution(1, 64, 7),
        nn.MaxPool2d(2),
        *convolution(64, 128, 3),
        *convolution(128, 128, 3),
        nn.MaxPool2d(2),
        *convolution(128, 256, 3),
        *convolution(256, 256, 3),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2304, 128),
        nn.ReLU(),
        nn.Dropout(0.25),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Dropout(0.25),
        nn.Linear(64, 10),
    ).to(memory_format=torch.channels_last)
    optimizer = torch.optim.NAdam(net.parameters(), 1e-3)
    images = torch.randint(0, 256, (EXAMPLES, 1, 28, 28), dtype=torch.uint8)
    labels = torch.randint(0, 10, (EXAMPLES,))

    def run(steps: int) -> None:
        for _ in range(steps):
            rows = torch.randint(0, EXAMPLES, (options.batch,))
            x = (images[rows].float() / 255).to(memory_format=torch.channels_last)
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x), labels[rows]).backward()
            optimizer.step()

    serve(f"PyTorch {torch.__version__}, channels last", run, options.batch, options.seconds)


if __name__ == "__main__":
    main()
