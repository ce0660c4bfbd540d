"""Every error a person can cause ends with code 2, and the near word is suggested."""

import pytest

from primer.core import errors


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ConfigError", 2), ("CorpusError", 2), ("TokenizerError", 2), ("CheckpointError", 2), ("RunInUseError", 2),
        ("UserError", 2), ("TrainingError", 1), ("Interrupted", 130),
    ],
)  # fmt: skip
def test_exit_codes(name: str, code: int) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, errors.PrimerError)
    assert kind.exit_code == code
    assert issubclass(kind, errors.UserError) == (code == 2)
    assert name in (errors.__doc__ or "")


def test_suggest_names_the_near_word_or_all() -> None:
    assert errors.suggest("pretrian", ["pretrain", "sample"]) == "did you mean 'pretrain'?"
    assert errors.suggest("zzz", ["b", "a"]) == "choose from: a, b"
