"""The shapes of the families, against parameter counts that others have published."""

import pytest
import torch

from primer.core.errors import ConfigError
from primer.model.families import FAMILIES, ShapeOverrides, family, round_up, shape
from primer.model.gpt import GPT


def count(name: str, **fields: object) -> int:
    """Parameters of a model that is never allocated."""
    with torch.device("meta"):
        return sum(p.numel() for p in GPT(family(name, **fields)).parameters())


def test_gpt2_has_as_many_parameters_as_openais() -> None:
    shape = {"vocab_size": 50257, "context": 1024, "num_layers": 12, "num_heads": 12, "num_kv_heads": 12}
    assert count("gpt2", **shape, width=768, head_dim=64, mlp_width=3072) == 124_439_808


def test_llama_has_as_many_parameters_as_metas_7b() -> None:
    shape = {"vocab_size": 32000, "context": 2048, "num_layers": 32, "num_heads": 32, "num_kv_heads": 32}
    assert count("llama", **shape, width=4096, head_dim=128, mlp_width=11008) == 6_738_415_616


def test_qwen3_has_as_many_parameters_as_qwens_0_6b() -> None:
    shape = {"vocab_size": 151936, "context": 512, "num_layers": 28, "num_heads": 16, "num_kv_heads": 8}
    assert count("qwen3", **shape, width=1024, head_dim=128, mlp_width=3072, tied=True) == 596_049_920


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("depth", [1, 2, 3, 4, 6, 12])
def test_the_dial_makes_models_that_can_be_built(name: str, depth: int) -> None:
    config = shape(name, depth, vocab_size=1000, context=64)
    assert (config.family, config.num_layers, config.width) == (name, depth, 64 * depth)
    assert config.num_heads * config.head_dim == config.width
    assert config.head_dim == (64 if depth >= 4 else 32)
    assert config.vocab_size == 1024
    with torch.device("meta"):
        assert GPT(config)(torch.zeros(2, 5, dtype=torch.long)).shape == (2, 5, 1024)


def test_gated_mlps_have_as_many_weights_as_plain_ones() -> None:
    plain, gated = (shape(name, 12, 1000, 64) for name in ("gpt2", "llama"))
    assert 3 * gated.mlp_width == pytest.approx(2 * plain.mlp_width, rel=0.01)


def test_everything_can_be_overridden() -> None:
    overrides = ShapeOverrides(num_layers=2, num_heads=6, num_kv_heads=3, width=96, mlp_width=100)
    config = shape("llama", 8, 1000, 64, overrides, dropout=0.25)
    assert (config.num_layers, config.num_heads, config.num_kv_heads) == (2, 6, 3)
    assert (config.width, config.head_dim, config.mlp_width, config.dropout) == (96, 16, 100, 0.25)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (ShapeOverrides(width=100, num_heads=3), "width 100 is not a multiple of 3 heads"),
        (ShapeOverrides(num_heads=4, num_kv_heads=3), "4 heads cannot share 3 key-value heads"),
    ],
)
def test_overrides_that_contradict_each_other(overrides: ShapeOverrides, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        shape("primer", 4, 1000, 64, overrides)


def test_a_family_that_does_not_exist() -> None:
    with pytest.raises(ConfigError, match="did you mean 'llama'"):
        family("lama", vocab_size=64)
    with pytest.raises(ConfigError, match="choose from: gpt2, llama, primer, qwen3"):
        shape("xyz", 4, 1000, 64)


def test_round_up() -> None:
    assert [round_up(n, 64) for n in (1, 64, 65)] == [64, 64, 128]
