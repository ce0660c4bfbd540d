"""Generating text: Primer against nanoGPT (no cache) and transformers (with one), tokens/s on the same machine.

    python benchmarks/generation.py --nanogpt PATH      # a checkout of karpathy/nanoGPT
    python benchmarks/generation.py                     # transformers alone

6 layers × 384 wide, 6 heads, vocabulary 4,096, context 256, float32, random weights: speed does not depend on what
was learned. From 32 ids of prompt to the full context, temperature 0.8 and top-k 200, which are nanoGPT's. Each
rival meets the same architecture, so that both sides do the same sums: GPT-2 for nanoGPT, Llama for transformers.
The primer family is shown beside them. Rounds alternate, and each contestant's median counts.
"""

import argparse
import importlib.util
import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from types import ModuleType

import torch
from torch import Tensor

from primer.core.runtime import machine
from primer.engine.engine import Engine
from primer.engine.sampling import SamplingConfig
from primer.model.families import family
from primer.model.gpt import GPT
from primer.model.prepared import prepare_to_generate

LAYERS, HEADS, WIDTH, VOCABULARY, CONTEXT, PROMPT = 6, 6, 384, 4096, 256, 32
MLP_WIDTH = {"gpt2": 1536, "llama": 1024, "primer": 1536}  # gated: 8/3 × the width, for as many weights
TEMPERATURE, TOP_K = 0.8, 200
AIMS = {"nanoGPT": 10.0, "transformers": 2.0}
RIVAL_OF = {"nanoGPT": "Primer, gpt2", "transformers": "Primer, llama"}

Generate = Callable[[Tensor, int], None]  # ids (B, PROMPT) and how many more


def primer(name: str) -> Generate:
    """Our engine with a model of the family."""
    shape = {
        "vocab_size": VOCABULARY, "context": CONTEXT, "num_layers": LAYERS, "num_heads": HEADS,
        "num_kv_heads": HEADS, "width": WIDTH, "head_dim": WIDTH // HEADS, "mlp_width": MLP_WIDTH[name],
    }  # fmt: skip
    engine = Engine(prepare_to_generate(GPT(family(name, **shape))), VOCABULARY)

    def generate(ids: Tensor, num_tokens: int) -> None:
        sampling = SamplingConfig(temperature=TEMPERATURE, top_k=TOP_K, max_tokens=num_tokens)
        completions = engine.complete(ids.tolist(), sampling)
        assert all(len(completion) == num_tokens for completion in completions)

    return generate


def transformers() -> Generate:
    """A Llama from its config, generating with its cache."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=WIDTH, intermediate_size=MLP_WIDTH["llama"], num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, num_key_value_heads=HEADS, max_position_embeddings=CONTEXT,
        tie_word_embeddings=False, bos_token_id=None, eos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()

    def generate(ids: Tensor, num_tokens: int) -> None:
        out = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=num_tokens, do_sample=True,
            temperature=TEMPERATURE, top_k=TOP_K, use_cache=True,
        )  # fmt: skip
        assert out.shape == (len(ids), PROMPT + num_tokens)

    return generate


def nanogpt(checkout: Path) -> Generate:
    """nanoGPT's model.py as its sample.py uses it."""
    module = load_module("nanogpt_model", checkout / "model.py")
    config = module.GPTConfig(
        block_size=CONTEXT, vocab_size=VOCABULARY, n_layer=LAYERS, n_head=HEADS, n_embd=WIDTH, dropout=0.0
    )
    model = module.GPT(config).eval()

    def generate(ids: Tensor, num_tokens: int) -> None:
        out = model.generate(ids, num_tokens, temperature=TEMPERATURE, top_k=TOP_K)
        assert out.shape == (len(ids), PROMPT + num_tokens)

    return generate


def load_module(name: str, path: Path) -> ModuleType:
    """A Python file as a module."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def race(contestants: dict[str, Generate], batch: int, num_tokens: int, rounds: int) -> dict[str, float]:
    """Median tokens/s of each, all rows together."""
    speeds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        ids = torch.randint(VOCABULARY, (batch, PROMPT), generator=torch.Generator().manual_seed(number))
        for name, generate in contestants.items():
            began = perf_counter()
            generate(ids, num_tokens if number else 4)  # the first round warms up
            if number:
                speeds[name].append(batch * num_tokens / (perf_counter() - began))
    return {name: statistics.median(values) for name, values in speeds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nanogpt", type=Path, help="a checkout of nanoGPT; without it, it does not take part")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--new-tokens", type=int, default=CONTEXT - PROMPT)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    contestants: dict[str, Generate] = {f"Primer, {name}": primer(name) for name in MLP_WIDTH}
    contestants["transformers"] = transformers()
    if options.nanogpt:
        contestants["nanoGPT"] = nanogpt(options.nanogpt)
    print(f"{machine()}, {options.threads} threads, {PROMPT} + {options.new_tokens} tokens")
    print(f"{'tokens/s':16}{'batch':>6}{'rate':>10}  ours to this, same architecture")
    rates: dict[str, dict[int, float]] = {name: {} for name in contestants}
    ratios: dict[str, dict[int, float]] = {name: {} for name in RIVAL_OF if name in contestants}
    for batch in options.batches:
        for name, rate in race(contestants, batch, options.new_tokens, options.rounds).items():
            rates[name][batch] = round(rate, 1)
            line = f"{name:16}{batch:>6}{rate:>10,.0f}"
            if name in ratios:
                ratios[name][batch] = round(rates[RIVAL_OF[name]][batch] / rate, 2)
                line += f"  {ratios[name][batch]:.2f} × (aim: {AIMS[name]:.0f} ×)"
            print(line, flush=True)
    main_rival = "nanoGPT" if options.nanogpt else "transformers"
    result = {"ratio": ratios[main_rival][options.batches[0]], "ratios": ratios, "tokens_per_second": rates}
    print(json.dumps({"benchmark": "generation", "rival": main_rival, **result}))


if __name__ == "__main__":
    main()
