"""Configs go to JSON and come back equal; what does not fit is named."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from primer.core.config import from_json, to_json
from primer.core.errors import ConfigError
from primer.model.families import ShapeOverrides
from primer.model.gpt import GPTConfig
from primer.presets import PRETRAIN, SPEEDRUNS, Speedrun
from primer.train.loop import LoopConfig
from primer.train.pretrain import PretrainConfig


@pytest.mark.parametrize("config", [PretrainConfig(), *PRETRAIN.values(), *SPEEDRUNS.values()])
def test_every_preset_survives_json(config: PretrainConfig | Speedrun) -> None:
    assert from_json(type(config), json.loads(json.dumps(to_json(config)))) == config


@given(
    width=st.none() | st.integers(1, 999),
    ngrams=st.none() | st.lists(st.integers(2, 9), max_size=3).map(tuple),
    tokenizer=st.none() | st.just(Path("a/b")),
    lr=st.floats(0, 1),
)
def test_nested_optional_and_tuple_fields(
    width: int | None, ngrams: tuple[int, ...] | None, tokenizer: Path | None, lr: float
) -> None:
    config = PretrainConfig(
        shape=ShapeOverrides(width=width), ngrams=ngrams, tokenizer=tokenizer, loop=LoopConfig(final_lr=lr)
    )
    assert from_json(PretrainConfig, json.loads(json.dumps(to_json(config)))) == config


def test_plain_fields_are_what_dataclasses_say() -> None:
    config = replace(LoopConfig(), num_steps=7)
    assert to_json(config) == asdict(config)


def test_an_unknown_key_is_named_with_the_near_one() -> None:
    with pytest.raises(ConfigError, match=r"no option 'num_step' in LoopConfig; did you mean 'num_steps'\?"):
        from_json(LoopConfig, {"num_step": 3})
    with pytest.raises(ConfigError, match="in ShapeOverrides"):
        from_json(PretrainConfig, {"shape": {"breadth": 3}})


def test_a_missing_key_without_a_default_is_named() -> None:
    with pytest.raises(ConfigError, match="vocab_size"):
        from_json(GPTConfig, {"width": 32})
