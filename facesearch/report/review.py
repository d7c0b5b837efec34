"""The questions of ``review`` as a page for looking at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facesearch.report.page import data_uri, render, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from facesearch.curate.questions import Question
    from facesearch.gallery.reviewing import Review

QUESTIONS = 40
"""Questions on a page where nobody said how many."""

SIDE = 112
"""Of a face on the page, in pixels."""


def write_review(
    review: Review, target: Path, *, wording: Callable[[Review, Question], str], limit: int | None = None
) -> tuple[int, int]:
    """Write the first questions of a review as one page with its pictures in it, readable by its owner alone.

    Args:
        review: whose questions.
        target: the file.
        wording: a question in words.
        limit: how many questions; None for 40.

    Returns:
        How many questions are on the page, and its bytes.

    Raises:
        FacesearchError: it cannot be written.
    """
    plan = review.plan
    asked = plan.questions[: QUESTIONS if limit is None else limit]
    questions = []
    for question in asked:
        rows = [
            {
                "title": row.title,
                "faces": [
                    {"src": data_uri(review.picture(match), side=SIDE), "caption": caption, "path": match.path}
                    for match, caption in zip(row.matches, row.captions, strict=True)
                ],
                "more": row.total - len(row.matches),
            }
            for row in review.rows(question)
        ]
        questions.append({"words": wording(review, question), "rows": rows, "distance": question.distance})
    page = render(
        "review.html",
        questions=questions,
        answers=plan.answers,
        settles=plan.settles,
        faces=plan.faces,
        more=len(plan.questions) - len(asked),
    )
    return len(asked), write(page, target)
