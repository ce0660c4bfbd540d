"""Weights from Hugging Face and to it: GPT2LMHeadModel, LlamaForCausalLM, Qwen3ForCausalLM.

The three families compute what these classes compute, so nothing is approximated: tensors are renamed, and
arranged differently in two places. Primer keeps q, k and v (and a gated MLP's gate and up) as one matrix,
rows upon rows, where Llama and Qwen3 keep several; and GPT-2's `Conv1D` stores its matrices transposed.
`transformers` itself is not needed.
"""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from primer.core.errors import CheckpointError, ConfigError, TokenizerError, suggest
from primer.core.files import atomic_path, read_json, write_json
from primer.model.families import family
from primer.model.gpt import GPT, GPTConfig
from primer.model.weights import fill_model, load_tensors, model_tensors

ARCHITECTURES = {"gpt2": "GPT2LMHeadModel", "llama": "LlamaForCausalLM", "qwen3": "Qwen3ForCausalLM"}

# Primer's field -> the key in config.json
GPT2_KEYS = {
    "vocab_size": "vocab_size", "context": "n_positions", "num_layers": "n_layer", "num_heads": "n_head",
    "width": "n_embd", "mlp_width": "n_inner", "norm_eps": "layer_norm_epsilon",
    "tied": "tie_word_embeddings",
}  # fmt: skip
LLAMA_KEYS = {
    "vocab_size": "vocab_size", "context": "max_position_embeddings", "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads", "num_kv_heads": "num_key_value_heads", "width": "hidden_size",
    "head_dim": "head_dim", "mlp_width": "intermediate_size", "norm_eps": "rms_norm_eps",
    "tied": "tie_word_embeddings",
}  # fmt: skip
KEYS = {"gpt2": GPT2_KEYS, "llama": LLAMA_KEYS, "qwen3": LLAMA_KEYS}

# Switches of config.json that change the computation, with the one value that Primer computes: the default.
FIXED: dict[str, dict[str, Any]] = {
    "gpt2": {
        "activation_function": "gelu_new", "scale_attn_weights": True,
        "scale_attn_by_inverse_layer_idx": False, "add_cross_attention": False,
    },
    "llama": {"hidden_act": "silu", "attention_bias": False, "mlp_bias": False},
    "qwen3": {"hidden_act": "silu", "attention_bias": False, "use_sliding_window": False},
}  # fmt: skip

# Primer's module -> theirs; several are stacked by rows into one.
GPT2_MODULES = {
    "embed": "transformer.wte", "position_embed": "transformer.wpe", "final_norm": "transformer.ln_f",
    "head": "lm_head",
    "attention_norm": "ln_1", "attention.qkv": "attn.c_attn", "attention.out": "attn.c_proj",
    "mlp_norm": "ln_2", "mlp.up": "mlp.c_fc", "mlp.down": "mlp.c_proj",
}  # fmt: skip
LLAMA_MODULES = {
    "embed": "model.embed_tokens", "final_norm": "model.norm", "head": "lm_head",
    "attention_norm": "input_layernorm",
    "attention.qkv": "self_attn.q_proj self_attn.k_proj self_attn.v_proj",
    "attention.out": "self_attn.o_proj",
    "attention.q_norm": "self_attn.q_norm", "attention.k_norm": "self_attn.k_norm",
    "mlp_norm": "post_attention_layernorm",
    "mlp.up": "mlp.gate_proj mlp.up_proj", "mlp.down": "mlp.down_proj",
}  # fmt: skip
MODULES = {"gpt2": GPT2_MODULES, "llama": LLAMA_MODULES, "qwen3": LLAMA_MODULES}
LAYERS = {"gpt2": "transformer.h", "llama": "model.layers", "qwen3": "model.layers"}

# Masks and frequencies that older releases saved with the weights, though they can be computed.
COMPUTED = (".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq")
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
)


