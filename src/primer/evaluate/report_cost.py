"""What each stage cost: time, money, arithmetic, memory."""

from primer.evaluate.report_data import TITLES, SpeedrunFolder
from primer.evaluate.report_page import inline, table

NONE = "–"
SPEEDRUN_NOTE = (
    "FLOPs are those of training; sampling answers and evaluating come on top, in the minutes but not in them."
)
MEMORY_NOTE = " Memory is the most that the process held, without a GPU's."


def all_stages(folder: SpeedrunFolder) -> list[str]:
    """Those of the ledger, and those that only have a folder."""
    return list(dict.fromkeys([*folder.seconds, *folder.stages]))


def cost_section(folder: SpeedrunFolder, note: str = SPEEDRUN_NOTE) -> list[str]:
    """Time, money, arithmetic and memory by stage."""
    rows: list[tuple[str, ...]] = []
    for name in all_stages(folder):
        stage, seconds = folder.stages.get(name), folder.seconds.get(name)
        trained = (f"{stage.tokens:,}", f"{stage.steps:,}", scientific(stage.flops)) if stage else ("", "", "")
        rows.append((TITLES.get(name, inline(name)), *costs(folder, seconds), *trained, memory(folder, name)))
    flops = [stage.flops for stage in folder.stages.values()]
    tokens = sum(stage.tokens for stage in folder.stages.values())
    steps = sum(stage.steps for stage in folder.stages.values())
    total = scientific(sum(filter(None, flops)) or None)
    most, seconds = gibibytes(most_memory(folder)), sum(folder.seconds.values())
    rows.append(("**all**", *costs(folder, seconds), f"{tokens:,}", f"{steps:,}", total, most))
    price = f"At ${folder.price:.4g} an hour." if folder.price is not None else (
        "No price of this machine is known: `primer report --price` takes one, in dollars an hour."
    )  # fmt: skip
    head: tuple[str, ...] = ("stage", "minutes", "dollars", "tokens", "steps", "FLOPs", "memory, GiB")
    if folder.memory:
        note += MEMORY_NOTE
    else:  # runs outside a speedrun say it in their own reports
        head, rows = head[:-1], [row[:-1] for row in rows]
    return ["## What it cost", "", *table(head, rows), f"{price} {note}", ""]


def most_memory(folder: SpeedrunFolder) -> int | None:
    """The peak of all stages, in bytes."""
    return max((size for size, _ in folder.memory.values()), default=None)


def memory(folder: SpeedrunFolder, name: str) -> str:
    """The peak of a stage; where only that of all stages up to it is known, it says so."""
    size, so_far = folder.memory.get(name, (None, False))
    return gibibytes(size) + " so far" * so_far


def gibibytes(size: int | None) -> str:
    """A number of bytes for a table.

    >>> gibibytes(3 * 2**29), gibibytes(None)
    ('1.50', '–')
    """
    return NONE if size is None else f"{size / 2**30:.2f}"


def costs(folder: SpeedrunFolder, seconds: float | None) -> tuple[str, str]:
    """Minutes and dollars."""
    if seconds is None:
        return NONE, NONE
    dollars = folder.dollars(seconds)
    return f"{seconds / 60:.2f}", NONE if dollars is None else f"{dollars:.3f}"


def scientific(number: float | None) -> str:
    """A large number.

    >>> scientific(1.234e15), scientific(None)
    ('1.23e15', '–')
    """
    return NONE if number is None else f"{number:.2e}".replace("e+", "e")
