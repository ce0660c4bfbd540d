"""The transformer, all of it.

Legend of shapes, used in every comment below:

    B  rows in the batch            C  width of the residual stream
    T  positions in a row           H  query heads, K key-value heads (K divides H)
    V  rows of the embedding table  D  channels of a head
    L  layers                       S  positions seen by attention: those in the cache and the T new ones

One forward pass, top to bottom: ids (B, T) -> embedding (B, T, C) -> L blocks of attention and MLP, each added to the
residual stream -> norm -> head -> logits (B, T, V). Families (`families.py`) differ by what is chosen by name.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from primer.model.cache import Documents, Reach, Span
from primer.model.dropout import Dropout
from primer.model.kernels import (
    Rotary,
    causal_attention,
    gelu,
    in_groups,
    mix_neighbours,
    relu2,
    split_heads,
    trains_in_loops,
)
from primer.model.ngrams import count_repeats, hash_ngrams

IGNORE = -1  # a target that is not trained on
LOGITS_AT_ONCE = 2**24  # numbers in one piece of the logits: 64 MB in float32
GATE_CHANNELS = 24  # the value gates read only the first channels of the stream


@dataclass(frozen=True)
class GPTConfig:
    """The shape of a model; everything needed to build it, and nothing about its training."""

    vocab_size: int
    """Rows of the embedding table (V): the tokenizer's vocabulary, rounded up to a multiple of 64."""
    family: str = "primer"
    """Which recipe the shape belongs to: primer, gpt2, llama or qwen3."""
    context: int = 256
    """Positions the model can see at once."""
    num_layers: int = 4
    num_heads: int = 4
    num_kv_heads: int = 4
    """Key-value heads; fewer than num_heads is grouped-query attention (arXiv 2305.13245)."""
    width: int = 128
    head_dim: int = 32
    mlp_width: int = 512
    mlp: Literal["relu2", "gelu", "swiglu"] = "relu2"
    norm: Literal["plain", "layer", "rms"] = "plain"
    """plain: LayerNorm without weights; it learns as fast as RMSNorm, and on a CPU is 2.5 times faster."""
    norm_eps: float = 1e-6
    positions: Literal["rope", "learned"] = "rope"
    rope_theta: float = 10_000.0
    qk_norm: bool = True
    """Normalise queries and keys per head, so that attention logits cannot blow up (arXiv 2302.05442)."""
    bias: bool = False
    tied: bool = False
    """The head is the embedding table."""
    softcap: float = 15.0
    """Squash logits smoothly into ±softcap (Gemma 2, arXiv 2408.00118); 0 leaves them alone."""
    ngrams: tuple[int, ...] = (2, 3)
    """Lengths of the n-grams ending at a token whose hashed embeddings are added to the token's own
    (Over-Tokenized Transformer, arXiv 2501.16975)."""
    ngram_buckets: int = 16_384
    """Rows of the hash table of each length; n-grams that collide share a row."""
    repeats: int = 0
    """Tell each token how many of the ids up to it, at most so many, stood together earlier in the text, as an
    embedding of that number: whether two words are the same is then known in one layer."""
    neighbours: int = 0
    """Positions before each that are added to attention's input, channel by channel: a causal convolution (canon
    layers, arXiv 2512.17351). What stood beside a token is then found again in one layer, not two: early copying."""
    value_embeddings: bool = True
    """In every other layer, add a second embedding of the token to the values (arXiv 2410.17897)."""
    window_pattern: str = "L"
    """Attention span layer by layer, repeated: L sees the whole context, S a quarter of it. The last is L."""
    dropout: float = 0.0
    """Of the embeddings and of what each block adds; attention weights keep theirs (the kernels are for that)."""
    zero_init: bool = True
    """Projections into the stream start at zero, so that every block starts as the identity."""

    def __post_init__(self) -> None:
        if self.num_heads % self.num_kv_heads:
            raise ValueError(f"num_kv_heads ({self.num_kv_heads}) does not divide num_heads ({self.num_heads})")
        if self.positions == "rope" and self.head_dim % 2:
            raise ValueError(f"rotary positions need an even head_dim, got {self.head_dim}")
        if not self.window_pattern or set(self.window_pattern) - set("SL"):
            raise ValueError(f"window_pattern is made of S and L, got {self.window_pattern!r}")

    def window(self, layer: int) -> int:
        """Positions that attention in this layer looks back on, itself included."""
        short = self.window_pattern[layer % len(self.window_pattern)] == "S"
        return max(1, self.context // 4) if short and layer < self.num_layers - 1 else self.context

    @property
    def lookback(self) -> int:
        """Ids before its own that a token's embedding reads."""
        return self.context - 1 if self.repeats else max((1, *self.ngrams)) - 1

    def has_value_embedding(self, layer: int) -> bool:
        """Every other layer, counted so that the last one has it."""
        return self.value_embeddings and (self.num_layers - 1 - layer) % 2 == 0


class Linear(nn.Linear):
    """A linear map whose float32 weights are cast to the activations' dtype: mixed precision without autocast."""

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return F.linear(x, self.weight.to(x.dtype), bias)


class RMSNorm(nn.RMSNorm):
    """x / rms(x) × weight (arXiv 1910.07467); the float32 weight follows the activations' dtype."""

    def forward(self, x: Tensor) -> Tensor:
        assert self.weight is not None
        return F.rms_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.eps)