def from_huggingface(folder: Path) -> GPT:
    """The model of a folder with config.json and model.safetensors (one file or shards), in float32.

    Raises ConfigError for an architecture Primer does not compute, CheckpointError for weights that are
    missing, damaged or of another shape.
    """
    config = config_from_huggingface(read_json(folder / "config.json"))
    theirs = read_weights(folder)
    model = GPT(config)
    fill_model(model, tensors_from_huggingface(model, theirs, folder), folder)
    return model


def to_huggingface(model: GPT, folder: Path, tokenizer_folder: Path | None = None) -> None:
    """Write what `AutoModelForCausalLM.from_pretrained(folder)` loads: two configs and float32 weights.

    With a tokenizer's folder its files are copied beside them, and the ids of its special tokens are entered.
    Raises ConfigError for a shape that Hugging Face has no class for, TokenizerError for a tokenizer that
    does not fit the model.
    """
    values = config_to_huggingface(model.config)
    special: dict[str, int | None] = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
    if tokenizer_folder is not None:
        special = special_ids(tokenizer_folder, model.config.vocab_size)
        for file in TOKENIZER_FILES:
            if (tokenizer_folder / file).exists():
                with atomic_path(folder / file) as temporary:
                    shutil.copyfile(tokenizer_folder / file, temporary)
    tensors = tensors_to_huggingface(model, model_tensors(model))
    with atomic_path(folder / "model.safetensors") as temporary:
        try:
            save_file(tensors, temporary, {"format": "pt"})  # transformers refuses files that do not name a format
        except SafetensorError as error:
            raise CheckpointError(f"cannot write {folder}: {error}. Make room and run again.") from error
    write_json(folder / "generation_config.json", {"do_sample": True, **special})
    write_json(folder / "config.json", values | special)


