"""Stand-ins against the parts that they stand in for."""

import pytest
import torch
from torch import nn

from primer.core.errors import ConfigError
from primer.model.families import FAMILIES, family
from primer.model.gpt import GPT, RMSNorm
from primer.model.prepared import INT8_BACKEND, Int8Linear, OneRowRMSNorm, SplitLinear, prepare_to_generate

needs_int8 = pytest.mark.skipif(
    INT8_BACKEND not in torch.backends.quantized.supported_engines, reason="int8 kernels are for x86"
)


def random_linear(num_inputs: int, num_outputs: int, bias: bool) -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(num_inputs, num_outputs, bias=bias)


def random_model(name: str) -> GPT:
    torch.manual_seed(0)
    shape = {
        "vocab_size": 128, "context": 32, "num_layers": 3, "num_heads": 4, "num_kv_heads": 2,
        "width": 64, "head_dim": 16, "mlp_width": 96,
    }  # fmt: skip
    model = GPT(family(name, **shape)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model


@pytest.mark.parametrize("num_threads", [1, 2, 3, 4, 100])
@pytest.mark.parametrize(("num_inputs", "num_outputs"), [(24, 64), (64, 24), (16, 7)])
@pytest.mark.parametrize("bias", [False, True])
def test_split(num_threads: int, num_inputs: int, num_outputs: int, bias: bool) -> None:
    linear = random_linear(num_inputs, num_outputs, bias)
    split = SplitLinear(linear, num_threads)
    for shape in [(1, 1), (1,), (5, 1), (2, 3), ()]:
        x = torch.randn(*shape, num_inputs)
        torch.testing.assert_close(split(x), linear(x))


def test_parts_take_no_memory() -> None:
    split = SplitLinear(random_linear(24, 64, False), 2)
    assert split.parts.untyped_storage().data_ptr() == split.weight.untyped_storage().data_ptr()


@needs_int8
@pytest.mark.parametrize("bias", [False, True])
def test_int8_is_close(bias: bool) -> None:
    linear = random_linear(256, 64, bias)
    x = torch.randn(4, 3, 256)
    expected, found = linear(x), Int8Linear(linear)(x)
    assert found.shape == expected.shape
    assert (found - expected).norm() < 0.03 * expected.norm()  # 7 bits, of which the largest number uses all


@needs_int8
def test_int8_of_weights_and_rows_that_fit_is_exact() -> None:
    """Whole numbers up to 127 and 63 are what it can hold."""
    linear = random_linear(64, 32, False)
    with torch.no_grad():
        linear.weight.copy_(torch.randint(-126, 127, (32, 64)))
        linear.weight[:, 0] = 127
    x = torch.randint(-62, 63, (5, 64)).float()
    x[:, 1] = 63
    torch.testing.assert_close(Int8Linear(linear)(x), linear(x))


@needs_int8
def test_int8_rows_do_not_know_each_other() -> None:
    """Not by a bit, though one row is a million times as large and another is nothing."""
    int8 = Int8Linear(random_linear(64, 32, True))
    rows = torch.randn(4, 64) * torch.tensor([1.0, 1e6, 0.0, 1e-3])[:, None]
    together = int8(rows)
    assert together.isfinite().all()
    for row, expected in zip(rows, together, strict=True):
        assert torch.equal(int8(row[None])[0], expected)


@needs_int8
def test_int8_leaves_the_choice_of_kernels_alone() -> None:
    before = torch.backends.quantized.engine
    Int8Linear(random_linear(8, 8, False))
    assert torch.backends.quantized.engine == before


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
def test_norm(size: float) -> None:
    norm = RMSNorm(48, 1e-5)
    nn.init.normal_(norm.weight)
    x = torch.randn(2, 3, 48) * size
    torch.testing.assert_close(OneRowRMSNorm(norm)(x), norm(x))


@pytest.mark.parametrize("name", FAMILIES)
def test_prepared_models_say_the_same(name: str) -> None:
    model, ids = random_model(name), torch.randint(128, (2, 20))
    with torch.no_grad():
        expected = model(ids)
        torch.testing.assert_close(prepare_to_generate(model)(ids), expected, atol=1e-4, rtol=1e-4)


@needs_int8
@pytest.mark.parametrize("name", FAMILIES)
def test_int8_models_say_nearly_the_same(name: str) -> None:
    model, ids = random_model(name), torch.randint(128, (2, 20))
    with torch.no_grad():
        expected = model(ids).log_softmax(dim=-1)
        found = prepare_to_generate(model, "int8")(ids).log_softmax(dim=-1)
    assert (expected.exp() * (expected - found)).sum(dim=-1).mean() < 0.02  # nats that believing it would cost


def test_weights_set_the_dtype() -> None:
    model = prepare_to_generate(random_model("llama"), "bfloat16")
    assert model.compute_dtype == model.head.weight.dtype == torch.bfloat16
    assert prepare_to_generate(random_model("llama"), "float32").compute_dtype == torch.float32


def test_int8_needs_its_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("primer.model.prepared.INT8_BACKEND", "none such")
    with pytest.raises(ConfigError, match="x86"):
        prepare_to_generate(random_model("llama"), "int8")
