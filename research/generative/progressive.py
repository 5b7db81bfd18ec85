"""Adversarial nets that grow: images double in size by phases, which are functions of the step.

Between phases there is nothing to hand over. All parameters are there from the beginning; those of
layers that are not in use yet have no gradient, and so stay as they are, to the bit. Where a size
begins, both optimisers begin anew, so that no layer is moved by what went before it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Annotated, Self

from research.data.images import images_of
from research.generative.adversarial import Adversarial
from research.generative.growth import Growth
from research.options.ranges import COUNT


@dataclass(frozen=True)
class Progressive(Adversarial):
    """Both nets are of `research.generative.growing_nets`, or take a level and a share as these do.

    Source: Karras et al. 2018, "Progressive growing of GANs" (arXiv 1710.10196), section 2.
    """

    level_epochs: Annotated[
        tuple[int, ...], "passes at each size of the images but the last, from the smallest", COUNT
    ] = (4, 6)
    epochs: Annotated[int, "passes at the last size, that of the data", COUNT] = 10
    fade_epochs: Annotated[
        int, "of the passes at each size but the smallest, those in which it is faded in", COUNT
    ] = 3

    def smoke(self) -> Self:
        """Fifteen updates at each size."""
        small = super().smoke()
        return replace(small, level_epochs=(1,) * len(self.level_epochs), fade_epochs=1)

    def problems(self) -> list[str]:
        """Sizes that are not those of the nets; one that is over before it is faded in."""
        found, shape = super().problems(), images_of(self.data_set, 1).shape
        levels = len(self.generator(shape).layers)
        if len(self.level_epochs) + 1 != levels:
            found.append(
                f"--level-epochs must have a number for each of the {levels - 1} sizes before the "
                f"last, not {len(self.level_epochs)}"
            )
        shortest = min((*self.level_epochs[1:], self.epochs))
        if self.fade_epochs > shortest:
            found.append(
                f"--fade-epochs must be at most {shortest}, the fewest passes at a size after the "
                f"smallest (--level-epochs, --epochs), not {self.fade_epochs}"
            )
        return found

    @property
    def all_epochs(self) -> int:
        """Of all sizes."""
        return sum(self.level_epochs) + self.epochs

    def grow(self, epoch: int) -> Growth:
        """As `Adversarial.grow`."""
        starts = tuple(epoch * passed for passed in itertools.accumulate(self.level_epochs))
        return Growth(starts, epoch * self.fade_epochs)
