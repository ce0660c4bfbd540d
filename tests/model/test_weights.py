"""A model folder: what is saved comes back, and what is damaged or misfits is refused."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from primer.core.errors import CheckpointError, UserError
from primer.model.families import FAMILIES, family
from primer.model.gpt import GPT
from primer.model.weights import CONFIG_FILE, WEIGHTS_FILE, load_model, load_tensors, save_model, save_tensors

SMALL = {
    "vocab_size": 64, "context": 16, "num_layers": 2, "num_heads": 2, "num_kv_heads": 1, "width": 32,
    "head_dim": 16, "mlp_width": 48,
}  # fmt: skip


def model_of(name: str, **fields: object) -> GPT:
    torch.manual_seed(0)
    model = GPT(family(name, **SMALL | fields))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("tied", [True, False])
def test_what_is_saved_comes_back(tmp_path: Path, name: str, tied: bool) -> None:
    model, ids = model_of(name, tied=tied, dropout=0.1), torch.arange(16)[None]
    save_model(tmp_path, model)
    loaded = load_model(tmp_path)
    assert loaded.config == model.config
    assert torch.equal(loaded.eval()(ids), model.eval()(ids))
    assert (loaded.head.weight is loaded.embed.weight) == tied
    with safe_open(tmp_path / WEIGHTS_FILE, "pt") as file:  # read as anyone else would
        assert ("head.weight" in file.keys()) == (not tied)  # noqa: SIM118


@pytest.mark.parametrize(
    ("other", "fields"),
    [
        ("primer", {"width": 48}),
        ("primer", {"num_layers": 3}),
        ("llama", {}),
        ("gpt2", {}),
        ("primer", {"tied": True}),
    ],
)
def test_another_family_or_shape_is_refused(tmp_path: Path, other: str, fields: dict[str, object]) -> None:
    save_model(tmp_path, model_of("primer"))
    config = family(other, **SMALL | fields)
    (tmp_path / CONFIG_FILE).write_text(json.dumps(dataclasses.asdict(config)))
    with pytest.raises(CheckpointError, match="another family or shape"):
        load_model(tmp_path)


@pytest.mark.parametrize("part", [0.0, 0.001, 0.1, 0.5, 0.999])
def test_truncated_weights_are_refused(tmp_path: Path, part: float) -> None:
    save_model(tmp_path, model_of("llama"))
    data = (tmp_path / WEIGHTS_FILE).read_bytes()
    (tmp_path / WEIGHTS_FILE).write_bytes(data[: int(len(data) * part)])
    with pytest.raises(CheckpointError, match="damaged"):
        load_model(tmp_path)


def test_a_flipped_bit_in_the_header_is_refused_or_harmless(tmp_path: Path) -> None:
    """Every seventh bit of the header in turn. Only a flip that leaves every name, type, shape and offset as
    it was (white space, the metadata) may load, and then it must load the same weights.
    """
    model = model_of("llama", num_layers=1)
    save_model(tmp_path, model)
    file = tmp_path / WEIGHTS_FILE
    data = bytearray(file.read_bytes())
    length = int.from_bytes(data[:8], "little")
    expected, refused = dict(model.named_parameters()), 0
    for bit in range(0, 8 * (8 + length), 7):
        data[bit // 8] ^= 1 << bit % 8
        file.write_bytes(data)
        try:
            loaded = load_model(tmp_path)
        except CheckpointError:
            refused += 1
        else:
            assert all(torch.equal(p, expected[name]) for name, p in loaded.named_parameters())
        data[bit // 8] ^= 1 << bit % 8
    assert refused > 8 * length / 7 * 0.8


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        load_model(tmp_path)
    save_model(tmp_path, model_of("gpt2"))
    (tmp_path / WEIGHTS_FILE).unlink()
    with pytest.raises(CheckpointError, match="does not exist"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"colour": "red"}, "unknown model fields colour"), ({"num_kv_heads": 3}, "does not divide")],
)
def test_a_config_that_makes_no_model(tmp_path: Path, change: dict[str, object], message: str) -> None:
    save_model(tmp_path, model_of("gpt2"))
    values = json.loads((tmp_path / CONFIG_FILE).read_text())
    (tmp_path / CONFIG_FILE).write_text(json.dumps(values | change))
    with pytest.raises(CheckpointError, match=message):
        load_model(tmp_path)


def test_tensors_and_their_metadata(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(6.0).view(2, 3).T, "b": torch.tensor([1, 2], dtype=torch.int64)}
    save_tensors(tmp_path / "t.safetensors", tensors, {"step": 7})
    loaded = load_tensors(tmp_path / "t.safetensors")
    assert all(torch.equal(loaded[name], tensor) for name, tensor in tensors.items())
    with safe_open(tmp_path / "t.safetensors", "pt") as file:
        assert json.loads(file.metadata()["primer"]) == {"step": 7}


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot write"):
        save_tensors(tmp_path / "missing" / "t.safetensors", {"a": torch.zeros(2)})
