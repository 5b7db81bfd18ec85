"""Images per second of PyTorch: autoencoders, a GAN and a diffusion, as its users write them."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable

import torch
from serving import generative_arguments, serve
from torch import nn
from torch.nn import functional

EXAMPLES = 6400
IMAGES = torch.randint(0, 256, (EXAMPLES, 1, 28, 28), dtype=torch.uint8)


def batch_of(size: int) -> torch.Tensor:
    """Random images in [0, 1]."""
    return IMAGES[torch.randint(0, EXAMPLES, (size,))].float() / 255


def dense(*widths: int) -> nn.Sequential:
    """Dense layers, SELU between."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.SELU()]
    return nn.Sequential(*layers[:-1])


def stacked(batch: int) -> Callable[[], None]:
    """784-100-30-100-784, SGD."""
    encoder, decoder = dense(784, 100, 30), dense(30, 100, 784)
    net = nn.Sequential(encoder, nn.SELU(), decoder)
    optimizer = torch.optim.SGD(net.parameters(), 1.5)

    def step() -> None:
        image = batch_of(batch).flatten(1)
        optimizer.zero_grad()
        functional.binary_cross_entropy_with_logits(net(image), image).backward()
        optimizer.step()

    return step


def vae(batch: int) -> Callable[[], None]:
    """784-150-100-10 and back, RMSprop."""
    encoder, decoder = dense(784, 150, 100, 20), dense(10, 100, 150, 784)
    optimizer = torch.optim.RMSprop([*encoder.parameters(), *decoder.parameters()], 1e-3)

    def step() -> None:
        image = batch_of(batch).flatten(1)
        optimizer.zero_grad()
        mean, log_variance = encoder(image).chunk(2, dim=1)
        code = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        error = functional.binary_cross_entropy_with_logits(decoder(code), image)
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1).mean()
        (error + divergence / 784).backward()
        optimizer.step()

    return step


class Reshape(nn.Module):
    """To 7 x 7 pixels."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`[batch, 128, 7, 7]`."""
        return x.view(len(x), 128, 7, 7)


def dcgan(batch: int) -> Callable[[], None]:
    """The nets of `generative/dcgan`."""
    generator = nn.Sequential(
        nn.Linear(100, 7 * 7 * 128), Reshape(), nn.BatchNorm2d(128), nn.ReLU(),
        nn.ConvTranspose2d(128, 64, 5, 2, 2, 1), nn.BatchNorm2d(64), nn.ReLU(),
        nn.ConvTranspose2d(64, 1, 5, 2, 2, 1), nn.Sigmoid(),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.Conv2d(1, 64, 5, 2, 2), nn.LeakyReLU(0.2), nn.Conv2d(64, 128, 5, 2, 2),
        nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(7 * 7 * 128, 1),
    )  # fmt: skip
    for net in (generator, discriminator):
        net.to(memory_format=torch.channels_last)
    generating = torch.optim.Adam(generator.parameters(), 2e-4, (0.5, 0.999))
    discriminating = torch.optim.Adam(discriminator.parameters(), 2e-4, (0.5, 0.999))

    def step() -> None:
        image = batch_of(batch).to(memory_format=torch.channels_last)
        made = generator(torch.randn(batch, 100))
        discriminating.zero_grad()
        loss = functional.softplus(-discriminator(2 * image - 1)).mean()
        loss = loss + functional.softplus(discriminator(2 * made.detach() - 1)).mean()
        loss.backward()
        discriminating.step()
        generating.zero_grad()
        made = generator(torch.randn(batch, 100))
        functional.softplus(-discriminator(2 * made - 1)).mean().backward()
        generating.step()

    return step


class Residual(nn.Module):
    """Two convolutions, scaled and shifted by the time between."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first, self.second = nn.GroupNorm(8, inputs), nn.GroupNorm(8, outputs)
        self.one = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.two = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.change = nn.Linear(128, 2 * outputs)
        self.over = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        """Of as many pixels."""
        y = self.one(functional.silu(self.first(x)))
        scale, shift = self.change(conditions)[:, :, None, None].chunk(2, dim=1)
        y = self.second(y) * (1 + scale) + shift
        return self.two(functional.silu(y)) + self.over(x)


class UNet(nn.Module):
    """That of `generative/ddpm`, 32 and 64 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.time = nn.Sequential(nn.Linear(128, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU())
        self.first, self.down = nn.Conv2d(1, 32, 3, padding=1), nn.Conv2d(32, 64, 3, 2, 1)
        self.blocks = nn.ModuleList(
            [Residual(32, 32), Residual(64, 64), Residual(64, 64), Residual(128, 64),
             Residual(64, 32)]
        )  # fmt: skip
        self.norm, self.attention = nn.GroupNorm(8, 64), nn.MultiheadAttention(64, 1)
        self.up = nn.ConvTranspose2d(64, 32, 4, 2, 1)
        self.end, self.last = nn.GroupNorm(8, 32), nn.Conv2d(32, 1, 3, padding=1)

    def forward(self, x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        """Like `x`."""
        rate = torch.exp(-math.log(1e4) * torch.arange(64) / 64)
        angle = 1000 * time[:, None] * rate
        conditions = self.time(torch.cat([angle.sin(), angle.cos()], 1))
        wide = self.blocks[0](self.first(x), conditions)
        deep = self.blocks[1](self.down(wide), conditions)
        tokens = self.norm(deep).flatten(2).permute(2, 0, 1)
        read, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        x = deep + read.permute(1, 2, 0).reshape(deep.shape)
        x = self.blocks[2](x, conditions)
        x = self.up(self.blocks[3](torch.cat([x, deep], 1), conditions))
        x = self.blocks[4](torch.cat([x, wide], 1), conditions)
        return self.last(functional.silu(self.end(x)))


def cosine(time: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Signal and noise at a time."""
    share = torch.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2
    share = (share / math.cos(0.008 / 1.008 * math.pi / 2) ** 2).clamp(1e-4, 1.0)
    return share.sqrt(), (1 - share).sqrt()


def ddpm(batch: int) -> Callable[[], None]:
    """v-prediction on the cosine path, Adam."""
    net = UNet().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)

    def step() -> None:
        image = (2 * batch_of(batch) - 1).to(memory_format=torch.channels_last)
        time, noise = torch.rand(batch), torch.randn_like(image)
        signal, spread = (it[:, None, None, None] for it in cosine(time))
        optimizer.zero_grad()
        predicted = net(signal * image + spread * noise, time)
        ((predicted - (signal * noise - spread * image)) ** 2).mean().backward()
        optimizer.step()

    return step


def sampling(batch: int) -> Callable[[], None]:
    """DDIM in 50 steps."""
    net = UNet().to(memory_format=torch.channels_last).eval()

    @torch.inference_mode()
    def step() -> None:
        x = torch.randn(batch, 1, 28, 28).to(memory_format=torch.channels_last)
        for turn in range(50):
            now, then = torch.tensor(1 - turn / 50), torch.tensor(1 - (turn + 1) / 50)
            signal, spread = cosine(now)
            predicted = net(x, now.expand(batch))
            image = (signal * x - spread * predicted).clamp(-1, 1)
            noise = (x - signal * image) / spread
            signal, spread = cosine(then)
            x = signal * image + spread * noise

    return step


def main() -> None:
    """Serve rounds."""
    options = generative_arguments(__doc__ or "").parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    step = globals()[options.net](options.batch)

    def run(steps: int) -> None:
        for _ in range(steps):
            step()

    serve(f"PyTorch {torch.__version__}", run, options.batch, options.seconds)


if __name__ == "__main__":
    main()
