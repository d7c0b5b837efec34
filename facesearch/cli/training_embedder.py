"""``train embedder``: a network of one's own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from facesearch.cli.options import JsonOption, WeightsOption
from facesearch.cli.output import columns, emit, hint, plural, say, tell
from facesearch.cli.progress import bar
from facesearch.cli.session import use_weights
from facesearch.errors import ConfigError

if TYPE_CHECKING:
    from facesearch.training.embedder import TrainedEmbedder
    from facesearch.training.trainer import Epoch

FOLDER = typer.Argument(metavar="DIR", help="Holds one folder for each person, with their photos in it.")


def embedder(
    folder: Annotated[Path, FOLDER],
    *,
    output: Annotated[
        Path, typer.Option("--output", metavar="DIR", help="Where the model goes; a run that was cut short goes on.")
    ],
    network: Annotated[
        Literal["facenet-128", "small", "nn2", "inception-resnet-v1"],
        typer.Option(
            "--network",
            help="What learns. facenet-128 goes on from FaceNet's weights; small, nn2 (the paper's) and "
            "inception-resnet-v1 (FaceNet's own) begin from nothing.",
        ),
    ] = "facenet-128",
    blocks: Annotated[
        int,
        typer.Option(
            "--blocks",
            min=-1,
            max=6,
            help="With facenet-128: how many of its last blocks learn, 0 to 6, on what the rest makes of each photo "
            "once; -1 for all of the network, which takes far longer.",
        ),
    ] = 2,
    mining: Annotated[
        Literal["semi-hard", "batch-hard", "random"],
        typer.Option("--mining", help="Which triplets teach: semi-hard is the paper's; random is there to compare."),
    ] = "semi-hard",
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="How often everybody has a turn.")] = 60,
    faces: Annotated[int, typer.Option("--faces", min=4, help="Faces in a mini-batch; the paper took 1,800.")] = 360,
    faces_a_person: Annotated[
        int, typer.Option("--faces-a-person", min=2, help="Of one person in a mini-batch, at most.")
    ] = 40,
    margin: Annotated[float, typer.Option("--margin", help="By how much strangers are to be farther away.")] = 0.2,
    optimizer: Annotated[
        Literal["adagrad", "sgd", "adam"], typer.Option("--optimizer", help="adagrad is the paper's.")
    ] = "adagrad",
    learning_rate: Annotated[
        float | None,
        typer.Option("--learning-rate", show_default=False, help="The highest; else the optimizer's usual one."),
    ] = None,
    chunk: Annotated[
        int,
        typer.Option(
            "--chunk",
            min=0,
            help="Faces that go through the network at once, where a mini-batch does not fit into memory; 0 for all. "
            "Not for networks that begin from nothing.",
        ),
    ] = 0,
    validation: Annotated[
        float, typer.Option("--validation", help="The share of the people that is kept back to measure on.")
    ] = 0.2,
    patience: Annotated[int, typer.Option("--patience", min=1, help="Epochs without a gain after which to stop.")] = 20,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of everything that is drawn.")] = 0,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, show_default=False, help="Photos read at once; else one a core.")
    ] = None,
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a network on your own photos, or adapt FaceNet to them.

    For faces unlike those that FaceNet learnt from: old prints, infrared, helmets. A fifth of the people is kept back;
    how well they are told apart after each epoch decides which weights are taken. The folder of --output gets the
    model (model.keras, model.onnx), the curve (curve.png) and the figures (training.json).

    The small network and the last blocks of FaceNet can be trained on a processor; the others want a graphics card. It
    is no way to a better FaceNet for ordinary photos: that took millions of faces.

    Examples:
      facesearch train embedder ./people --output ./model
      facesearch train embedder ./people --output ./model --network small --epochs 100
      facesearch train embedder ./people --output ./model --blocks 4 --optimizer adam --learning-rate 1e-4
    """
    use_weights(weights)
    from facesearch.models.export import keras_weights
    from facesearch.pipeline import make_front_end
    from facesearch.training.collecting import faces_of_tree
    from facesearch.training.embedder import FACENET, Plan, Told, train_embedder
    from facesearch.training.settings import TrainSettings

    plan = Plan(network, None if blocks < 0 or network != FACENET else blocks, validation)
    settings = TrainSettings(
        epochs=epochs,
        faces=faces,
        faces_a_person=faces_a_person,
        mining=mining,
        margin=margin,
        optimizer=optimizer,
        learning_rate=learning_rate,
        chunk=chunk,
        patience=patience,
        seed=seed,
    )
    if chunk and network != FACENET:
        raise ConfigError(
            f"--chunk needs frozen batch normalization, and {network} begins from nothing",
            hint="leave --chunk out, or go on from FaceNet (--network facenet-128)",
        )
    found, skipped = faces_of_tree(folder, make_front_end(tell=tell), size=plan.size, jobs=jobs)
    tell(
        f"{plural(len(found), 'face')} of {plural(len(found.names), 'person', 'people')}, {len(skipped)} photos unused"
    )
    with bar("faces") as shown:
        told = Told(
            phase=lambda kind, done, total: shown(done, total, "") if kind == "embed" else None,
            epoch=_tell_epoch,
        )
        done = train_embedder(found, output, plan, settings, weights=lambda: keras_weights(tell), told=told)
    if as_json:
        emit(_document(done, len(skipped)))
        return
    _show(done)