def config_from_huggingface(values: dict[str, Any]) -> GPTConfig:
    """The config that computes what a config.json describes. Raises ConfigError if there is none.

    Dropout is left at 0: it belongs to a training run, not to the weights.
    """
    name = str(values.get("model_type"))
    if name not in KEYS:
        raise ConfigError(f"cannot import a model of type {name!r}; {suggest(name, KEYS)}")
    for key, value in FIXED[name].items():
        if values.get(key, value) != value:
            refuse(name, key, values[key], value)
    if values.get("quantization_config"):
        refuse(name, "quantization_config", values["quantization_config"], None)
    if set(values.get("layer_types") or ()) - {"full_attention"}:
        refuse(name, "layer_types", sorted(set(values["layer_types"])), "full_attention")
    given = {key: value for key, value in values.items() if value is not None}
    given = absent_values(name, given) | given
    if missing := sorted(set(KEYS[name].values()) - given.keys()):
        raise ConfigError(f"the config.json of this {name} model lacks {', '.join(missing)}. Download it again.")
    shape = {ours: given[theirs] for ours, theirs in KEYS[name].items()}
    if name == "gpt2":
        shape |= {"num_kv_heads": shape["num_heads"], "head_dim": shape["width"] // shape["num_heads"]}
    else:
        shape["rope_theta"] = plain_rope_theta(name, values)
    try:
        return family(name, **shape)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the config.json of this {name} model cannot work: {error}.") from error


def absent_values(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """What transformers assumes for keys that a config.json leaves out; the others must be there."""
    if name == "gpt2":
        return {
            "n_inner": 4 * given.get("n_embd", 0),
            "layer_norm_epsilon": 1e-5,
            "tie_word_embeddings": True,
        }
    heads = given.get("num_attention_heads", 1)
    head_dim = given.get("hidden_size", 0) // heads if name == "llama" else 128
    plain = {"rms_norm_eps": 1e-6, "tie_word_embeddings": False}
    return plain | {"num_key_value_heads": heads, "head_dim": head_dim}


def plain_rope_theta(name: str, values: dict[str, Any]) -> float:
    """The base of the rotary frequencies, where it is all that describes them.

    transformers 5 moved `rope_theta` into `rope_parameters`; both places are read.
    """
    rope = values.get("rope_parameters") or values.get("rope_scaling") or {}
    kind = rope.get("rope_type", rope.get("type", "default"))
    plain = {"rope_type", "type", "rope_theta", "partial_rotary_factor"}
    if kind != "default" or rope.keys() - plain or rope.get("partial_rotary_factor", 1.0) != 1.0:
        refuse(
            name,
            "rope_scaling" if values.get("rope_scaling") else "rope_parameters",
            rope,
            "a plain rope_theta",
        )
    return float(rope.get("rope_theta") or values.get("rope_theta") or 10_000.0)


def refuse(name: str, key: str, given: object, supported: object) -> None:
    """Raise the ConfigError for a setting whose computation Primer does not have."""
    raise ConfigError(
        f"cannot import this {name} model: its config.json has {key} = {given!r}, and Primer computes only "
        f"{supported!r}. Choose a model without it."
    )


def config_to_huggingface(config: GPTConfig) -> dict[str, Any]:
    """The config.json of a config. Raises ConfigError for a shape that Hugging Face has no class for."""
    name = config.family
    if name not in KEYS:
        raise ConfigError(
            f"Hugging Face has no class for the family {name!r}; the families that export are "
            f"{', '.join(KEYS)}. Train one of them with --family."
        )
    check_exportable(config)
    values = {theirs: getattr(config, ours) for ours, theirs in KEYS[name].items()}
    if name != "gpt2":  # for transformers 5, and for everything older
        values["rope_parameters"] = {"rope_type": "default", "rope_theta": config.rope_theta}
        values["rope_theta"] = config.rope_theta
    return {
        "architectures": [ARCHITECTURES[name]],
        "model_type": name,
        "torch_dtype": "float32",
        **values,
        **FIXED[name],
    }


def check_exportable(config: GPTConfig) -> None:
    """Raise ConfigError if the config departs from its family in more than the shape."""
    free = {*KEYS[config.family], "num_kv_heads", "head_dim", "dropout", "zero_init"}
    free |= {"rope_theta"} if config.positions == "rope" else set()
    reference = family(config.family, **{field: getattr(config, field) for field in free})
    changed = [
        f"{field.name} = {getattr(config, field.name)!r}"
        for field in dataclasses.fields(config)
        if getattr(config, field.name) != getattr(reference, field.name)
    ]
    if config.family == "gpt2" and config.num_kv_heads != config.num_heads:
        changed.append(f"num_kv_heads = {config.num_kv_heads} of {config.num_heads} heads")
    if config.family == "gpt2" and config.width != config.num_heads * config.head_dim:
        changed.append(f"head_dim = {config.head_dim} for {config.num_heads} heads and width {config.width}")
    if config.family == "llama" and config.width % config.num_heads:  # transformers insists, though it need not
        changed.append(f"width = {config.width} for {config.num_heads} heads")
    if changed:
        raise ConfigError(
            f"{ARCHITECTURES[config.family]} cannot have {', '.join(changed)}. "
            f"Train with the {config.family} family's own settings to export it."
        )


def their_names(name: str, family_name: str) -> list[str]:
    """Hugging Face's names for the tensors that one of Primer's holds.

    >>> their_names("blocks.3.mlp.up.weight", "llama")
    ['model.layers.3.mlp.gate_proj.weight', 'model.layers.3.mlp.up_proj.weight']
    """
    module, kind = name.rsplit(".", 1)
    prefix = ""
    if module.startswith("blocks."):
        _, layer, module = module.split(".", 2)
        prefix = f"{LAYERS[family_name]}.{layer}."
    return [f"{prefix}{theirs}.{kind}" for theirs in MODULES[family_name][module].split()]


def is_transposed(config: GPTConfig, name: str, tensor: Tensor) -> bool:
    """GPT-2's maps inside the blocks are `Conv1D`, which is a Linear with its weight transposed."""
    return config.family == "gpt2" and name.startswith("blocks.") and tensor.ndim == 2


def tensors_from_huggingface(model: GPT, theirs: dict[str, Tensor], source: Path) -> dict[str, Tensor]:
    """Rename and arrange Hugging Face's tensors (weights, or gradients of them) as the model has them.

    Raises CheckpointError if one is missing, is left over, or has not the rows it should have.
    """
    config = model.config
    theirs = {full_name(config, name): t for name, t in theirs.items() if not name.endswith(COMPUTED)}
    if config.tied:
        theirs.pop("lm_head.weight", None)
    wanted = {name: their_names(name, config.family) for name in model_tensors(model)}
    names = {name for several in wanted.values() for name in several}
    wrong = [f"{name} is missing" for name in names - theirs.keys()]
    wrong += [f"{name} is unknown" for name in theirs.keys() - names]
    splits = {name: split for name, _, split in model.matrices()}
    for name, several in wanted.items():
        if len(several) > 1:
            wrong += [
                f"{part} has {len(theirs[part])} rows, the model's {rows}"
                for part, rows in zip(several, splits[name], strict=True)
                if part in theirs and len(theirs[part]) != rows
            ]
    if wrong:
        raise CheckpointError(f"the weights in {source} do not fit its config.json: {'; '.join(sorted(wrong)[:3])}.")
    ours = {}
    for name, several in wanted.items():
        tensor = torch.cat([theirs[part] for part in several])
        ours[name] = tensor.mT if is_transposed(config, name, tensor) else tensor
    return ours


def tensors_to_huggingface(model: GPT, ours: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename and arrange the model's tensors as Hugging Face has them; each with memory of its own."""
    config = model.config
    splits = {name: split for name, _, split in model.matrices()}
    theirs = {}
    for name, tensor in ours.items():
        names = their_names(name, config.family)
        whole = tensor.mT if is_transposed(config, name, tensor) else tensor
        parts = torch.split(whole, list(splits[name])) if len(names) > 1 else (whole,)
        for their_name, part in zip(names, parts, strict=True):
            theirs[their_name] = part.clone(memory_format=torch.contiguous_format)
    return theirs


def full_name(config: GPTConfig, name: str) -> str:
    """Put the base model's name in front where a checkpoint was saved without it, as OpenAI's GPT-2 was."""
    base = LAYERS[config.family].split(".")[0] + "."
    return name if name.startswith((base, "lm_head.")) else base + name


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Every tensor of model.safetensors, or of the shards that model.safetensors.index.json names."""
    index = folder / "model.safetensors.index.json"
    if (folder / "model.safetensors").exists():
        files = ["model.safetensors"]
    elif index.exists():
        files = sorted(set(read_json(index)["weight_map"].values()))
    else:
        raise CheckpointError(
            f"{folder} has no model.safetensors. Pickled weights (pytorch_model.bin) are not read, since "
            "they can run code: choose a model that comes as safetensors."
        )
    tensors: dict[str, Tensor] = {}
    for file in files:
        tensors |= load_tensors(folder / file)
    return tensors


def special_ids(tokenizer_folder: Path, vocab_size: int) -> dict[str, int | None]:
    """The ids of a tokenizer's bos, eos and pad tokens, by their keys in config.json."""
    added = {token["content"]: token["id"] for token in read_json(tokenizer_folder / "tokenizer.json")["added_tokens"]}
    if too_large := [text for text, id in added.items() if id >= vocab_size]:
        raise TokenizerError(
            f"the tokenizer in {tokenizer_folder} has ids beyond the model's vocabulary of {vocab_size} "
            f"({too_large[0]!r} is {added[too_large[0]]}). Give the tokenizer it was trained with."
        )
    file = tokenizer_folder / "tokenizer_config.json"
    settings = read_json(file) if file.exists() else {}
    return {f"{kind}_token_id": added.get(text_of(settings.get(f"{kind}_token"))) for kind in ("bos", "eos", "pad")}


def text_of(token: Any) -> str:
    """The text of a special token, which a tokenizer_config.json holds as it is or under "content"."""
    return str(token["content"] if isinstance(token, dict) else token)
