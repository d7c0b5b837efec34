"""``review``: who is who, one question at a time."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.documents import face_document
from facesearch.cli.options import EngineOption, GalleryOption, JsonOption, ModelOption, WeightsOption
from facesearch.cli.output import emit, plural, say, tell
from facesearch.cli.review_prompt import converse, wording
from facesearch.cli.session import open_gallery

if TYPE_CHECKING:
    from facesearch.cli.documents import Document
    from facesearch.curate.questions import Question
    from facesearch.gallery.reviewing import Review

PICTURE = "review.png"


def review(
    *,
    person: Annotated[
        str | None,
        typer.Option("--person", metavar="NAME", show_default=False, help="Ask only whether faces are this person."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="N", min=1, show_default=False, help="Stop after this many questions."),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            "--pictures",
            metavar="DIR",
            show_default=False,
            help="Put the picture of the question there and leave it, instead of into the gallery for the while.",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html",
            metavar="PAGE",
            show_default=False,
            help="Write the questions as a page with pictures, and ask nothing.",
        ),
    ] = None,
    gallery: GalleryOption = None,
    engine: EngineOption = "onnx",
    model: ModelOption = None,
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask who is who, the questions first that settle the most faces.

    Every answer is kept at once; stop when you like. Answers can come from a pipe too, one a line:

      y, n          yes, no
      a name        all these faces are this person; Ada* is the one whose name begins with Ada, "n" is a name
      o 3 5         faces 3 and 5 do not belong with the others; then the question comes again
      i             strangers: do not ask again
      x             not faces at all
      s, u, q       skip, take the last answer back, quit

    A picture of the faces is beside each question, in the file that is named at the beginning: above whom they may
    be, below the faces that are asked about, with their numbers. --json and --html show the questions and ask nothing.

    Examples:
      facesearch review
      facesearch review --person "Ada Lovelace"
      facesearch review --html questions.html
    """
    with open_gallery(gallery, weights=weights, engine=engine, model=model) as opened:
        begun = opened.review(person)
        if html is not None:
            _write_page(begun, html, limit)
        if as_json:
            emit(_document(begun, limit))
        elif html is None:
            _ask(begun, limit, pictures)


def _ask(begun: "Review", limit: int | None, pictures: Path | None) -> None:
    plan = begun.plan
    if begun.question is None:
        say("nothing to ask" if begun.left else "nothing to ask: no face waits for a name")
        return
    # Where fewer questions are wanted than the estimate takes, it is that of the first ones.
    wanted = plan.questions[: plan.answers if limit is None else min(limit, plan.answers)]
    settles = round(sum(question.expected for question in wanted))
    settle = "settles" if len(wanted) == 1 else "settle"
    say((f"{plural(len(wanted), 'answer')} {settle} about {settles:,} of {plural(plan.faces, 'face')}", "bold"))
    if pictures is not None:
        tell(f"the faces are in {pictures / PICTURE}")
        converse(begun, limit, pictures / PICTURE)
        return
    with begun.private_picture() as picture:
        tell(f"the faces are in {picture}")
        converse(begun, limit, picture)


def _write_page(begun: "Review", target: Path, limit: int | None) -> None:
    from facesearch.report.review import write_review

    shown, size = write_review(begun, target, wording=wording, limit=limit)
    tell(f"{plural(shown, 'question')} in {target} ({size / 1e6:.1f} MB)")


def _document(begun: "Review", limit: int | None) -> "Document":
    plan = begun.plan
    return {
        "questions": [_question(begun, question) for question in plan.questions[:limit]],
        "faces": plan.faces,
        "answers": plan.answers,
        "settles": round(plan.settles, 1),
    }


def _question(begun: "Review", question: "Question") -> "Document":
    return {
        "id": question.id,
        "kind": question.kind,
        "person": None if question.person is None else begun.person(question.person).name,
        "person_id": question.person,
        "chance": question.chance,
        "distance": question.distance,
        "settles": round(question.expected, 1),
        "groups": list(question.sizes),
        "faces": [{"path": match.path, "face": face_document(match.face)} for match in begun.matches(question)],
    }
