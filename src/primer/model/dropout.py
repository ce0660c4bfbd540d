"""Dropout whose randomness belongs to the thread that computes.

`nn.Dropout` draws from one global generator, for which threads that compute micro-batches side by side would race: what
a row loses would depend on the scheduler, and no run could be resumed exactly.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_of_thread = threading.local()


def seed_dropout(seed: int) -> None:
    """Give this thread a generator of its own (CPU only); without one, dropout draws from PyTorch's."""
    _of_thread.generator = torch.Generator().manual_seed(seed)


@contextmanager
def without_dropout(model: nn.Module) -> Iterator[None]:
    """Measure or generate with a model that may be in the midst of training; it goes on as it was."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


class Dropout(nn.Module):
    """Zero a share `p` of the numbers while training, and scale the others so that the mean stays
    (Srivastava et al. 2014)."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        generator = getattr(_of_thread, "generator", None) if x.device.type == "cpu" else None
        mask = torch.empty_like(x).bernoulli_(1 - self.p, generator=generator)
        return x * mask.div_(1 - self.p)
