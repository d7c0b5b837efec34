"""When training goes nowhere it is better to stop and say why than to burn hours."""

from __future__ import annotations

import math
from dataclasses import dataclass

COLLAPSED = 0.02
"""Mean squared distance of two embeddings below which all are alike: strangers are at about 2, a person's own faces at
0.4, and the margin alone is 0.2.
"""

STARVED = 0.002
"""Share of active triplets below which a batch of a thousand anchors teaches with a couple of them."""

LEAST_SCALE = 1.0
"""Loss scale below which gradients overflow by themselves, and not for being scaled."""

PATIENCE = 20
"""So many steps in a row make it certain."""


@dataclass(slots=True)
class Watch:
    """Counts steps in a row that went wrong; a mutable value that is kept with the checkpoint."""

    collapsed: int = 0
    starved: int = 0
    diverged: bool = False
    reason: str | None = None

    def see(self, *, spread: float, share: float, loss: float, scale: float = 1.0) -> str | None:
        """Take in a step.

        Args:
            spread: mean squared distance of two embeddings of the batch.
            share: of candidates that gave an active triplet.
            loss: of the step.
            scale: of the loss, which halves each time the gradients are no numbers.

        Returns:
            Why to stop and what to try, or None to go on.
        """
        # Embeddings that are no numbers give no active triplet, and so a loss of zero.
        self.diverged = not (math.isfinite(loss) and math.isfinite(spread)) or scale < LEAST_SCALE
        self.collapsed = self.collapsed + 1 if spread < COLLAPSED else 0
        self.starved = self.starved + 1 if share < STARVED else 0
        self.reason = self._why()
        return self.reason

    def _why(self) -> str | None:
        if self.diverged:
            return "the loss, embeddings or gradients are no numbers any more: take a smaller --learning-rate"
        if self.collapsed >= PATIENCE:
            return (
                "all embeddings have become alike: take a smaller --learning-rate, "
                "or --mining semi-hard, which is less prone to it"
            )
        if self.starved >= PATIENCE:
            return (
                "hardly a triplet of a batch is hard any more: nothing is left to learn from these photos; "
                "add people, take larger batches (--faces), or stop here"
            )
        return None
