"""Writing token by token on a CPU: Primer against llama.cpp, transformers and nanochat, tokens/s on the same machine.

    pip install llama-cpp-python gguf transformers
    python benchmarks/decoding.py --shape 14M                     # batch 1
    python benchmarks/decoding.py --shape 135M --nanochat PATH    # and a checkout of karpathy/nanochat
    python benchmarks/decoding.py --shape 14M --batch 16          # 16 different prompts

Llama's architecture with random weights for Primer, llama.cpp (as GGUF, written here) and transformers; nanochat has
its own of the same width and depth. 32 ids of prompt, the likeliest token each time, rounds in turn, medians.
llama.cpp and nanochat take part at batch 1 only: side by side nanochat writes copies of one prompt.
"""

import argparse
import importlib
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter, process_time
from types import ModuleType, SimpleNamespace

import torch
from common import finish, print_table

from primer.core.runtime import BF16_CPU_FLAGS, choose_dtype, cpu_flags, keep_freed_memory, machine
from primer.engine.engine import Engine
from primer.engine.sampling import SamplingConfig
from primer.model.families import family
from primer.model.gpt import GPT, GPTConfig
from primer.model.prepared import Weights, prepare_to_generate

SHAPES = {  # layers, width, heads, width of the MLP, vocabulary
    "14M": (6, 384, 6, 1024, 4096),
    "135M": (12, 768, 12, 2048, 32768),
}
CONTEXT, PROMPT, SEED = 256, 32, 0
# Which of ours answers to which rival, and the ratio to reach by shape; at a batch, transformers alone.
RIVALS = {
    "llama.cpp f32": ("Primer float32", {"14M": 0.8, "135M": 0.8}),
    "llama.cpp bf16": ("Primer bfloat16", {"14M": 0.8, "135M": 0.8}),
    "llama.cpp q8_0": ("Primer int8", {"14M": 0.8, "135M": 0.8}),
    "transformers float32": ("Primer int8", {"14M": 4.0, "135M": 2.5}),
    "transformers bfloat16": ("Primer int8", {"14M": 4.0, "135M": 2.5}),
    "nanochat": ("Primer int8", {"14M": 4.0, "135M": 2.5}),
}
AIM_OF_BATCH = 2.5

Generate = Callable[[Sequence[Sequence[int]], int], None]  # prompts, and how many more tokens for each


def config_of(shape: str) -> GPTConfig:
    """The llama of a size."""
    layers, width, heads, mlp_width, vocabulary = SHAPES[shape]
    return family(
        "llama", vocab_size=vocabulary, context=CONTEXT, num_layers=layers, num_heads=heads, num_kv_heads=heads,
        width=width, head_dim=width // heads, mlp_width=mlp_width,
    )  # fmt: skip


def new_model(shape: str) -> GPT:
    """The same random weights each time."""
    torch.manual_seed(SEED)
    return GPT(config_of(shape)).eval()


def primer(shape: str, weights: Weights) -> Generate:
    """Our engine; but for float32 it computes in what `--dtype auto` would choose."""
    model = new_model(shape)
    if weights != "float32":
        model.compute_dtype, _ = choose_dtype(torch.device("cpu"), cpu_flags())
    engine = Engine(prepare_to_generate(model, weights), config_of(shape).vocab_size)

    def generate(prompts: Sequence[Sequence[int]], num_tokens: int) -> None:
        completions = engine.complete(prompts, SamplingConfig(temperature=0, max_tokens=num_tokens))
        assert all(len(completion) == num_tokens for completion in completions)

    return generate


def llama_cpp(shape: str, kind: str, folder: Path, num_threads: int) -> Generate:
    """llama.cpp through its Python package, with our weights."""
    from llama_cpp import Llama

    path = folder / f"{kind}.gguf"
    write_gguf(new_model(shape), path, kind)
    llama = Llama(str(path), n_ctx=CONTEXT, n_threads=num_threads, n_threads_batch=num_threads, verbose=False)

    def generate(prompts: Sequence[Sequence[int]], num_tokens: int) -> None:
        llama.reset()
        tokens = llama.generate(list(prompts[0]), temp=0.0, reset=False)
        for _ in range(num_tokens):
            next(tokens)

    return generate