class LayerNorm(nn.LayerNorm):
    """(x - mean) / std, with or without weights, which follow the activations' dtype."""

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = (None if p is None else p.to(x.dtype) for p in (self.weight, self.bias))
        return F.layer_norm(x, self.normalized_shape, weight, bias, self.eps)


def make_norm(config: GPTConfig, width: int) -> nn.Module:
    """The family's norm over the last `width` channels."""
    if config.norm == "rms":
        return RMSNorm(width, config.norm_eps)
    return LayerNorm(width, config.norm_eps, elementwise_affine=config.norm == "layer")


def rotary_tables(config: GPTConfig) -> tuple[Tensor, Tensor]:
    """cos and signed sin, each (context, D), for `kernels.rotate` (RoPE, arXiv 2104.09864)."""
    frequencies = config.rope_theta ** (-torch.arange(0, config.head_dim, 2, dtype=torch.float32) / config.head_dim)
    angles = torch.outer(torch.arange(config.context, dtype=torch.float32), frequencies)  # (context, D/2)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([cos, cos], dim=-1), torch.cat([-sin, sin], dim=-1)


class Attention(nn.Module):
    """Causal self-attention over the whole context or a sliding window."""

    def __init__(self, config: GPTConfig, layer: int) -> None:
        super().__init__()
        self.config, self.layer = config, layer
        self.heads = (config.num_heads, config.num_kv_heads, config.num_kv_heads)
        self.qkv = Linear(config.width, sum(self.heads) * config.head_dim, bias=config.bias)
        self.out = Linear(config.num_heads * config.head_dim, config.width, bias=config.bias)
        self.q_norm = make_norm(config, config.head_dim) if config.qk_norm else None
        self.k_norm = make_norm(config, config.head_dim) if config.qk_norm else None
        taps = config.neighbours
        self.neighbour_gates = nn.Parameter(torch.empty(taps, config.width)) if taps else None
        if config.has_value_embedding(layer):
            self.value_embed = nn.Embedding(config.vocab_size, config.num_kv_heads * config.head_dim)
            self.value_gate = Linear(min(GATE_CHANNELS, config.width), config.num_kv_heads, bias=False)

    def forward(self, x: Tensor, ids: Tensor, rotary: Rotary, span: Reach | None) -> Tensor:
        config, (B, T, _) = self.config, x.shape
        if self.neighbour_gates is not None:
            preceded = partial(span.preceded, self.layer) if isinstance(span, Span) else None
            x = mix_neighbours(x, self.neighbour_gates, preceded)
        qkv = self.qkv(x).view(B, T, -1, config.head_dim)
        q, k, v = split_heads(qkv, self.heads, (self.q_norm, self.k_norm), rotary)  # (B, T, heads, D)
        if config.has_value_embedding(self.layer):
            gate = 2 * torch.sigmoid(self.value_gate(x[..., :GATE_CHANNELS])).unsqueeze(-1)  # (B, T, K, 1)
            v = v + gate * self.value_embed(ids).to(x.dtype).view_as(v)
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)  # (B, heads, T, D)
        if span is not None:
            k, v = span.extend(self.layer, k, v)
        return self.out(self.attend(q, k, v, span).transpose(1, 2).reshape(B, T, -1))  # type: ignore[no-any-return]

    def attend(self, q: Tensor, k: Tensor, v: Tensor, span: Reach | None) -> Tensor:
        """softmax(q kᵀ / √D) v for q (B, H, T, D) and k, v (B, K, S, D): the T queries are the last of each row."""
        (B, H, T, D), K, window = q.shape, k.size(1), self.config.window(self.layer)
        if span is None or span.fresh:
            return causal_attention(q, k, v, window)
        if T > 1:
            return span.attention(q, k, v, window)
        if span.aligned:  # one new token a row, all at the same position: each sees the end of the cache
            k, v, mask = k[:, :, -window:], v[:, :, -window:], None
        else:
            mask = span.mask(window, q.dtype)
        q = q.view(B, K, H // K, D)  # heads that share keys become queries: enable_gqa would copy the keys for each
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).view(B, H, T, D)


