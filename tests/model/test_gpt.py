"""The model against what is true of any causal transformer, and against sums written out by hand."""

import functools
import math

import pytest
import torch
import torch.nn.functional as F

from primer.model import gpt, kernels
from primer.model.cache import KVCache
from primer.model.families import FAMILIES, family
from primer.model.gpt import GPT, IGNORE, GPTConfig

SMALL = {
    "vocab_size": 67, "context": 24, "num_layers": 3, "num_heads": 4, "num_kv_heads": 2,
    "width": 64, "head_dim": 16, "mlp_width": 96,
}  # fmt: skip
SHAPES = [(name, pattern) for name in FAMILIES for pattern in ("L", "SSL")]


def random_model(name: str, **fields: object) -> GPT:
    """A model whose every weight matters: fresh ones have projections of zero, which hide mistakes."""
    torch.manual_seed(0)
    model = GPT(family(name, **SMALL | fields)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model


cached_model = functools.cache(random_model)  # for properties, which run many examples


def random_ids(*size: int, seed: int = 1) -> torch.Tensor:
    return torch.randint(SMALL["vocab_size"], size, generator=torch.Generator().manual_seed(seed))


# --- seeing the past, and only the past ---


@pytest.mark.parametrize(("name", "pattern"), SHAPES)
def test_no_logit_sees_a_later_token(name: str, pattern: str) -> None:
    model, ids = random_model(name, window_pattern=pattern), random_ids(1, 24)
    with torch.no_grad():
        before = model(ids)
        for position in (1, 6, 23):
            changed = ids.clone()
            changed[:, position] = (ids[:, position] + 1) % SMALL["vocab_size"]
            after = model(changed)
            torch.testing.assert_close(after[:, :position], before[:, :position], atol=1e-5, rtol=1e-5)
            assert not torch.allclose(after[:, position], before[:, position], atol=1e-3)


@pytest.mark.parametrize("name", FAMILIES)
def test_rows_of_a_batch_do_not_see_each_other(name: str) -> None:
    model, ids = random_model(name), random_ids(3, 11)
    with torch.no_grad():
        torch.testing.assert_close(model(ids)[1:2], model(ids[1:2]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_first_token_is_seen_from_the_last_position(name: str) -> None:
    model, ids = random_model(name), random_ids(1, 24)
    changed = ids.clone()
    changed[:, 0] = (ids[:, 0] + 1) % SMALL["vocab_size"]
    with torch.no_grad():
        assert not torch.allclose(model(ids)[:, -1], model(changed)[:, -1], atol=1e-4)


@pytest.mark.parametrize(("new", "seen"), [(24, 24), (5, 5), (1, 1), (1, 24), (7, 20)])
@pytest.mark.parametrize("layer", [0, 2])
def test_attention_is_softmax_over_the_window(new: int, seen: int, layer: int) -> None:
    """Against the definition, one query at a time. Layer 0 looks back 24/4 = 6 positions, layer 2 on all."""
    attention = random_model("llama", window_pattern="SSL").blocks[layer].attention
    generator = torch.Generator().manual_seed(3)
    q = torch.randn(2, 4, new, 16, generator=generator)
    k, v = torch.randn(2, 2, 2, seen, 16, generator=generator)
    span = None
    if new < seen:  # the rest is in the cache
        cache = KVCache(attention.config, torch.float32, torch.device("cpu"))
        span = cache.span([0, 1], [seen - new] * 2, [new] * 2)
    y = attention.attend(q, k, v, span)
    window = 6 if layer == 0 else 24
    for head in range(4):
        for i in range(new):
            position = seen - new + i
            seen_there = slice(max(0, position - window + 1), position + 1)
            keys, values = k[:, head // 2, seen_there], v[:, head // 2, seen_there]
            weights = torch.softmax((keys @ q[:, head, i, :, None]).squeeze(-1) / math.sqrt(16), dim=-1)
            expected = (weights[:, None] @ values).squeeze(1)
            torch.testing.assert_close(y[:, head, i], expected, atol=1e-5, rtol=1e-5)


def test_a_sliding_window_limits_sight() -> None:
    attention = random_model("qwen3", window_pattern="SSL").blocks[0].attention
    rotary = tuple(t[:, None] for t in gpt.rotary_tables(attention.config))
    x, ids = torch.randn(1, 24, 64, generator=torch.Generator().manual_seed(4)), random_ids(1, 24)
    changed = x.clone()
    changed[:, 3] += 1
    with torch.no_grad():
        y, changed_y = attention(x, ids, rotary, None), attention(changed, ids, rotary, None)
    difference = (y - changed_y).abs().amax(dim=(0, 2))
    assert (difference > 1e-3).nonzero().flatten().tolist() == [3, 4, 5, 6, 7, 8]
    assert difference[9:].max() < 1e-6


def test_windows() -> None:
    config = GPTConfig(vocab_size=64, context=100, num_layers=5, window_pattern="SSL")
    assert [config.window(layer) for layer in range(5)] == [
        25,
        25,
        100,
        25,
        100,
    ]  # the last one is always long
    assert GPTConfig(vocab_size=64, context=2, num_layers=2, window_pattern="S").window(0) == 1


def test_rotation_depends_on_distance_alone() -> None:
    config = family("llama", **SMALL)
    cos, sin = (table[:, None] for table in gpt.rotary_tables(config))
    q, k = torch.randn(2, 1, 1, 1, 16, generator=torch.Generator().manual_seed(5)).expand(2, 1, 24, 1, 16)
    products = kernels.rotate(q, cos, sin)[0, :, 0] @ kernels.rotate(k, cos, sin)[0, :, 0].T  # (24, 24)
    for distance in (0, 3, 11):
        along = products.diagonal(-distance)
        torch.testing.assert_close(along, along[:1].expand_as(along), atol=1e-4, rtol=1e-4)


def test_more_positions_than_the_context_are_refused() -> None:
    model = random_model("primer")
    with pytest.raises(ValueError, match="25 positions do not fit into a context of 24"):
        model(random_ids(1, 25))


# --- the loss ---


@pytest.mark.parametrize("name", ["primer", "gpt2"])
def test_loss_in_pieces_is_the_plain_loss(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Value and gradient, with pieces of 5 rows out of 48: the last one is shorter."""
    model, ids, targets = random_model(name), random_ids(2, 24), random_ids(2, 24, seed=2)
    targets[0, :7] = IGNORE

    def losses_and_gradients(losses: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        model.zero_grad()
        (losses * torch.arange(48).view(2, 24)).sum().backward()  # unequal weights: every place is checked
        return losses.detach(), [p.grad.clone() for p in model.parameters() if p.grad is not None]

    plain = F.cross_entropy(model(ids).flatten(0, 1), targets.flatten(), ignore_index=IGNORE, reduction="none")
    expected, expected_gradients = losses_and_gradients(plain.view(2, 24))
    monkeypatch.setattr(gpt, "LOGITS_AT_ONCE", 5 * SMALL["vocab_size"])
    losses, gradients = losses_and_gradients(model.token_losses(ids, targets))
    torch.testing.assert_close(losses, expected, atol=1e-5, rtol=1e-5)
    assert len(gradients) == len(expected_gradients) > 10
    for one, other in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-4)
    assert (losses[0, :7] == 0).all()
    assert (losses[targets != IGNORE] > 0).all()


def test_ignored_targets_have_no_gradient() -> None:
    model, ids = random_model("primer"), random_ids(1, 24)
    model.token_losses(ids, torch.full_like(ids, IGNORE)).sum().backward()
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())


def test_the_softcap_bounds_the_logits() -> None:
    model = random_model("primer", softcap=2.0)
    model.head.weight.data.mul_(100)
    assert 1.99 < model(random_ids(1, 24)).abs().max() <= 2.0


def test_bfloat16_is_close_to_float32() -> None:
    model, ids, targets = random_model("primer"), random_ids(2, 24), random_ids(2, 24, seed=2)
    expected = model.token_losses(ids, targets).mean().item()
    model.compute_dtype = torch.bfloat16
    assert model(ids).dtype == torch.float32
    assert model.token_losses(ids, targets).mean().item() == pytest.approx(expected, rel=0.02)


def test_dropout_acts_in_training_only() -> None:
    model, ids = random_model("gpt2", dropout=0.5), random_ids(1, 24)
    assert torch.equal(model(ids), model(ids))
    model.train()
    assert not torch.allclose(model(ids), model(ids))


# --- a fresh model ---


def test_a_fresh_primer_predicts_the_uniform_distribution() -> None:
    torch.manual_seed(0)
    model = GPT(family("primer", **SMALL | {"vocab_size": 512}))
    losses = model.token_losses(random_ids(4, 24), random_ids(4, 24, seed=2))
    assert losses.mean().item() == pytest.approx(math.log(512), abs=0.01)


def test_fresh_blocks_add_nothing() -> None:
    torch.manual_seed(0)
    model = GPT(family("primer", **SMALL))
    x = torch.randn(1, 24, 64)
    rotary = tuple(t[:, None] for t in gpt.rotary_tables(model.config))
    for block in model.blocks:
        assert torch.equal(block(x, random_ids(1, 24), rotary, None), x)


def test_fresh_primer_maps_keep_the_size_of_their_input() -> None:
    torch.manual_seed(0)
    block = GPT(family("primer", **SMALL | {"width": 256, "head_dim": 64})).blocks[0]
    for linear in (block.attention.qkv, block.mlp.up):
        assert linear.weight.std().item() == pytest.approx(256**-0.5, rel=0.05)
        assert linear(torch.randn(100, 256)).std().item() == pytest.approx(1.0, rel=0.05)


def test_fresh_gpt2_has_gpt2s_spread() -> None:
    torch.manual_seed(0)
    model = GPT(family("gpt2", **SMALL | {"width": 256, "head_dim": 64}))
    assert model.embed.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert model.blocks[0].attention.qkv.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert model.blocks[0].mlp.down.weight.std().item() == pytest.approx(0.02 / math.sqrt(6), rel=0.05)
    assert all(not p.any() for name, p in model.named_parameters() if name.endswith("bias"))


def test_the_seed_decides_the_weights() -> None:
    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return GPT(family("primer", **SMALL)).blocks[0].attention.qkv.weight

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


# --- counting ---


def test_flops_by_hand() -> None:
    """gpt2: 12 C² weights a layer and the head; attention 12 C T a layer."""
    C, L, T, V = 64, 3, 24, 67
    model = GPT(family("gpt2", **SMALL | {"num_kv_heads": 4, "mlp_width": 4 * C}))
    assert model.flops_per_token() == 6 * (12 * C * C * L + C * V) + 12 * C * T * L


def test_flops_of_grouped_heads_and_short_windows_by_hand() -> None:
    """llama: q and out 64 × 64, k and v 64 × 32 each, three MLP matrices 64 × 96; windows 6, 6 and 24."""
    model = GPT(family("llama", **SMALL | {"window_pattern": "S"}))
    weights = 3 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 96) + 64 * 67
    assert model.flops_per_token() == 6 * weights + 12 * 64 * (6 + 6 + 24)


@pytest.mark.parametrize("name", FAMILIES)
def test_matrices_and_their_splits(name: str) -> None:
    model = random_model(name)
    matrices = {name: (parameter, split) for name, parameter, split in model.matrices()}
    assert len(matrices) == 3 * 4
    parameters = dict(model.named_parameters())
    for name, (parameter, split) in matrices.items():
        assert parameters[name] is parameter
        assert sum(split) == parameter.size(0)
    assert matrices["blocks.1.attention.qkv.weight"][1] == (64, 32, 32)
    gated = model.config.mlp == "swiglu"
    assert matrices["blocks.1.mlp.up.weight"][1] == ((96, 96) if gated else (96,))


def test_tied_weights_are_one_parameter() -> None:
    tied, untied = (GPT(family("llama", **SMALL, tied=tied)) for tied in (True, False))
    assert tied.head.weight is tied.embed.weight
    assert sum(p.numel() for p in untied.parameters()) - sum(p.numel() for p in tied.parameters()) == 64 * 67


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_heads": 4, "num_kv_heads": 3}, "does not divide"),
        ({"head_dim": 15}, "even head_dim"),
        ({"window_pattern": "LX"}, "made of S and L"),
        ({"window_pattern": ""}, "made of S and L"),
    ],
)
def test_shapes_that_cannot_work(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GPTConfig(**{"vocab_size": 64} | fields)
