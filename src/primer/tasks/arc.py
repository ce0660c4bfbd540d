"""ARC: questions of science tests for grades 3 to 9, in an easy and a challenging half (Clark et al. 2018,
arXiv 1803.05457)."""

from primer.tasks.choices import question_and_options
from primer.tasks.rows import Rows, RowTask

TASKS = {
    "arc-easy": lambda place: RowTask("arc-easy", Rows(place or "hf:allenai/ai2_arc:ARC-Easy"), question_and_options),
    "arc-challenge": lambda place: RowTask(
        "arc-challenge", Rows(place or "hf:allenai/ai2_arc:ARC-Challenge"), question_and_options
    ),
}
