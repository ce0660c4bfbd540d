"""Against transformers: the same weights, the same numbers, in both directions."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from primer.core.errors import CheckpointError, ConfigError, TokenizerError, UserError
from primer.interop.huggingface import (
    config_from_huggingface,
    config_to_huggingface,
    from_huggingface,
    tensors_from_huggingface,
    to_huggingface,
)
from primer.model.families import family
from primer.model.gpt import GPT

transformers = pytest.importorskip("transformers")
transformers.utils.logging.disable_progress_bar()

GPT2 = {
    "vocab_size": 333, "n_positions": 48, "n_embd": 96, "n_layer": 4, "n_head": 6, "n_inner": 200,
    "layer_norm_epsilon": 1e-4, "bos_token_id": 0, "eos_token_id": 0,
}  # fmt: skip
LLAMA = {
    "vocab_size": 333, "max_position_embeddings": 48, "hidden_size": 96, "num_hidden_layers": 4,
    "num_attention_heads": 6, "num_key_value_heads": 2, "intermediate_size": 200, "rms_norm_eps": 1e-5,
}  # fmt: skip
ROPE = {"rope_type": "default", "rope_theta": 5000.0}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("gpt2", GPT2),
    "gpt2-untied": ("gpt2", GPT2 | {"tie_word_embeddings": False}),
    "llama": ("llama", LLAMA | {"rope_parameters": ROPE}),
    "llama-tied": ("llama", LLAMA | {"tie_word_embeddings": True}),
    "llama-head_dim": ("llama", LLAMA | {"head_dim": 24}),
    "qwen3": ("qwen3", LLAMA | {"head_dim": 32, "rope_parameters": ROPE}),
    "qwen3-tied": ("qwen3", LLAMA | {"head_dim": 32, "tie_word_embeddings": True}),
}
OURS = {
    "vocab_size": 320, "context": 48, "num_layers": 3, "num_heads": 4, "num_kv_heads": 2, "width": 64,
    "head_dim": 16, "mlp_width": 160,
}  # fmt: skip
EXPORTS: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("gpt2", OURS | {"num_kv_heads": 4, "dropout": 0.1}),
    "llama": ("llama", OURS | {"rope_theta": 500.0}),
    "llama-tied": ("llama", OURS | {"tied": True}),
    "llama-head_dim": ("llama", OURS | {"head_dim": 24}),
    "qwen3": ("qwen3", OURS | {"head_dim": 32, "norm_eps": 1e-4}),
    "qwen3-tied": ("qwen3", OURS | {"tied": True}),
}


def ids_and_targets() -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(320, (2, 49), generator=torch.Generator().manual_seed(1))
    return ids[:, :-1], ids[:, 1:]


@torch.no_grad()
def disturb(model: Any) -> Any:
    """Move every weight: fresh biases are 0 and fresh scales 1, and two of them swapped would not be seen."""
    generator = torch.Generator().manual_seed(2)
    for parameter in model.parameters():
        parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return model.eval()


def theirs(name: str) -> Any:
    """transformers' model with random weights."""
    kind, settings = MODELS[name]
    torch.manual_seed(0)
    return disturb(transformers.AutoModelForCausalLM.from_config(transformers.AutoConfig.for_model(kind, **settings)))


def ours(name: str) -> GPT:
    """Primer's model with random weights."""
    kind, settings = EXPORTS[name]
    torch.manual_seed(0)
    return disturb(GPT(family(kind, **settings)))  # type: ignore[no-any-return]


@pytest.fixture
def llama_folder(tmp_path: Path) -> Path:
    theirs("llama").save_pretrained(tmp_path / "llama")
    return tmp_path / "llama"


# --- in ---


@pytest.mark.parametrize("name", MODELS)
def test_logits_and_gradients_are_transformers(tmp_path: Path, name: str) -> None:
    """All logits to 1e-4, and the gradient of the loss for every weight, taken through the same converter."""
    reference, (ids, targets) = theirs(name), ids_and_targets()
    reference.save_pretrained(tmp_path)
    model = from_huggingface(tmp_path)
    expected = reference(ids).logits
    assert expected.std() > 0.5  # weights large enough to show a mistake
    torch.testing.assert_close(model(ids), expected, atol=1e-4, rtol=0)

    loss = torch.nn.functional.cross_entropy(expected.flatten(0, 1), targets.flatten())
    loss.backward()
    mine = model.token_losses(ids, targets).mean()
    mine.backward()
    torch.testing.assert_close(mine, loss, atol=1e-5, rtol=1e-5)
    gradients = {n: p.grad for n, p in reference.named_parameters()}
    converted = tensors_from_huggingface(model, gradients, tmp_path)
    assert len(converted) == len(list(model.parameters()))
    for parameter_name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, converted[parameter_name], atol=1e-5, rtol=1e-3)


