"""How a model is run on a CPU that writes a few tokens at a time: by `loops.py`, from weights stored as one likes.

Legend of shapes: N tokens, C width, V vocabulary, L layers, O outputs and I inputs of a matrix.
"""

import sys
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from primer.core.errors import ConfigError
from primer.model.cache import KVCache
from primer.model.gpt import GPT, Linear
from primer.model.kernels import array

Weights = Literal["auto", "float32", "bfloat16", "int8"]

FEW = 256  # tokens: when more are read at once, PyTorch's products are as fast as the loops or faster
WORTH_ALL_CORES = 2**23  # products a pass: below, cores wait for each other longer than they save
MOST_THREADS = 6  # what `team.PIECE_BITS` has room for; reading weights takes no more
ONE_PASS = threading.Lock()  # at a time: it has all cores, and the helpers follow one


def prepare_to_generate(model: GPT, weights: Weights = "auto") -> GPT:
    """Make a model, in place, fast to generate with and unfit to train.

    `weights`: how the matrices are stored, for reading them is what a new token costs. auto: as the model computes;
    float32; bfloat16: half the bytes; int8, on a CPU: a quarter, with a scale for each output.

    Raises ConfigError for int8 elsewhere than on a CPU.
    """
    if model.embed.weight.device.type == "cpu":
        model.loops = Loops(model, weights)
        model.loops.share_weights()
        return model
    if weights == "int8":
        raise ConfigError("--weights int8 is for the CPU. Use --weights auto, or --device cpu.")
    if weights != "auto":
        model.compute_dtype = getattr(torch, weights)
    for linear in (module for module in model.modules() if isinstance(module, Linear)):
        linear.weight = nn.Parameter(linear.weight.detach().to(model.compute_dtype), requires_grad=False)
    return model


@contextmanager
def loops_in_common(model: GPT) -> Iterator[None]:
    """While a model's forks write: its loops, made once for all of them."""
    given = model.loops
    if Loops.can_run(model):
        model.loops = given or Loops(model)
    try:
        yield
    finally:
        model.loops = given