class MLP(nn.Module):
    """Two linear maps around a nonlinearity."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.act = MLPS[config.mlp]
        self.up = Linear(config.width, config.mlp_width * (2 if config.mlp == "swiglu" else 1), bias=config.bias)
        self.down = Linear(config.mlp_width, config.width, bias=config.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.act(self.up(x)))  # type: ignore[no-any-return]


def swiglu(x: Tensor) -> Tensor:
    """SiLU(gate) × up, both halves from one matrix (arXiv 2002.05202)."""
    gate, up = x.chunk(2, dim=-1)
    return F.silu(gate) * up


MLPS = dict[str, Callable[[Tensor], Tensor]](relu2=relu2, gelu=gelu, swiglu=swiglu)


class Block(nn.Module):
    """Attention, then MLP, each normalised on the way in and added to the stream."""

    def __init__(self, config: GPTConfig, layer: int) -> None:
        super().__init__()
        self.attention_norm = make_norm(config, config.width)
        self.attention = Attention(config, layer)
        self.mlp_norm = make_norm(config, config.width)
        self.mlp = MLP(config)
        self.dropout = Dropout(config.dropout)

    def forward(
        self, x: Tensor, ids: Tensor, rotary: Rotary, span: Reach | None, wanted: Tensor | None = None
    ) -> Tensor:
        x = x + self.dropout(self.attention(self.attention_norm(x), ids, rotary, span))
        x = x if wanted is None else x[wanted]  # (N, C)
        return x + self.dropout(self.mlp(self.mlp_norm(x)))  # type: ignore[no-any-return]


class GPT(nn.Module):
    """A decoder-only transformer. Weights stay in float32; activations are in `compute_dtype`."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.compute_dtype = torch.float32
        self.loops: Any = None  # prepared.Loops, in a model that only generates
        self.embed = nn.Embedding(config.vocab_size, config.width)
        self.position_embed = nn.Embedding(config.context, config.width) if config.positions == "learned" else None
        self.embed_norm = make_norm(config, config.width) if config.family == "primer" else nn.Identity()
        rows = len(config.ngrams) * config.ngram_buckets
        self.ngram_embed = nn.Embedding(rows, config.width) if rows else None
        self.repeat_embed = nn.Embedding(config.repeats + 1, config.width) if config.repeats else None
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.num_layers))
        self.final_norm = make_norm(config, config.width)
        self.head = Linear(config.width, config.vocab_size, bias=False)
        if config.tied:
            self.head.weight = self.embed.weight
        self.dropout = Dropout(config.dropout)
        self.cos, self.sin = (nn.Buffer(table, persistent=False) for table in rotary_tables(config))
        self.init_weights()

    @torch.no_grad()
    def init_weights(self) -> None:
        """Draw every weight from the global generator (seed it first), by the family's rule."""
        config, primer = self.config, self.config.family == "primer"
        for name, parameter in self.named_parameters():
            into_stream = name.endswith(("out.weight", "down.weight"))
            if "norm" in name:
                parameter.fill_(0.0 if name.endswith("bias") else 1.0)
            elif name.endswith(("bias", "gate.weight", "ngram_embed.weight", "repeat_embed.weight", "gates")) or (
                config.zero_init and into_stream
            ):
                parameter.zero_()
            elif not primer:  # GPT-2's rule: 0.02, and less into the stream by its 2L additions
                parameter.normal_(std=0.02 / math.sqrt(2 * config.num_layers) if into_stream else 0.02)
            elif name.startswith("embed"):
                parameter.normal_(std=1.0)
            elif name.startswith("head"):
                parameter.normal_(std=0.001)
            else:
                bound = math.sqrt(3 / parameter.size(-1))  # uniform with standard deviation 1/√fan_in: no outliers
                parameter.uniform_(-bound, bound)

    def embed_tokens(self, ids: Tensor, span: Reach | None) -> Tensor:
        """ids (B, T) to the stream's first state (B, T, C)."""
        x: Tensor = self.embed(ids).to(self.compute_dtype)
        if self.position_embed is not None:
            positions = torch.arange(ids.size(1), device=ids.device) if span is None else span.positions
            x = x + self.position_embed(positions).to(x.dtype)
        x = self.embed_norm(x)
        T, before = ids.size(1), None if span is None else span.before
        seen = ids if before is None else torch.cat([before, ids], dim=1)  # (B, P + T)
        if self.ngram_embed is not None:
            missing = T + max(self.config.ngrams) - 1 - seen.size(1)  # below 0, too many: both are F.pad's
            rows = hash_ngrams(F.pad(seen, (missing, 0), value=-1), self.config.ngrams, self.config.ngram_buckets)
            x = x + self.ngram_embed(rows).sum(dim=2).to(x.dtype)
        if self.repeat_embed is not None:
            if isinstance(span, Documents):  # none knows another: the same id there is another id
                seen = seen + span.numbers * self.config.vocab_size
            x = x + self.repeat_embed(count_repeats(seen, T, self.config.repeats)).to(x.dtype)
        return self.dropout(x)  # type: ignore[no-any-return]

    def hidden(self, ids: Tensor, span: Reach | None = None, wanted: Tensor | None = None) -> Tensor:
        """The stream after the last norm, (B, T, C), for ids (B, T): of whole rows, or of those in a cache's span.
        `wanted` (B, T): only of these positions, (N, C); the last MLP then sees no others."""
        T, config = ids.size(1), self.config
        if config.context < T:
            raise ValueError(f"{T} positions do not fit into a context of {config.context}")
        x = self.embed_tokens(ids, span)
        rotary, places = None, slice(T) if span is None else span.positions
        if config.positions == "rope":  # (…, T, 1, D) spreads over the heads
            rotary = self.cos[places].unsqueeze(-2).to(x.dtype), self.sin[places].unsqueeze(-2).to(x.dtype)
        for block in self.blocks:
            x = block(x, ids, rotary, span, wanted if block is self.blocks[-1] else None)
        return self.final_norm(x)  # type: ignore[no-any-return]

    def logits(self, hidden: Tensor) -> Tensor:
        """hidden (…, C) to float32 logits (…, V)."""
        return self.squash(self.head(hidden).float())

    def squash(self, logits: Tensor) -> Tensor:
        """Logits softly kept within ±softcap, where the family has one."""
        cap = self.config.softcap
        return cap * torch.tanh(logits / cap) if cap else logits

    def forward(self, ids: Tensor, span: Reach | None = None) -> Tensor:
        """Logits (B, T, V) of the token that follows each position of ids (B, T)."""
        return self.logits(self.hidden(ids, span))

    def token_losses(self, ids: Tensor, targets: Tensor, span: Reach | None = None) -> Tensor:
        """-log p of each target, (B, T) in nats, 0 where the target is IGNORE. The logits of a large vocabulary (8 rows
        × 1,024 × 50,304 floats: 1.6 GB) are made a piece at a time, and made again in the backward pass."""
        if targets.device.type != "cpu" or torch.compiler.is_compiling():  # these want shapes that stay
            return self.flat_losses(self.hidden(ids, span).flatten(0, 1), targets.flatten()).view_as(targets)
        wanted = in_groups(targets != IGNORE)  # of a conversation a third
        losses = self.flat_losses(self.hidden(ids, span, wanted), targets[wanted])
        return losses.new_zeros(targets.shape).masked_scatter(wanted, losses)

    def flat_losses(self, hidden: Tensor, flat: Tensor) -> Tensor:
        """-log p of targets (N,) after states (N, C)."""
        rows = max(1, LOGITS_AT_ONCE // self.config.vocab_size)
        if len(flat) <= rows:
            return self.cross_entropy(hidden, flat)
        pairs = zip(hidden.split(rows), flat.split(rows), strict=True)
        return torch.cat([checkpoint(self.cross_entropy, *pair, use_reentrant=False) for pair in pairs])

    def cross_entropy(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """-log p of targets (N,) under the logits of hidden (N, C)."""
        if trains_in_loops(hidden):
            from primer.model.training_loops import cross_entropy  # brings numba, half a second

            return cross_entropy(self.head(hidden), targets, self.config.softcap)
        return F.cross_entropy(self.logits(hidden), targets, ignore_index=IGNORE, reduction="none")

    def matrices(self) -> Iterator[tuple[str, nn.Parameter, tuple[int, ...]]]:
        """Name, weight and row split of each matrix inside the blocks: several maps share one weight for speed (q, k
        and v; gate and up), but an optimizer that looks at singular values must see them one by one."""
        config = self.config
        for name, parameter in self.blocks.named_parameters(prefix="blocks"):
            if parameter.ndim != 2 or "embed" in name or "gate" in name:
                continue
            split: tuple[int, ...] = (parameter.size(0),)
            if "qkv" in name:
                split = tuple(n * config.head_dim for n in (config.num_heads, config.num_kv_heads, config.num_kv_heads))
            elif "up" in name and config.mlp == "swiglu":
                split = (config.mlp_width, config.mlp_width)
            yield name, parameter, split

    def flops_per_token(self) -> int:
        """Floating-point operations of training on one token: 6 per matrix weight (2 forward, 4 backward), and
        12 × C × window a layer for attention (PaLM, arXiv 2204.02311, appendix B)."""
        config = self.config
        weights = sum(m.weight.numel() for m in self.modules() if isinstance(m, nn.Linear))
        spans = sum(config.window(layer) for layer in range(config.num_layers))
        return 6 * weights + 12 * config.num_heads * config.head_dim * spans