def test_shards_are_joined(tmp_path: Path) -> None:
    reference, (ids, _) = theirs("qwen3"), ids_and_targets()
    reference.save_pretrained(tmp_path, max_shard_size="200KB")
    assert not (tmp_path / "model.safetensors").exists()
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    torch.testing.assert_close(from_huggingface(tmp_path)(ids), reference(ids).logits, atol=1e-4, rtol=0)


def test_gpt2_as_openai_named_it(tmp_path: Path) -> None:
    """The hub's first GPT-2: no prefix, causal masks among the weights, only the oldest config keys."""
    reference, (ids, _) = theirs("gpt2"), ids_and_targets()
    weights = {n.removeprefix("transformer."): p.detach().clone() for n, p in reference.named_parameters()}
    for layer in range(4):
        weights[f"h.{layer}.attn.bias"] = torch.ones(1, 1, 48, 48).tril()
    save_file(weights, tmp_path / "model.safetensors")
    keys = ("vocab_size", "n_positions", "n_embd", "n_layer", "n_head", "n_inner", "layer_norm_epsilon")
    config = {key: GPT2[key] for key in keys} | {"model_type": "gpt2", "n_ctx": 48}
    (tmp_path / "config.json").write_text(json.dumps(config))
    torch.testing.assert_close(from_huggingface(tmp_path)(ids), reference(ids).logits, atol=1e-4, rtol=0)


def test_bfloat16_weights_become_float32(tmp_path: Path) -> None:
    theirs("llama").bfloat16().save_pretrained(tmp_path)
    model = from_huggingface(tmp_path)
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_keys_that_are_left_out_have_transformers_defaults() -> None:
    settings = {"model_type": "llama"} | {key: LLAMA[key] for key in LLAMA if key != "num_key_value_heads"}
    del settings["rms_norm_eps"]
    config, reference = config_from_huggingface(settings), transformers.LlamaConfig(**settings)
    assert (config.num_kv_heads, config.head_dim) == (reference.num_key_value_heads, reference.head_dim)
    assert (config.norm_eps, config.tied) == (reference.rms_norm_eps, reference.tie_word_embeddings)
    assert config.rope_theta == reference.rope_parameters["rope_theta"]
    old = config_from_huggingface(settings | {"rope_theta": 500_000.0, "rope_scaling": None})
    assert old.rope_theta == 500_000.0


LLAMA3_ROPE = {
    "rope_type": "llama3",
    "factor": 8.0,
    "rope_theta": 5e5,
    "original_max_position_embeddings": 8192,
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "mistral"}, "type 'mistral'; choose from: gpt2, llama, qwen3"),
        ({"model_type": "qwen"}, "did you mean 'qwen3'"),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, "rope_scaling"),
        ({"rope_parameters": LLAMA3_ROPE}, "rope_parameters"),
        ({"rope_parameters": ROPE | {"partial_rotary_factor": 0.5}}, "partial_rotary_factor"),
        ({"attention_bias": True}, "attention_bias = True"),
        ({"mlp_bias": True}, "mlp_bias = True"),
        ({"hidden_act": "gelu"}, "hidden_act = 'gelu'"),
        ({"quantization_config": {"bits": 4}}, "quantization_config"),
        ({"model_type": "qwen3", "use_sliding_window": True}, "use_sliding_window"),
        ({"model_type": "qwen3", "layer_types": ["full_attention", "sliding_attention"]}, "layer_types"),
        ({"hidden_size": None}, "lacks hidden_size"),
        ({"num_key_value_heads": 4}, "cannot work"),
    ],
)
def test_what_primer_does_not_compute_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config_from_huggingface({"model_type": "llama"} | LLAMA | change)


