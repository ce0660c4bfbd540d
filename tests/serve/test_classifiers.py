"""Learned classifiers: two tiny models of transformers made here, and alt-profanity-check."""

from pathlib import Path
from typing import Any

import pytest
import torch

from primer.core.errors import ConfigError, UserError
from primer.serve.classifiers import Guard, Profanity, TextClassifier, load_classifier, load_classifiers, read_guard
from primer.serve.safety import Safety, load_policy, load_safety

LABELS = {"toxic": "hate_harassment", "neutral": "", "s1": "violence_weapons", "s9": ""}
TEMPLATE = "{% for m in messages %}{{ m['content'] }} {% endfor %}"


def save_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {"[UNK]": 0, "[PAD]": 1, "you": 2, "fool": 3, "nice": 4, "unsafe": 5, "S1": 6}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]")
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)


@pytest.fixture(scope="module")
def classifier_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of one layer that has learned that "fool" is toxic."""
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("classifier")
    save_tokenizer(folder)
    model = BertForSequenceClassification(BertConfig(
        vocab_size=7, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=64, id2label={0: "Neutral", 1: "Toxic"}, label2id={"Neutral": 0, "Toxic": 1},
    )).eval()  # fmt: skip
    ids = torch.tensor([[2, 3], [2, 4], [3, 3], [4, 4], [0, 0], [0, 3]])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(40):
        optimizer.zero_grad()
        model(input_ids=ids, labels=torch.tensor([1, 0, 1, 0, 0, 1])).loss.backward()
        optimizer.step()
    model.save_pretrained(folder)
    return folder


def test_a_classifier_by_folder(classifier_folder: Path) -> None:
    classifier = load_classifier(str(classifier_folder), LABELS)
    assert isinstance(classifier, TextClassifier)
    (judgement,) = classifier.judge("you fool")
    assert (judgement.category, judgement.label) == ("hate_harassment", "toxic")
    assert judgement.score > 0.9 > 0.5 > classifier.judge("you nice")[0].score
    assert classifier.judge("fool " * 300)[0].score > 0.5  # cut at what the model can read


def test_a_classifier_in_the_filters(classifier_folder: Path) -> None:
    verdict = load_safety(None, str(classifier_folder)).check("you fool", "input")
    assert verdict.action == "block"
    assert verdict.findings[0].layer == str(classifier_folder)


def test_labels_that_the_policy_does_not_know(classifier_folder: Path) -> None:
    with pytest.raises(ConfigError, match="labels that the policy does not know: toxic"):
        load_classifier(str(classifier_folder), {"neutral": ""})


def test_a_guard_by_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    save_tokenizer(tmp_path)
    config = LlamaConfig(vocab_size=7, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    guard = load_classifier(str(tmp_path), LABELS)
    assert isinstance(guard, Guard)

    def generate(input_ids: torch.Tensor, **_: Any) -> torch.Tensor:
        return torch.cat([input_ids, torch.tensor([[5, 6]])], 1)

    assert isinstance(guard.judge("you"), list)  # whatever random weights say
    monkeypatch.setattr(guard.model, "generate", generate)
    assert [judgement.category for judgement in guard.judge("you fool")] == ["violence_weapons"]


@pytest.mark.parametrize(
    ("answer", "categories"),
    [
        ("safe", []), ("\n\nunsafe\nS1", ["violence_weapons"]),
        ("unsafe\nS9", []), ("unsafe\nS1,S77", ["violence_weapons"]),
    ],
)  # fmt: skip
def test_answers_of_guards(answer: str, categories: list[str]) -> None:
    assert [judgement.category for judgement in read_guard(answer, LABELS)] == categories


def test_profanity() -> None:
    pytest.importorskip("profanity_check")
    classifier = load_classifier("profanity", {})
    assert isinstance(classifier, Profanity)
    assert classifier.judge("fuck you, stupid bitch")[0].score > 0.9 > classifier.judge("What a fine morning.")[0].score
    assert Safety(load_policy(None), [classifier]).check("What a fine morning.", "input").action == "allow"


def test_what_cannot_be_loaded(tmp_path: Path) -> None:
    assert load_classifiers("", {}) == []
    with pytest.raises(UserError, match="cannot be loaded"):
        load_classifier(str(tmp_path), LABELS)
