"""MMLU: four-way questions from 57 subjects, school to profession (Hendrycks et al. 2020, arXiv 2009.03300)."""

from primer.tasks.choices import lettered, read_choices
from primer.tasks.rows import Row, Rows, RowTask
from primer.tasks.task import Choice


def mmlu(row: Row) -> Choice:
    """A row, lettered as in the paper: its options often refer to each other ("both of these")."""
    options, right = read_choices(row)
    return lettered(row.text("question"), options, right, group=row.text("subject").replace("_", " "))


TASKS = {"mmlu": lambda place: RowTask("mmlu", Rows(place or "hf:cais/mmlu:all"), mmlu)}
