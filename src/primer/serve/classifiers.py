"""Learned classifiers, beside the rules: `profanity`, any text classifier of Hugging Face, and Llama Guard's kind.

All need the extra `safety`. Weights are read from safetensors only, and no code that comes with a model is run.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from primer.core.errors import ConfigError, UserError
from primer.serve.safety_rules import Match
from primer.serve.safety_text import Atom

NEEDS = "needs `pip install primer-lm[safety]`."
MOST_TOKENS = 512  # of a text that a classifier reads at once
VERDICT_TOKENS = 16  # "unsafe\nS1,S9" and a little more


@dataclass(frozen=True)
class Judgement:
    """What a classifier thinks of a text."""

    category: str
    label: str
    score: float
    """A probability."""


class Classifier(Protocol):
    """Something that has learned what texts are harmful."""

    name: str

    def judge(self, text: str) -> list[Judgement]: ...


class ClassifierReader:
    """Atoms in, judgements out. A classifier needs a stretch of text to judge, so that is held back as a whole."""

    def __init__(self, classifier: Classifier, threshold: float, most_characters: int) -> None:
        """A stretch ends at the first sentence end after half of `most_characters`, or at those."""
        self.classifier, self.threshold, self.most_characters = classifier, threshold, most_characters
        self.text = ""
        self.start = 0

    def read(self, atom: Atom) -> list[Match]:
        """What the classifier says if this atom ends a stretch."""
        if self.text:
            self.text += atom.gap + atom.text
        else:
            self.text, self.start = atom.text, atom.start
        length = len(self.text)
        ends = length >= self.most_characters or (atom.ends_sentence and length >= self.most_characters / 2)
        return self.finish() if ends else []

    def finish(self) -> list[Match]:
        """What it says of the stretch so far."""
        text, self.text = self.text, ""
        judgements = self.classifier.judge(text) if text else []
        return [
            Match(one.category, one.label, self.classifier.name, self.start, self.start + len(text), score=one.score)
            for one in judgements
            if one.score >= self.threshold
        ]

    @property
    def open_from(self) -> int | None:
        """Where the stretch begins."""
        return self.start if self.text else None


def load_classifiers(names: str, labels: Mapping[str, str]) -> list[Classifier]:
    """Comma-separated: "profanity", or models by name or folder. `labels`: what their labels are here, "" harmless.

    Raises UserError if one cannot be loaded, or has a label that is not among `labels`.
    """
    return [load_classifier(name.strip(), labels) for name in names.split(",") if name.strip()]


def load_classifier(name: str, labels: Mapping[str, str]) -> Classifier:
    """One of them. A model that writes is taken for one of Llama Guard's kind."""
    if name == "profanity":
        return Profanity()
    try:
        from transformers import AutoConfig
    except ImportError as error:
        raise UserError(f"the classifier {name!r} {NEEDS}") from error
    try:
        config = AutoConfig.from_pretrained(name)
        writes = any(kind.endswith("ForCausalLM") for kind in config.architectures or ())
        return Guard(name, labels) if writes else TextClassifier(name, labels)
    except (
        OSError,
        ValueError,
        KeyError,
    ) as error:  # what transformers raises for a name, a file or a kind it cannot use
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"the classifier {name!r} cannot be loaded: {reason} Give `profanity`, or the name or folder of a "
            "text-classification model of Hugging Face with safetensors."
        ) from error


class Profanity:
    """alt-profanity-check: a linear model over words, 0.2 million comments; coarse language more than harm."""

    def __init__(self) -> None:
        self.name = "profanity"
        try:
            from profanity_check import predict_prob  # type: ignore[import-untyped]
        except ImportError as error:
            raise UserError(f"the classifier 'profanity' {NEEDS}") from error
        self.predict_prob = predict_prob

    def judge(self, text: str) -> list[Judgement]:
        """How offensive it is."""
        return [Judgement("hate_harassment", "offensive", float(self.predict_prob([text])[0]))]


class TextClassifier:
    """A model with one output for each label."""

    def __init__(self, name: str, labels: Mapping[str, str]) -> None:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        self.name = name
        self.tokenizer: Any = AutoTokenizer.from_pretrained(name)
        self.model: Any = AutoModelForSequenceClassification.from_pretrained(name, use_safetensors=True).eval()
        self.labels: list[str] = [label.lower() for _, label in sorted(self.model.config.id2label.items())]
        check_labels(name, self.labels, labels)
        self.categories = labels
        self.most_tokens = min(MOST_TOKENS, getattr(self.model.config, "max_position_embeddings", MOST_TOKENS) - 2)

    def judge(self, text: str) -> list[Judgement]:
        """The probability of each label that is not harmless."""
        import torch

        inputs = self.tokenizer(text, return_tensors="pt", truncation=True, max_length=self.most_tokens)
        with torch.inference_mode():
            logits = self.model(**inputs).logits[0].float()
        several = self.model.config.problem_type == "multi_label_classification" or len(self.labels) == 1
        scores = (logits.sigmoid() if several else logits.softmax(-1)).tolist()
        return [
            Judgement(self.categories[label], label, score)
            for label, score in zip(self.labels, scores, strict=True)
            if self.categories[label]
        ]


class Guard:
    """A chat model that answers "safe", or "unsafe" and the codes of the hazards: Llama Guard and its kind."""

    def __init__(self, name: str, labels: Mapping[str, str]) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.name, self.categories = name, labels
        self.tokenizer: Any = AutoTokenizer.from_pretrained(name)
        model: Any = AutoModelForCausalLM.from_pretrained(name, use_safetensors=True)
        self.model = model.eval()

    def judge(self, text: str) -> list[Judgement]:
        """Ask it."""
        import torch

        inputs = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        with torch.inference_mode():
            ids = self.model.generate(**inputs, max_new_tokens=VERDICT_TOKENS, do_sample=False)
        answer = self.tokenizer.decode(ids[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        return read_guard(answer, self.categories)


def read_guard(answer: str, categories: Mapping[str, str]) -> list[Judgement]:
    """What a guard's answer means. Certain, for it names no probability.

    >>> read_guard("unsafe\\nS1,S10", {"s1": "violence_weapons", "s10": "hate_harassment"})[0].category
    'violence_weapons'
    """
    if not answer.strip().lower().startswith("unsafe"):
        return []
    codes = [code.lower() for code in re.findall(r"\bS\d+\b", answer)]
    return [Judgement(categories[code], code, 1.0) for code in codes if categories.get(code)]


def check_labels(name: str, labels: Sequence[str], known: Mapping[str, str]) -> None:
    """Raises ConfigError if the policy does not say what one of a model's labels is."""
    unknown = [label for label in labels if label not in known]
    if unknown:
        raise ConfigError(
            f"the classifier {name!r} has labels that the policy does not know: {', '.join(unknown)}. Say in "
            f'[classifiers.labels] which category each is, such as {unknown[0]} = "hate_harassment", or "" if harmless.'
        )