def write_gguf(model: GPT, path: Path, kind: str) -> None:
    """A llama in llama.cpp's format, without a tokenizer. Its RoPE turns channels 2i and 2i + 1 together, ours i and
    i + D/2: the rows of q and k are put in its order."""
    import gguf

    config, writer = model.config, gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config.context)
    writer.add_embedding_length(config.width)
    writer.add_block_count(config.num_layers)
    writer.add_feed_forward_length(config.mlp_width)
    writer.add_head_count(config.num_heads)
    writer.add_head_count_kv(config.num_kv_heads)
    writer.add_layer_norm_rms_eps(config.norm_eps)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("none")
    quantization = gguf.GGMLQuantizationType[kind.upper()]
    for name, tensor in gguf_tensors(model).items():
        array = tensor.detach().contiguous().numpy()
        if array.ndim == 1:
            writer.add_tensor(name, array)
        else:
            writer.add_tensor(name, gguf.quants.quantize(array, quantization), raw_dtype=quantization)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def gguf_tensors(model: GPT) -> dict[str, torch.Tensor]:
    """llama.cpp's name to weight."""

    def in_pairs(weight: torch.Tensor, num_heads: int) -> torch.Tensor:
        return weight.view(num_heads, 2, -1, weight.size(1)).transpose(1, 2).reshape(weight.shape)

    config = model.config
    tensors: dict[str, torch.Tensor] = {
        "token_embd.weight": model.embed.weight,
        "output_norm.weight": model.final_norm.weight,
        "output.weight": model.head.weight,
    }
    for number, block in enumerate(model.blocks):
        heads = config.num_heads, config.num_kv_heads, config.num_kv_heads
        q, k, v = block.attention.qkv.weight.split([n * config.head_dim for n in heads])
        gate, up = block.mlp.up.weight.chunk(2)
        named = {
            "attn_norm": block.attention_norm.weight, "ffn_norm": block.mlp_norm.weight,
            "attn_q": in_pairs(q, config.num_heads), "attn_k": in_pairs(k, config.num_kv_heads), "attn_v": v,
            "attn_output": block.attention.out.weight,
            "ffn_gate": gate, "ffn_up": up, "ffn_down": block.mlp.down.weight,
        }  # fmt: skip
        tensors |= {f"blk.{number}.{name}.weight": weight for name, weight in named.items()}
    return tensors


def transformers(shape: str, dtype: torch.dtype) -> Generate:
    """A Llama from its config, generating with its cache; the weights' values cost it nothing."""
    from transformers import LlamaConfig, LlamaForCausalLM

    layers, width, heads, mlp_width, vocabulary = SHAPES[shape]
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=width, intermediate_size=mlp_width, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=heads, max_position_embeddings=CONTEXT,
        tie_word_embeddings=False, bos_token_id=None, eos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    model = LlamaForCausalLM(config).to(dtype).eval()

    def generate(prompts: Sequence[Sequence[int]], num_tokens: int) -> None:
        ids = torch.tensor(prompts)
        mask = torch.ones_like(ids)
        out = model.generate(ids, attention_mask=mask, max_new_tokens=num_tokens, do_sample=False, use_cache=True)
        assert out.shape == (len(ids), PROMPT + num_tokens)

    return generate


