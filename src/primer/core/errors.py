"""The errors a person can cause, and the one that carries an exit code of its own.

    PrimerError
    ├── UserError            a person's mistake: what, what was given, what to do (exit code 2)
    │   ├── ConfigError      an option or a combination of options that cannot work
    │   ├── CorpusError      a text that is missing, empty, too short or broken
    │   ├── TokenizerError   a tokenizer that does not fit its text or its model
    │   ├── CheckpointError  weights that are missing, damaged or of another shape
    │   └── RunInUseError    a run folder that a live process is writing to
    ├── TrainingError        training cannot go on: loss is not finite, again and again (exit code 1)
    ├── LostProcessError     a process that computed for this one was killed (exit code 1)
    └── Interrupted          Ctrl-C, after everything has been saved (exit code 130)

The command line prints the message of a PrimerError without a traceback. Anything else is a bug
and keeps its traceback.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class PrimerError(Exception):
    """What Primer raises on purpose."""

    exit_code = 1


class UserError(PrimerError):
    """A person's mistake. The message says what, what was given, and what to do."""

    exit_code = 2


class ConfigError(UserError):
    """An option, or a combination of options, that cannot work."""


class CorpusError(UserError):
    """A text that is missing, empty, too short or broken."""


class TokenizerError(UserError):
    """A tokenizer that does not fit its text or its model."""


class CheckpointError(UserError):
    """Weights that are missing, damaged or of another shape."""


class RunInUseError(UserError):
    """A run folder that a live process is writing to."""


class TrainingError(PrimerError):
    """Training cannot go on."""


class LostProcessError(PrimerError):
    """A process that computed for this one was killed."""

    def __init__(self) -> None:
        super().__init__(
            "a process that computed for this one was killed, most likely for want of memory. Try it with --threads 1, "
            "and go on with --resume where something is saved."
        )


class Interrupted(PrimerError):
    """Ctrl-C, after everything has been saved."""

    exit_code = 130


def suggest(given: str, known: Iterable[str]) -> str:
    """Name the known word nearest to `given`, or list them all.

    >>> suggest("shakespear", ["shakespeare", "gpt2-124m"])
    "did you mean 'shakespeare'?"
    >>> suggest("xyz", ["a", "b"])
    'choose from: a, b'
    """
    names = sorted(known)
    near = get_close_matches(given, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"choose from: {', '.join(names)}"