class Loops:
    """A model's weights as the loops read them, as they were when this was made, and the calls that run them."""

    def __init__(self, model: GPT, weights: Weights = "auto") -> None:
        """`weights` as in `prepare_to_generate`."""
        from primer.model import loops, team  # here, for numba takes half a second to import

        config, stored = model.config, model.compute_dtype if weights == "auto" else getattr(torch, weights)
        blocks: list[Any] = list(model.blocks)
        attentions = [block.attention for block in blocks]
        has_values = np.array([config.has_value_embedding(layer) for layer in range(config.num_layers)])
        with_values = [attention for attention in attentions if config.has_value_embedding(attention.layer)]
        rope = config.positions == "rope"
        self.model, self.kernels, self.team = model, loops, team.team
        self.maps = {
            name: LinearMaps(linears, stored)
            for name, linears in {
                "qkv": [attention.qkv for attention in attentions],
                "out": [attention.out for attention in attentions],
                "up": [block.mlp.up for block in blocks],
                "down": [block.mlp.down for block in blocks],
                "head": [model.head],
            }.items()
        }
        self.weights = loops.Weights(
            embed=array(model.embed.weight),
            position_embed=table(model.position_embed, config.width),
            embed_norm=norms([model.embed_norm], config.width)[0],
            ngrams=np.array(config.ngrams if model.ngram_embed else (), np.int64),
            ngram_embed=table(model.ngram_embed, config.width),
            repeat_embed=table(model.repeat_embed, config.width),
            cos=array(model.cos if rope else model.cos[:0]),
            sin=array(model.sin if rope else model.sin[:0]),
            windows=np.array([config.window(layer) for layer in range(config.num_layers)], np.int64),
            attention_norm=norms([block.attention_norm for block in blocks], config.width),
            neighbour_gates=stack([a.neighbour_gates for a in attentions if config.neighbours], (len(blocks), 0, 0)),
            value_place=np.where(has_values, has_values.cumsum() - 1, -1),
            value_embed=stack([attention.value_embed.weight for attention in with_values], (0, 0, 0)),
            value_gate=stack([attention.value_gate.weight for attention in with_values], (0, 0, 0)),
            q_norm=norms([attention.q_norm for attention in attentions], config.head_dim),
            k_norm=norms([attention.k_norm for attention in attentions], config.head_dim),
            mlp_norm=norms([block.mlp_norm for block in blocks], config.width),
            final_norm=norms([model.final_norm], config.width)[0],
            **{name: maps.matrix(loops.Matrix) for name, maps in self.maps.items()},
        )
        self.num_weights = sum(maps.stored.numel() for name, maps in self.maps.items() if name != "head")
        self.shape = loops.Shape(
            context=config.context, num_heads=config.num_heads, num_kv_heads=config.num_kv_heads,
            head_dim=config.head_dim, centred=config.norm != "rms", eps=config.norm_eps,
            embed_norm=config.family == "primer", qk_norm=config.qk_norm, mlp=loops.MLPS.index(config.mlp),
            ngram_buckets=config.ngram_buckets,
        )  # fmt: skip

        self._made_for: tuple[Any, ...] = (None,) * 4
        self._room: Any = None
        self._tokens: Any = None
        self._work: Any = None
        self._help: Any = None
        weakref.finalize(self, team.release)

    @staticmethod
    def can_run(model: GPT) -> bool:
        """Whether they are for this model: on a CPU, in float32 or bfloat16."""
        return model.embed.weight.device.type == "cpu" and model.compute_dtype in (torch.float32, torch.bfloat16)

    def read(
        self,
        ids: NDArray[np.int64],
        slots: NDArray[np.int64],
        positions: NDArray[np.int64],
        wanted: Sequence[int],
        cache: KVCache,
    ) -> tuple[Tensor, Tensor]:
        """The stream after the last norm (N, C) of the tokens at these slots and positions, which are written to the
        cache, and the logits (wanted, V) of those that are wanted, by number; both float32. The next call overwrites
        the first.

        ids (slots, lookback + context): those of each slot, after `lookback` columns of -1.
        """
        N, num_wanted = len(slots), len(wanted)
        num_threads = min(torch.get_num_threads(), MOST_THREADS)
        helpers = self.team(num_threads - 1)
        with ONE_PASS:
            self._prepare_for(ids, cache, N, num_wanted, num_threads, helpers.shared)
            tokens = self._tokens
            tokens.slots[:N], tokens.positions[:N], tokens.wanted[:num_wanted] = slots, positions, wanted
            worth_help = num_threads > 1 and self.num_weights * N > WORTH_ALL_CORES
            if worth_help:
                helpers.call(self._help)
            self._work(0, 0, num_threads if worth_help else 1, N, num_wanted, worth_help)
            logits = torch.from_numpy(self._room.logits[:num_wanted].copy())
        return torch.from_numpy(self._room.hidden[:N]), self.model.squash(logits)

    def _prepare_for(
        self,
        ids: NDArray[np.int64],
        cache: KVCache,
        num_tokens: int,
        num_wanted: int,
        num_threads: int,
        shared: NDArray[np.int64],
    ) -> None:
        """Make what the loops are called with, unless ids, cache and room are where they were in the last pass."""
        if self._room is None or len(self._room.x) < num_tokens or len(self._room.logits) < num_wanted:
            self._room = self._make_room(num_tokens, num_wanted)
        found = (ids, cache.keys, self._room, num_threads)
        if all(a is b for a, b in zip(found, self._made_for, strict=True)):
            return
        self._made_for, work = found, self.kernels.work
        self._tokens = self.kernels.Tokens(ids, *np.zeros((3, FEW), np.int64))
        cached = self.kernels.Cache(array(cache.keys), array(cache.values), array(cache.inputs))
        numbers = (self._tokens, cached, self.weights, self.shape, self._room)
        desks = [self.kernels.new_desk(cached, self.weights, self.shape, self._room) for _ in range(num_threads)]

        def work_over(order: int, who: int, threads: int, num_tokens: int, num_wanted: int, with_help: bool) -> None:
            work(shared, order, who, threads, num_tokens, num_wanted, with_help, *numbers, desks[who])

        self._work = work_over
        self._help = lambda order, who: work_over(order, who, num_threads, 0, 0, False)

    def _make_room(self, num_tokens: int, num_wanted: int) -> Any:
        """For so many or more, but never less than before."""
        config, weights, before = self.model.config, self.weights, self._room
        widths = {
            "x": config.width, "qkv": weights.qkv.weight.shape[1], "y": weights.out.weight.shape[2],
            "u": weights.up.weight.shape[1], "v": weights.down.weight.shape[2], "hidden": config.width,
        }  # fmt: skip
        rows = max(1 << (num_tokens - 1).bit_length(), len(before.x) if before else 1)
        wanted = max(1 << (num_wanted - 1).bit_length(), len(before.logits) if before else 1)
        parts = {name: np.empty((rows, width), np.float32) for name, width in widths.items()}
        return self.kernels.Room(**parts, logits=np.empty((wanted, config.vocab_size), np.float32))

    def share_weights(self) -> None:
        """Let the model's maps be what is stored here: it then needs no memory of its own, or, where it has to compute
        in another dtype, gives the same numbers."""
        for maps in self.maps.values():
            maps.share(self.model.compute_dtype)


