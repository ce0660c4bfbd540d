"""`primer votes`: which pairs votes and thumbs make, and that they are read as they were meant."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from primer.cli import dispatch
from primer.core.errors import UserError
from primer.serve.store import Answer, Store, Thumb, Vote
from primer.serve.votes import count_by_model, pairs_of
from primer.text.chat import ToolCall, assistant, system, tool, user
from primer.text.conversations import Pair, read_preferences

SING = [{"role": "user", "content": "Sing."}]
BIRD = [{"role": "system", "content": "Be a bird."}, *SING]
DONE = {"name": "calculator", "arguments": {"expression": "3+4"}, "result": "7"}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/primer.db"


@pytest.fixture
def store(url: str) -> Store:
    return Store(url)


def export(url: str, folder: Path) -> list[Pair]:
    dispatch(["votes", "export", "--database", url, "--out", str(folder)])
    return list(read_preferences(str(folder)))


def test_votes_become_pairs(store: Store, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store.vote(BIRD, Answer("Tweet.", "rl"), Answer("La.", "sft"), "left")
    store.vote(SING, Answer("Tweet."), Answer("La é.", "", {"tool_activity": [DONE]}), "right")
    store.vote(SING, Answer("a"), Answer("b"), "tie")
    store.vote(SING, Answer("a"), Answer("b"), "both_bad")
    store.vote(SING, Answer("same"), Answer("same"), "left")
    store.vote(SING, Answer("good"), Answer(" "), "left")
    assert export(url, tmp_path / "votes") == [
        Pair((system("Be a bird."), user("Sing.")), (assistant("Tweet."),), (assistant("La."),)),
        Pair(
            (user("Sing."),),
            (assistant("", ToolCall("calculator", {"expression": "3+4"})), tool("7"), assistant("La é.")),
            (assistant("Tweet."),),
        ),
    ]
    shown = capsys.readouterr().out
    assert "train.jsonl: 2 pairs, 2 of votes and 0 of thumbs; left out: 1 ties, 1 where both were bad, 2 with" in shown


def test_the_shape_is_that_of_ultrafeedback(store: Store, url: str, tmp_path: Path) -> None:
    store.vote(SING, Answer("Tweet.", "rl"), Answer("La.", "sft"), "left")
    export(url, tmp_path)
    row = json.loads((tmp_path / "train.jsonl").read_text())
    assert row == {
        "prompt": "Sing.", "chosen": [*SING, {"role": "assistant", "content": "Tweet."}],
        "rejected": [*SING, {"role": "assistant", "content": "La."}],
        "chosen_model": "rl", "rejected_model": "sft", "source": "compare",
    }  # fmt: skip


def test_thumbs_on_an_answer_and_on_the_one_in_its_place(store: Store, url: str, tmp_path: Path) -> None:
    id = store.create(system="Be a bird.")
    store.add(id, "user", "Sing.")
    for said, thumb in (("La.", "down"), ("Tweet.", "up"), ("Tweet, tweet.", "up"), ("Hm.", None)):
        message = store.add(id, "assistant", said)
        store.thumb(message, thumb)  # type: ignore[arg-type]
        store.cut(id, message)
    store.cut(id, store.get(id).messages[0].id)
    store.add(id, "user", "Dance.")  # another prompt
    store.thumb(store.add(id, "assistant", "No."), "down")
    prompt = (system("Be a bird."), user("Sing."))
    assert export(url, tmp_path / "votes") == [
        Pair(prompt, (assistant("Tweet."),), (assistant("La."),)),
        Pair(prompt, (assistant("Tweet, tweet."),), (assistant("La."),)),
    ]


answers = st.builds(Answer, st.sampled_from(["", "a", "b", "c"]), st.sampled_from(["rl", "sft"]))
prompts = st.sampled_from([SING, BIRD])


@given(
    st.lists(st.builds(Vote, prompts, answers, answers, st.sampled_from(["left", "right", "tie", "both_bad"]))),
    st.lists(st.builds(Thumb, prompts, answers, st.sampled_from(["up", "down"]))),
)
def test_nobody_is_said_to_prefer_what_they_did_not(votes: list[Vote], thumbs: list[Thumb]) -> None:
    def said(answer: Answer) -> list[Any]:
        return [{"role": "assistant", "content": answer.content}]

    preferred = [(v.prompt, v.left, v.right) for v in votes if v.choice == "left"]
    preferred += [(v.prompt, v.right, v.left) for v in votes if v.choice == "right"]
    by_thumb = {"up": [t for t in thumbs if t.thumb == "up"], "down": [t for t in thumbs if t.thumb == "down"]}
    preferred += [
        (u.prompt, u.answer, d.answer) for u in by_thumb["up"] for d in by_thumb["down"] if u.prompt == d.prompt
    ]
    usable = [each for each in preferred if each[1].content != each[2].content and each[1].content and each[2].content]
    rows, left_out = pairs_of(votes, thumbs)
    key = json.dumps
    assert sorted(key([row["chosen"], row["rejected"]]) for row in rows) == sorted(
        key([prompt + said(better), prompt + said(worse)]) for prompt, better, worse in usable
    )
    assert left_out == len(preferred) - len(usable)
    counts = count_by_model(votes, thumbs)
    assert sum(counts.values()) == 2 * len(votes) + len(thumbs)
    assert sum(n for (_, what), n in counts.items() if what == "better") == len(votes) - sum(
        vote.choice in ("tie", "both_bad") for vote in votes
    )


def test_show(store: Store, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    store.vote(SING, Answer("Tweet.", "rl"), Answer("La.", "sft"), "left")
    store.vote(SING, Answer("Tweet.", "rl"), Answer("La.", "rl"), "tie")
    monkeypatch.setenv("PRIMER_DATABASE", url)
    monkeypatch.setenv("COLUMNS", "200")
    dispatch(["votes", "show"])
    shown = capsys.readouterr().out
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if line.startswith("│")]
    assert cells == [["rl", "1", "0", "2", "0", "0", "0"], ["sft", "0", "1", "0", "0", "0", "0"]]
    assert "2 votes and 0 thumbs. 1 pairs, 1 of votes" in shown


def test_nothing_to_export(store: Store, url: str, tmp_path: Path) -> None:
    store.vote(SING, Answer("a"), Answer("b"), "tie")
    with pytest.raises(UserError, match=r"nothing to export.* 1 ties.* thumb up"):
        export(url, tmp_path / "votes")
    assert not (tmp_path / "votes").exists()
    with pytest.raises(UserError, match="there is no database"):
        export(f"sqlite:///{tmp_path}/other.db", tmp_path / "votes")


def test_an_export_that_cannot_be_written(store: Store, url: str, tmp_path: Path) -> None:
    store.vote(SING, Answer("a"), Answer("b"), "left")
    (tmp_path / "votes").write_text("in the way")
    with pytest.raises(UserError, match="cannot write"):
        export(url, tmp_path / "votes")
