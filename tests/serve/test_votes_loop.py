"""The loop: people talk and vote, the votes are exported, and the model that learns from them prefers what they did."""

from pathlib import Path

import pytest
import tiny
import torch
import torch.nn.functional as F
from pages import ask, has, name_parts, open_compare
from served import serving

from primer.cli import dispatch
from primer.model.gpt import GPT
from primer.model.weights import find_weights, load_model
from primer.serve.store import Answer, Store
from primer.serve.views import resources
from primer.text.chat import ChatFormat, Message, assistant, user
from primer.text.tokenizer import Tokenizer

ANSWERS = ("a", "b", "a b", "b b")  # what `toy_chat` says, each as often as the others


def question(number: int) -> str:
    return f"Say a or b. {number % 10}"


def is_liked(answer: str) -> bool:
    """The taste of the people who vote: something with "a" in it."""
    return "a" in answer


def people_vote(store: Store) -> None:
    """Votes on the compare page; and in a chat a thumb down, another answer in its place, and a thumb up."""
    pairs = [(left, right) for left in ANSWERS for right in ANSWERS if left != right]
    for number, (left, right) in enumerate(pairs * 3):
        prompt = [{"role": "user", "content": question(number)}]
        choice = "tie" if is_liked(left) == is_liked(right) else "left" if is_liked(left) else "right"
        store.vote(prompt, Answer(left, "toy"), Answer(right, "toy"), choice)
    for number in range(10):
        chat = store.create()
        store.add(chat, "user", question(number))
        first = store.add(chat, "assistant", "b b", "toy")
        store.thumb(first, "down")
        store.cut(chat, first)
        store.thumb(store.add(chat, "assistant", "a b", "toy"), "up")


def log_p(model: GPT, chat: ChatFormat, asked: Message, answer: str) -> float:
    """Of an answer with its end, row by row, out of the model's logits."""
    head = chat.prompt([asked])
    ids = torch.tensor([chat.render([asked, assistant(answer)]).ids[:-1]])  # without the line end after it
    with torch.no_grad():
        each = F.log_softmax(model.logits(model.hidden(ids[:, :-1])).float(), dim=-1)
    return float(each[0].gather(1, ids[0, 1:, None])[len(head) - 1 :].sum())


def margin(run: Path) -> float:
    """How much likelier the liked answers are than the others, in nats, on average."""
    model, chat = load_model(find_weights(run)).eval(), ChatFormat(Tokenizer.load(run))
    found = []
    for number in range(10):
        of = {answer: log_p(model, chat, user(question(number)), answer) for answer in ANSWERS}
        found += [of[x] - of[y] for x in ANSWERS for y in ANSWERS if is_liked(x) and not is_liked(y)]
    return sum(found) / len(found)


def test_votes_make_a_model_that_people_like_better(
    toy_chat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, votes, better = f"sqlite:///{tmp_path}/primer.db", tmp_path / "votes", tmp_path / "better"
    people_vote(Store(url))
    dispatch(["votes", "export", "--database", url, "--out", str(votes)])
    assert "34 pairs, 24 of votes and 10 of thumbs; left out: 12 ties" in capsys.readouterr().out
    rates = {"matrix_lr": 0.01, "embed_lr": 0.01, "head_lr": 0.001}  # ten times the usual: a tenth of the steps
    dispatch(tiny.stage_options("dpo", toy_chat, better, data=votes, num_steps=30, eval_every=0, **rates))
    before, after = margin(toy_chat), margin(better)
    assert after > before + 1  # e times as likely, and more


def vote_on_the_page(num_pairs: int) -> int:
    """Ask until so many votes prefer an answer; where both or none are liked, equally good. Returns the ties."""
    app = open_compare()
    app.slider(key="compare-temperature").set_value(1.0).run()
    choices: list[str] = []
    for number in range(60):
        ask(app, question(number))
        left, right = (is_liked(str(side.markdown[0].value)) for side in app.columns)
        choice = "tie" if left == right else "left" if left else "right"
        if has(app, f"vote-{choice}"):  # both have said something
            app.button(key=f"vote-{choice}").click().run()
            choices.append(choice)
        if len(choices) - choices.count("tie") == num_pairs:
            break
    return choices.count("tie")


def test_votes_on_the_page_are_what_a_model_learns_from(
    toy_chat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, votes, better = tmp_path / "primer.db", tmp_path / "votes", tmp_path / "better"
    with serving(toy_chat) as live:
        name_parts(monkeypatch, live.url, str(file))
        num_ties = vote_on_the_page(num_pairs=3)
    cast = resources.open_store().votes()
    assert {answer.model for vote in cast for answer in (vote.left, vote.right)} == {toy_chat.name}
    resources.store_at.clear()
    dispatch(["votes", "export", "--database", f"sqlite:///{file}", "--out", str(votes)])
    assert f"3 pairs, 3 of votes and 0 of thumbs; left out: {num_ties} ties" in capsys.readouterr().out
    dispatch(tiny.stage_options("dpo", toy_chat, better, data=votes, num_steps=2, eval_every=0))
    before, after = load_model(find_weights(toy_chat)), load_model(find_weights(better))
    assert not tiny.same(tiny.weights(before), tiny.weights(after))
