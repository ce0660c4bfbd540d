"""The page of training in a browser: a run that grows before the visitor's eyes, and one that is over."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

NOBODY = "http://127.0.0.1:9/v1"  # this page needs no server


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the page, with one run: twenty steps, an evaluation, two sample texts, a report with a picture."""
    folder = tmp_path_factory.mktemp("page")
    run = folder / "runs" / "demo"
    (run / "samples").mkdir(parents=True)
    (run / "config.json").write_text('{"stage": "pretrain", "config": {"loop": {"num_steps": 40}}}', encoding="utf-8")
    log(run, range(1, 21))
    with (run / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": 20, "validation_loss": 1.2345}) + "\n" + '{"step": 21, "lo')  # cut by a crash
    (run / "samples" / "step_000010.txt").write_text("the the the\n", encoding="utf-8")
    (run / "samples" / "step_000020.txt").write_text("<script>window.hacked = 1</script> the king\n", encoding="utf-8")
    report = "# Run demo\n\n| step | loss |\n| ---: | ---: |\n| 20 | 1.2 |\n\n<b onclick='x'>bold?</b>\n"
    (run / "report.md").write_text(report, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def url(runs: Path, page_on: Callable[..., AbstractContextManager[str]]) -> Iterator[str]:
    """The page of training."""
    with page_on(NOBODY, runs) as url:
        yield f"{url}/training"


def log(run: Path, steps: range) -> None:
    """Train, as far as the log is concerned."""
    with (run / "metrics.jsonl").open("a", encoding="utf-8") as file:
        for step in steps:
            row = {"step": step, "tokens": 512 * step, "loss": 4 / step, "lr": 1.0, "tokens_per_second": 9000.0 + step}
            file.write(json.dumps(row) + "\n")


def figure(visitor: Page, label: str) -> str:
    """One of the figures of now."""
    return visitor.get_by_test_id("stMetric").filter(has_text=label).get_by_test_id("stMetricValue").inner_text()


def test_the_figures_and_curves_of_a_run(visitor: Page, url: str) -> None:
    visitor.goto(url)
    expect(visitor.get_by_test_id("stMetric").filter(has_text="Validation loss")).to_contain_text("1.2345")
    assert figure(visitor, "step, of 40") == "20"
    assert figure(visitor, "Tokens seen") == "10,240"
    expect(visitor.get_by_text("Learning rate")).to_be_visible()
    expect(visitor.locator("canvas, .marks")).to_have_count(3)  # loss, learning rate, throughput


def test_a_growing_run_is_followed_without_a_reload(visitor: Page, url: str, runs: Path) -> None:
    visitor.goto(url)
    expect(visitor.get_by_test_id("stMetric").filter(has_text="Tokens seen")).to_contain_text("10,240")
    (runs / "runs" / "demo" / "metrics.jsonl").open("a", encoding="utf-8").write("\n")  # ends the line cut short
    log(runs / "runs" / "demo", range(21, 31))
    expect(visitor.get_by_test_id("stMetric").filter(has_text="Tokens seen")).to_contain_text("15,360")


def test_texts_and_report_are_shown_and_their_tags_are_text(visitor: Page, url: str) -> None:
    visitor.goto(url)
    expect(visitor.get_by_text("<script>window.hacked = 1</script> the king")).to_be_visible()
    visitor.get_by_role("tab", name="Report").click()
    expect(visitor.get_by_role("heading", name="Run demo")).to_be_visible()
    expect(visitor.get_by_text("<b onclick='x'>bold?</b>")).to_be_visible()
    assert visitor.evaluate("window.hacked") is None


def test_a_reload_comes_back_to_the_run_and_a_foreign_name_does_no_harm(visitor: Page, url: str) -> None:
    visitor.goto(f"{url}?run=../../../etc")
    expect(visitor.get_by_test_id("stMetric").first).to_be_visible()
    assert visitor.url.endswith("?run=demo")