def test_a_gpt2_with_another_activation_is_refused() -> None:
    with pytest.raises(ConfigError, match="activation_function = 'relu'"):
        config_from_huggingface({"model_type": "gpt2"} | GPT2 | {"activation_function": "relu"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model.norm.weight": None}, "model.norm.weight is missing"),
        ({"model.layers.1.self_attn.q_proj.bias": torch.zeros(96)}, "q_proj.bias is unknown"),
        ({"model.layers.0.self_attn.k_proj.weight": torch.zeros(48, 96)}, "has 48 rows, the model's 32"),
        ({"model.layers.0.mlp.down_proj.weight": torch.zeros(96, 100)}, "another family or shape"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    llama_folder: Path, change: dict[str, torch.Tensor | None], message: str
) -> None:
    weights = load_file(llama_folder / "model.safetensors") | change
    save_file({n: t for n, t in weights.items() if t is not None}, llama_folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=message):
        from_huggingface(llama_folder)


def test_missing_and_pickled_files(llama_folder: Path) -> None:
    (llama_folder / "model.safetensors").rename(llama_folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="Pickled weights"):
        from_huggingface(llama_folder)
    shutil.rmtree(llama_folder)
    with pytest.raises(UserError, match="does not exist"):
        from_huggingface(llama_folder)


# --- out, and back ---


@pytest.mark.parametrize("name", EXPORTS)
def test_transformers_computes_the_same_from_an_export(tmp_path: Path, name: str) -> None:
    model, (ids, _) = ours(name), ids_and_targets()
    to_huggingface(model, tmp_path / "new" / "folder")
    reference, report = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "new" / "folder", output_loading_info=True
    )
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    with torch.no_grad():
        torch.testing.assert_close(reference.eval()(ids).logits, model(ids), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", EXPORTS)
def test_a_model_comes_back_as_it_was(tmp_path: Path, name: str) -> None:
    model = ours(name)
    to_huggingface(model, tmp_path)
    back = from_huggingface(tmp_path)
    expected = family(EXPORTS[name][0], **EXPORTS[name][1] | {"dropout": 0.0})  # dropout belongs to a run
    assert back.config == expected
    for parameter_name, parameter in model.named_parameters():
        assert torch.equal(back.get_parameter(parameter_name), parameter)


def test_transformers_generates_what_primer_does(tmp_path: Path) -> None:
    model, ids = ours("qwen3"), ids_and_targets()[0][:1, :5]
    to_huggingface(model, tmp_path)
    reference = transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    theirs = reference.generate(ids, do_sample=False, max_new_tokens=20)
    with torch.no_grad():
        for _ in range(20):
            ids = torch.cat([ids, model(ids)[:, -1:].argmax(-1)], dim=1)
    assert torch.equal(ids, theirs)


def test_a_primer_model_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'primer'; the families that export are gpt2, llama, qwen3"):
        to_huggingface(GPT(family("primer", **OURS)), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("llama", {"window_pattern": "SL"}, "window_pattern = 'SL'"),
        ("llama", {"softcap": 15.0}, "softcap = 15.0"),
        ("llama", {"qk_norm": True}, "qk_norm = True"),
        ("llama", {"width": 66}, "width = 66 for 4 heads"),
        ("qwen3", {"mlp": "relu2"}, "mlp = 'relu2'"),
        ("gpt2", {"num_kv_heads": 2}, "num_kv_heads = 2 of 4 heads"),
        ("gpt2", {"num_kv_heads": 4, "head_dim": 32}, "head_dim = 32 for 4 heads and width 64"),
    ],
)
def test_a_shape_without_a_class_is_not_exported(name: str, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config_to_huggingface(family(name, **OURS | change))


# --- the tokenizer beside it ---


def train_small_tokenizer(folder: Path) -> Any:
    from primer.text.tokenizer import train_tokenizer

    tokenizer = train_tokenizer(["to be or not to be, that is the question " * 20], vocab_size=280)
    tokenizer.save(folder)
    return tokenizer


def test_the_tokenizer_goes_along(tmp_path: Path) -> None:
    source, folder = tmp_path / "run", tmp_path / "export"
    tokenizer = train_small_tokenizer(source)
    to_huggingface(ours("llama"), folder, source)
    loaded = transformers.AutoTokenizer.from_pretrained(folder)
    text = "that is the question: Ω"
    assert loaded.encode(text, add_special_tokens=False) == tokenizer.encode(text)
    for file in ("config.json", "generation_config.json"):
        values = json.loads((folder / file).read_text())
        assert values["bos_token_id"] == loaded.bos_token_id == tokenizer.document_id
        assert (values["eos_token_id"], values["pad_token_id"]) == (loaded.eos_token_id, loaded.pad_token_id)


def test_without_a_tokenizer_no_token_ends_a_text(tmp_path: Path) -> None:
    """Left out, the ids would be Llama's 1 and 2, which here are letters."""
    to_huggingface(ours("llama"), tmp_path)
    config = transformers.AutoConfig.from_pretrained(tmp_path)
    assert (config.bos_token_id, config.eos_token_id) == (None, None)


def test_a_tokenizer_that_is_too_large_is_refused(tmp_path: Path) -> None:
    train_small_tokenizer(tmp_path)
    model = GPT(family("llama", **OURS | {"vocab_size": 256}))
    with pytest.raises(TokenizerError, match="beyond the model's vocabulary of 256"):
        to_huggingface(model, tmp_path / "export", tmp_path)