def nanochat(shape: str, checkout: Path) -> Generate:
    """nanochat's model and engine; its heads are 128 wide, its tokenizer is only asked for special ids."""
    sys.path.insert(0, str(checkout))
    for name in ("rustbpe", "tiktoken"):  # imported by its tokenizer, which is not used
        sys.modules.setdefault(name, ModuleType(name))
    gpt, engine = importlib.import_module("nanochat.gpt"), importlib.import_module("nanochat.engine")
    layers, width, _, _, vocabulary = SHAPES[shape]
    heads = width // 128
    model = gpt.GPT(
        gpt.GPTConfig(
            sequence_len=CONTEXT, vocab_size=vocabulary, n_layer=layers, n_head=heads, n_kv_head=heads, n_embd=width
        )
    )
    model.init_weights()
    tokenizer = SimpleNamespace(encode_special=lambda text: -1, get_bos_token_id=lambda: -1)
    writer = engine.Engine(model.eval(), tokenizer)

    def generate(prompts: Sequence[Sequence[int]], num_tokens: int) -> None:
        rows = list(writer.generate(list(prompts[0]), num_samples=1, max_tokens=num_tokens, temperature=0.0))
        assert len(rows) == num_tokens

    return generate


def race(contestants: dict[str, Generate], options: argparse.Namespace, vocabulary: int) -> dict[str, list[float]]:
    """Tokens/s of each round, all rows together; the clock is the wall's, or the processor time of this process."""
    clock = process_time if options.cpu_time else perf_counter
    speeds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(options.rounds + 1):
        generator = torch.Generator().manual_seed(number)
        prompts = torch.randint(vocabulary, (options.batch, PROMPT), generator=generator).tolist()
        for name, generate in contestants.items():
            began = clock()
            generate(prompts, options.new_tokens if number else 4)  # the first round warms up
            if number:
                speeds[name].append(options.batch * options.new_tokens / (clock() - began))
    return speeds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shape", choices=SHAPES, default="14M")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--new-tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--nanochat", type=Path, help="a checkout of nanochat; without it, it does not take part")
    parser.add_argument("--cpu-time", action="store_true", help="for a busy machine; use it with --threads 1")
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    keep_freed_memory()
    shape = options.shape
    contestants: dict[str, Generate] = {f"Primer {w}": primer(shape, w) for w in ("float32", "bfloat16", "int8")}
    for dtype in (torch.float32, torch.bfloat16):
        contestants[f"transformers {str(dtype).removeprefix('torch.')}"] = transformers(shape, dtype)
    with tempfile.TemporaryDirectory() as folder:
        if options.batch == 1:
            # without the instructions llama.cpp is no rival in bfloat16
            for kind in ("f32", *([] if cpu_flags().isdisjoint(BF16_CPU_FLAGS) else ["bf16"]), "q8_0"):
                contestants[f"llama.cpp {kind}"] = llama_cpp(shape, kind, Path(folder), options.threads)
            if options.nanochat:
                contestants["nanochat"] = nanochat(shape, options.nanochat)
        speeds = race(contestants, options, SHAPES[shape][-1])
    rates = {name: statistics.median(values) for name, values in speeds.items()}
    report(rates, options)


def report(rates: dict[str, float], options: argparse.Namespace) -> None:
    """The table, and the line of JSON: its ratio is the worst compared with its aim."""
    print(f"{machine()}, {options.threads} threads, {options.shape}, batch {options.batch}")
    rows, ratios, reached = [], {}, []
    for name, rate in rates.items():
        row = [name, f"{rate:,.0f}", "", "", ""]
        if name in RIVALS:
            ours, aims = RIVALS[name]
            aim = aims[options.shape] if options.batch == 1 else AIM_OF_BATCH
            ratios[name] = round(rates[ours] / rate, 3)
            reached.append(ratios[name] / aim)
            row[2:] = [ours, f"{ratios[name]:.2f} ×", f"{aim} ×"]
        rows.append(row)
    print_table(["who", "tokens/s", "ours against it", "ratio", "aim"], rows)
    tokens_per_second = {name: round(rate, 1) for name, rate in rates.items()}
    facts = {"shape": options.shape, "batch": options.batch, "threads": options.threads, "ratios": ratios}
    finish("decoding", min(reached), **facts, tokens_per_second=tokens_per_second)


if __name__ == "__main__":
    main()