class LinearMaps:
    """The same linear map of each layer, stored in some dtype."""

    def __init__(self, linears: Sequence[nn.Linear], dtype: torch.dtype) -> None:
        """`dtype`: float32, bfloat16 or int8."""
        self.linears = linears
        weights = torch.stack([linear.weight.detach() for linear in linears])  # (L, O, I)
        self.scale = torch.ones(weights.shape[:2])  # (L, O)
        if dtype == torch.int8:
            self.scale = weights.abs().amax(dim=-1).float().clamp(min=1e-30) / 127
            weights = (weights / self.scale.unsqueeze(-1)).round_()
        # numpy asks the system for large pages, which are read faster.
        room = np.empty(weights.numel() * dtype.itemsize, np.uint8)
        self.stored = torch.from_numpy(room).view(dtype).view(weights.shape).copy_(weights)
        zeros = torch.zeros(weights.shape[1])
        self.bias = torch.stack([zeros if linear.bias is None else linear.bias.detach() for linear in linears])

    def matrix(self, make: Any) -> Any:
        """As loops.Matrix."""
        return make(array(self.stored), array(self.scale), array(self.bias))

    def share(self, dtype: torch.dtype) -> None:
        """Let the linear maps compute with what is stored, in this dtype."""
        for linear, stored, scale in zip(self.linears, self.stored, self.scale, strict=True):
            if stored.dtype == torch.int8:
                stored = stored * scale.unsqueeze(-1)
            linear.weight = nn.Parameter(stored.to(dtype), requires_grad=False)


@lru_cache(maxsize=1)
def announce_compiling() -> None:
    """Say so on standard error when the loops are about to be compiled, which happens once on a machine."""
    from numba.core import event

    class Announcement(event.Listener):
        def on_start(self, _: event.Event) -> None:
            event.unregister("numba:compile", self)
            print("Compiling for this processor, once: some ten seconds …", file=sys.stderr, flush=True)

        def on_end(self, _: event.Event) -> None:
            pass

    event.register("numba:compile", Announcement())


def stack(tensors: Sequence[Tensor], empty: tuple[int, ...]) -> NDArray[Any]:
    """Tensors of one shape as one array; zeros of a shape `empty` if there are none."""
    return array(torch.stack([t.detach() for t in tensors]).float() if tensors else torch.zeros(empty))


def table(embedding: nn.Embedding | None, width: int) -> NDArray[Any]:
    """An embedding's rows; none if there is none."""
    return array(torch.zeros(0, width) if embedding is None else embedding.weight)


def norms(modules: Sequence[nn.Module | None], width: int) -> NDArray[Any]:
    """Gains and biases of norms over `width` channels: (norms, 2, width)."""
    pairs = torch.stack([torch.ones(width), torch.zeros(width)]).repeat(len(modules), 1, 1)
    for pair, module in zip(pairs, modules, strict=True):
        for row, name in enumerate(("weight", "bias")):
            parameter = getattr(module, name, None)
            if parameter is not None:
                pair[row] = parameter.detach()
    return array(pairs)
