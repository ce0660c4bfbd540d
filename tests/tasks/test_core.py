"""A bundle of three small tasks, rendered by hand as the paper's few-shot prompts are."""

import random
from pathlib import Path

import pytest
from task_files import write

from primer.core.errors import ConfigError
from primer.tasks.core import TASKS, Core, examples, read_entries
from primer.tasks.rows import TaskError, read_file

YAML = r"""
# what is asked
icl_tasks:
- label: colours
  dataset_uri: world/colours.jsonl
  num_fewshot: [2]
  icl_task_type: multiple_choice
  continuation_delimiter: "\nAnswer: "
-
  label: pronouns
  dataset_uri: language/pronouns.jsonl
  num_fewshot:
    - 0
  icl_task_type: schema
  has_categories: true
- label: capitals
  dataset_uri: world/capitals.jsonl
  num_fewshot: [1]
  icl_task_type: language_modeling
- label: absent
  dataset_uri: world/absent.jsonl
  num_fewshot: [0]
  icl_task_type: schema
"""
COLOURS = [{"query": f"Question: Is {n} red?", "choices": ["yes", "no"], "gold": n % 2} for n in range(5)]
PRONOUNS = [
    {"context_options": ["Ann thanked Bo as Ann", "Ann thanked Bo as Bo"], "continuation": "helped.", "gold": 1}
]
CAPITALS = [{"context": f"The capital of {n} is ", "continuation": f"City{n}"} for n in range(3)]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    (tmp_path / "core.yaml").write_text(YAML)
    (tmp_path / "eval_meta_data.csv").write_text(
        "Eval Task,#shots,Random baseline,More\ncolours,2,50,\npronouns,0,50.0,x\ncapitals,1,0,\nabsent,0,25,\n"
    )
    write(tmp_path / "eval_data/world/colours.jsonl", COLOURS)
    write(tmp_path / "eval_data/language/pronouns.jsonl", PRONOUNS)
    write(tmp_path / "eval_data/world/capitals.jsonl", CAPITALS)
    return tmp_path


def test_what_is_there_and_what_is_not(bundle: Path) -> None:
    core = Core(bundle)
    assert [(task.label, task.num_fewshot) for task in core.tasks] == [("colours", 2), ("pronouns", 0), ("capitals", 1)]
    assert core.missing == ["absent"]
    assert len(core.questions("test")) == 9
    assert [choice.group for choice in core.questions("test", 6)] == ["colours"] * 2 + ["pronouns"] + ["capitals"] * 2


def test_multiple_choice(bundle: Path) -> None:
    core = Core(bundle)
    rows = list(COLOURS)
    random.Random(1337).shuffle(rows)
    others = [i for i in range(5) if i != 3]
    a, b = (rows[i] for i in random.Random(1234 + 3).sample(others, 2))
    found = core.choices(core.tasks[0])[3]
    assert found.contexts == (
        f"{a['query']}\nAnswer: {a['choices'][a['gold']]}\n\n"  # type: ignore[index]
        f"{b['query']}\nAnswer: {b['choices'][b['gold']]}\n\n"  # type: ignore[index]
        f"{rows[3]['query']}\nAnswer: ",
    )
    assert (found.options, found.right, found.normalize) == (("yes", "no"), rows[3]["gold"], "tokens")


def test_schema(bundle: Path) -> None:
    core = Core(bundle)
    [found] = core.choices(core.tasks[1])
    assert found.contexts == ("Ann thanked Bo as Ann ", "Ann thanked Bo as Bo ")
    assert (found.options, found.right) == (("helped.",), 1)


def test_language_modelling_leaves_the_space_to_the_word(bundle: Path) -> None:
    core = Core(bundle)
    rows = list(CAPITALS)
    random.Random(1337).shuffle(rows)
    shown = rows[1 if random.Random(1234).sample([1, 2], 1) == [1] else 2]
    found = core.choices(core.tasks[2])[0]
    assert found.contexts == (f"{shown['context'].strip()} {shown['continuation']}\n\n{rows[0]['context'].strip()}",)
    assert found.options == (f" {rows[0]['continuation']}",)


def test_examples_are_others(bundle: Path) -> None:
    core = Core(bundle)
    rows = list(read_file(core.file(core.tasks[0])))
    for index in range(5):
        shown = examples(rows, index, core.tasks[0])
        assert rows[index] not in shown
        assert len({row.place for row in shown}) == 2


def test_centring(bundle: Path) -> None:
    core = Core(bundle)
    assert core.centred("colours", 0.75) == 0.5
    assert core.centred("colours", 0.5) == 0.0
    assert core.centred("capitals", 0.25) == 0.25
    assert core.centred("pronouns", 0.25) == -0.5


def test_a_limit_leaves_enough_rows_for_the_examples(bundle: Path) -> None:
    core = Core(bundle)
    assert core.choices(core.tasks[0], limit=4) != core.choices(core.tasks[0])[:4]
    assert core.choices(core.tasks[0], limit=1) == core.choices(core.tasks[0], limit=3)[:1]
    write(bundle / "eval_data/world/colours.jsonl", COLOURS[:2])
    with pytest.raises(TaskError, match=r"colours shows 2 examples.*1 other rows"):
        core.choices(core.tasks[0])


def test_not_to_train_on(bundle: Path) -> None:
    with pytest.raises(TaskError, match="for measuring only"):
        Core(bundle).questions("train")


def test_bad_bundles(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="core:FOLDER"):
        TASKS["core"]("")
    with pytest.raises(TaskError, match=r"no CORE bundle: core.yaml is missing"):
        TASKS["core"](str(tmp_path / "eval_data"))
    (bundle / "core.yaml").write_text(YAML.replace("schema", "essay", 1))
    with pytest.raises(TaskError, match=r"pronouns is of kind 'essay'"):
        Core(bundle)
    (bundle / "core.yaml").write_text("icl_tasks:\nwhat is this\n")
    with pytest.raises(TaskError, match=r"core.yaml, line 2, is not understood"):
        Core(bundle)
    (bundle / "core.yaml").write_text(YAML)
    (bundle / "eval_meta_data.csv").write_text("Eval Task,Random baseline\ncolours,50\n")
    with pytest.raises(TaskError, match="does not say what guessing scores on pronouns"):
        Core(bundle)
    (bundle / "eval_meta_data.csv").write_text("a,b\n1,2\n")
    with pytest.raises(TaskError, match="no columns"):
        Core(bundle)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"query": "?", "choices": ["a", "b"], "gold": 2}, r"colours.jsonl, line 6: .*gold 2"),
        ({"query": "?", "choices": ["a", "b"], "gold": "a"}, r"line 6: .*gold 'a'"),
        ({"query": "?", "choices": "ab", "gold": 0}, r"line 6: .*no list of texts"),
        ({"choices": ["a", "b"], "gold": 0}, r"line 6: .*no field 'query'"),
    ],
)
def test_bad_rows(bundle: Path, row: dict[str, object], message: str) -> None:
    write(bundle / "eval_data/world/colours.jsonl", [*COLOURS, row])
    with pytest.raises(TaskError, match=message):
        Core(bundle).questions("test")


def test_yaml_against_a_real_parser(bundle: Path) -> None:
    yaml = pytest.importorskip("yaml")
    assert read_entries(bundle / "core.yaml") == yaml.safe_load(YAML)["icl_tasks"]
