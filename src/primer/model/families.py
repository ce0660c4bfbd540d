"""The shapes a model can take: four families, and the depth dial.

`primer` is the fastest learner. `gpt2`, `llama` and `qwen3` compute what the models of those names compute, so that
their weights come in and trained ones go out.
"""

from dataclasses import dataclass, replace
from typing import Any

from primer.core.errors import ConfigError, suggest
from primer.model.gpt import GPTConfig

PLAIN: dict[str, Any] = {
    "ngrams": (), "value_embeddings": False,
    "softcap": 0.0, "zero_init": False, "window_pattern": "L",
}  # fmt: skip

FAMILIES: dict[str, dict[str, Any]] = {
    "primer": {},
    "gpt2": PLAIN | {
        "mlp": "gelu", "norm": "layer", "norm_eps": 1e-5, "positions": "learned", "qk_norm": False, "bias": True,
        "tied": True,
    },
    "llama": PLAIN | {"mlp": "swiglu", "norm": "rms", "norm_eps": 1e-5, "qk_norm": False},
    "qwen3": PLAIN | {"mlp": "swiglu", "norm": "rms", "qk_norm": True, "rope_theta": 1_000_000.0},
}  # fmt: skip


def family(name: str, **shape: Any) -> GPTConfig:
    """The config of a family with the given fields on top. Raises ConfigError for a family that does not exist."""
    if name not in FAMILIES:
        raise ConfigError(f"there is no model family {name!r}; {suggest(name, FAMILIES)}")
    return GPTConfig(**FAMILIES[name] | {"family": name} | shape)


@dataclass(frozen=True)
class ShapeOverrides:
    """What a person fixes by hand; None leaves it to the dial."""

    num_layers: int | None = None
    num_heads: int | None = None
    num_kv_heads: int | None = None
    width: int | None = None
    mlp_width: int | None = None


def shape(
    name: str,
    depth: int,
    vocab_size: int,
    context: int,
    overrides: ShapeOverrides | None = None,
    **fields: Any,
) -> GPTConfig:
    """A model of the family from one number, its depth.

    width = 64 × depth, heads of 64 channels (32 below width 256), and an MLP 4 × as wide (8/3 × for gated ones, so
    that its weights are as many). The vocabulary is rounded up to a multiple of 64 for the matrix units; the extra
    rows are never a target and never sampled.
    """
    given = overrides or ShapeOverrides()
    width = given.width or 64 * depth
    num_heads = given.num_heads or max(1, width // (64 if width >= 256 else 32))
    if width % num_heads:
        raise ConfigError(f"width {width} is not a multiple of {num_heads} heads. Change --width or --num-heads.")
    num_kv_heads = given.num_kv_heads or num_heads
    if num_heads % num_kv_heads:
        raise ConfigError(f"{num_heads} heads cannot share {num_kv_heads} key-value heads evenly; choose a divisor.")
    gated = FAMILIES.get(name, {}).get("mlp") == "swiglu"
    return replace(
        family(name, vocab_size=round_up(vocab_size, 64), context=context),
        num_layers=given.num_layers or depth,
        num_heads=num_heads,
        num_kv_heads=num_kv_heads,
        width=width,
        head_dim=width // num_heads,
        mlp_width=given.mlp_width or (round_up(width * 8 // 3, 64) if gated else 4 * width),
        **fields,
    )


def round_up(n: int, multiple: int) -> int:
    """The smallest multiple that is not below n.

    >>> round_up(50257, 64)
    50304
    """
    return -(-n // multiple) * multiple
