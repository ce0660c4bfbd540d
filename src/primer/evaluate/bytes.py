"""Bits per byte of token shards, or of any text."""

import tempfile
from pathlib import Path

import numpy as np
import torch

from primer.core.errors import ConfigError, TokenizerError
from primer.core.rundir import RunDir
from primer.core.runtime import Runtime
from primer.evaluate.loss import Validation, evaluate_loss
from primer.model.weights import load_model
from primer.text.corpus import CorpusConfig, open_corpus
from primer.text.shards import Shards, shard_dtype, write_shard
from primer.text.tokenizer import Tokenizer


def measure_bytes(place: str, run: RunDir, weights: Path, tokenizer: Tokenizer, runtime: Runtime) -> Validation:
    """Loss over the validation split of a folder of shards or of a corpus; "" is what the run itself prepared.

    Raises ConfigError if the run has none, TokenizerError for another tokenizer's shards, CorpusError as they do.
    """
    folder = Path(place).expanduser() if place else run.data
    if not place and not has_shards(folder):
        raise ConfigError(f"{run.path} holds no text of its own. Name one: bpb:FOLDER of shards, or bpb:TEXT.")
    with tempfile.TemporaryDirectory() as scratch:
        shards = Shards.open(folder, "validation") if has_shards(folder) else encode(place, tokenizer, Path(scratch))
        manifest = shards.manifest
        if manifest and manifest.tokenizer_fingerprint != tokenizer.fingerprint:
            raise TokenizerError(f"the shards in {folder} are of another tokenizer. Give the text itself: bpb:TEXT.")
        model = load_model(weights, runtime.device)
        model.compute_dtype = runtime.dtype
        byte_lengths = torch.tensor([len(piece) for piece in tokenizer.token_bytes()])
        return evaluate_loss(model, shards, byte_lengths, runtime, model.config.context)


def has_shards(folder: Path) -> bool:
    """Whether a folder holds token files."""
    return folder.is_dir() and any(folder.glob("*.bin"))


def encode(data: str, tokenizer: Tokenizer, folder: Path) -> Shards:
    """The validation split of a corpus as one token file."""
    dtype = shard_dtype(tokenizer.vocab_size)
    path = folder / "validation_000000.bin"
    documents = open_corpus(CorpusConfig(data)).documents("validation")
    pieces = [np.array([tokenizer.document_id, *tokenizer.encode(text)], dtype) for text in documents]
    write_shard(path, [np.concatenate(pieces)])
    return Shards([path])
