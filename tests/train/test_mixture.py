"""What --data names: tasks, files, weights, and what is neither."""

from itertools import islice
from pathlib import Path

import pytest
import tiny

from primer.core.errors import ConfigError, CorpusError
from primer.tasks.conversations import Conversations
from primer.tasks.curriculum.curriculum import Curriculum
from primer.text.chat import assistant, user
from primer.train.mixture import open_mixture, size_of, split_weight


def test_tasks_and_files_by_weight(conversations: Path) -> None:
    mixture = open_mixture([f"{conversations}=3", "curriculum:spelling+facts"])
    (file, three), (lessons, one) = mixture.parts
    assert isinstance(file, Conversations)
    assert isinstance(lessons, Curriculum)
    assert (three, one) == (3.0, 1.0)
    assert {lesson.name for lesson in lessons.lessons} == {"spelling", "facts"}
    taken = list(islice(mixture.stream("train", 1), 1000))
    assert sum(question.group == "" for question in taken) == 750


def test_programs_run_in_the_sandbox(tmp_path: Path) -> None:
    """HumanEval as a reward: its checks run what the model wrote."""
    test = "def check(candidate):\n    assert candidate(2) == 4\n"
    row = {"prompt": 'def double(x):\n    """Twice x."""\n', "entry_point": "double", "test": test}
    row |= {"canonical_solution": "    return 2 * x\n"}
    tiny.jsonl(tmp_path / "train.jsonl", [row | {"task_id": i} for i in range(20)])
    question = open_mixture([f"humaneval:{tmp_path}"]).numbered("train", 0, 0)
    assert question.check(question.answer) == 1.0
    assert question.check([assistant("    return 3 * x")]) == 0.0


def test_one_pass_over_files_is_every_conversation_once(conversations: Path) -> None:
    mixture = open_mixture([str(conversations)])
    size = size_of(mixture, "train")
    assert size_of(mixture, "validation") == 3
    assert size == 57  # sixty, less the twentieth that is held out
    prompts = [question.prompt for question in islice(mixture.stream("train", 5), size)]
    rows = [question.prompt for question in Conversations(str(conversations)).questions("train")]
    assert sorted(prompts, key=str) == sorted(rows, key=str)
    assert size_of(open_mixture([str(conversations), "curriculum"]), "train") is None


def test_an_equals_sign_in_a_path(tmp_path: Path) -> None:
    folder = tmp_path / "part=1"
    folder.mkdir()
    file = tiny.jsonl(folder / "a.jsonl", [tiny.as_row([user("hi"), assistant("ho")])])
    assert split_weight(str(file)) == (str(file), 1.0)
    assert split_weight(f"{file}=2") == (str(file), 2.0)
    assert split_weight(str(folder)) == (str(folder), 1.0)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "names nothing to train on. Give `curriculum`"),
        (["curriculum=many"], "'many' is no weight. Write it as NAME=2"),
        (["curriculum=0"], "the weight of curriculum is 0.0; it must be above 0"),
        (["curriculum=nan"], "must be above 0"),
        (["curiculum"], "neither a task nor a file or folder; did you mean 'curriculum'"),
        (["svanp:somewhere"], "did you mean 'svamp'"),
        (["curriculum:speling"], "there is no lesson 'speling'; did you mean 'spelling'"),
    ],
)
def test_what_cannot_be_mixed(names: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        open_mixture(names)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    mixture = open_mixture([str(tmp_path / "no.jsonl")])
    with pytest.raises(CorpusError, match="does not exist"):
        mixture.numbered("train", 0, 0)