def _tell_epoch(epoch: "Epoch") -> None:
    """A line an epoch."""
    loss = "" if epoch.loss is None else f"  loss {epoch.loss:.3f}  active {epoch.active:.0%}"
    rates = "  ".join(f"TAR at FAR {far:g} {tar:.3f}" for far, tar in epoch.tar.items())
    tell(f"epoch {epoch.number:>3}  AUC {epoch.auc:.3f}  {rates}{loss}  {epoch.seconds:.1f} s")


def _show(done: "TrainedEmbedder") -> None:
    first, best = done.trained.epochs[0], done.trained.epochs[done.trained.best]
    if done.trained.stopped is not None:
        say(("stopped", "bold"), f": {done.trained.stopped}")
    say(("best", "bold"), f": epoch {best.number} of {len(done.trained.epochs) - 1}")
    people = plural(done.checked_people, "person", "people")
    rows: list[tuple[str, str]] = [
        ("  AUC", f"{first.auc:.3f} before, {best.auc:.3f} now, on {people} not learnt from")
    ]
    rows += [(f"  TAR at FAR {far:g}", f"{first.tar[far]:.3f} before, {tar:.3f} now") for far, tar in best.tar.items()]
    rows += [
        ("  model", str(done.result.onnx)),
        ("  for Keras", str(done.result.keras)),
        ("  curve", str(done.result.curve)),
    ]
    columns(rows)
    hint(
        f"to use it: facesearch models add {done.result.onnx} --name NAME --calibrate DIR, with people it has not seen"
    )


def _document(done: "TrainedEmbedder", unused: int) -> dict[str, object]:
    """What ``--json`` prints."""
    return {
        "best": done.trained.best,
        "stopped": done.trained.stopped,
        "epochs": [
            {
                "number": epoch.number,
                "loss": epoch.loss,
                "active": epoch.active,
                "auc": epoch.auc,
                "tar": {str(far): tar for far, tar in epoch.tar.items()},
                "seconds": round(epoch.seconds, 3),
            }
            for epoch in done.trained.epochs
        ],
        "faces": done.faces,
        "people": done.people,
        "validation": {"faces": done.checked_faces, "people": done.checked_people},
        "unused": unused,
        "model": str(done.result.onnx),
        "keras": str(done.result.keras),
        "curve": str(done.result.curve),
        "sha256": done.result.sha256,
    }
