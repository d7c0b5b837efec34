"""``train embedder``: a network of one's own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from facesearch.cli.options import JsonOption, WeightsOption
from facesearch.cli.output import emit, plural, tell
from facesearch.cli.progress import bar
from facesearch.cli.session import use_weights
from facesearch.cli.trained import caution, show_trained, tell_epoch, trained_document
from facesearch.errors import ConfigError

if TYPE_CHECKING:
    from facesearch.training.collecting import Collected

FOLDER = typer.Argument(
    metavar="DIR", show_default=False, help="Holds one folder for each person, with their photos in it."
)


def embedder(
    folder: Annotated[Path | None, FOLDER] = None,
    *,
    output: Annotated[
        Path, typer.Option("--output", metavar="DIR", help="Where the model goes; a run that was cut short goes on.")
    ],
    gallery: Annotated[
        str | None,
        typer.Option(
            "--gallery",
            metavar="DIR|URL",
            show_default=False,
            help="Learn from the faces that have a name in this gallery, instead of DIR. Those that were only "
            "suggested are left out.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="NAME",
            show_default=False,
            help="Add the model as NAME, calibrated on the people kept back where they are 100 or more.",
        ),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option("--licence", metavar="TEXT", show_default=False, help="With --name: under which it may be used."),
    ] = None,
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
    faces: Annotated[
        int | None,
        typer.Option(
            "--faces",
            min=4,
            show_default=False,
            help="Faces in a mini-batch; the paper took 1,800. Else 360, or fewer where memory is short.",
        ),
    ] = None,
    faces_a_person: Annotated[
        int | None,
        typer.Option(
            "--faces-a-person",
            min=2,
            show_default=False,
            help="Of one person in a mini-batch, at most; else a ninth of it, and no more than the paper's 40.",
        ),
    ] = None,
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
    precision: Annotated[
        Literal["float32", "mixed"],
        typer.Option(
            "--precision",
            help="mixed computes with 16 bits inside the network, where the device is faster that way (float16 on a "
            "graphics card, bfloat16 on some processors). The model that comes out is float32.",
        ),
    ] = "float32",
    validation: Annotated[
        float, typer.Option("--validation", help="The share of the people that is kept back to measure on.")
    ] = 0.2,
    patience: Annotated[int, typer.Option("--patience", min=1, help="Epochs without a gain after which to stop.")] = 20,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of everything that is drawn.")] = 0,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, show_default=False, help="Photos read at once; else one a core.")
    ] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write each epoch for TensorBoard too, into the folder of --output.")
    ] = False,
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a network on your own photos, or adapt FaceNet to them.

    For faces unlike those that FaceNet learnt from: old prints, infrared, helmets. A fifth of the people is kept back;
    how well they are told apart after each epoch decides which weights are taken. The folder of --output gets the
    model (model.keras, model.onnx), the curve (curve.png) and the figures (training.json). With --name it is added like
    any other model, and `facesearch models show NAME` tells what it was made from; where no epoch was better than the
    network before, it is not, and the command exits with 1.

    The small network and the last blocks of FaceNet can be trained on a processor; the others want a graphics card. It
    is no way to a better FaceNet for ordinary photos: that took millions of faces.

    Examples:
      facesearch train embedder ./people --output ./model
      facesearch train embedder --gallery ~/family.gallery --output ./model --name family
      facesearch train embedder ./people --output ./model --network small --epochs 100
      facesearch train embedder ./people --output ./model --blocks 4 --optimizer adam --learning-rate 1e-4
    """
    if (folder is None) == (gallery is None):
        raise ConfigError(
            "there is nothing to learn from" if folder is None else "a folder and --gallery exclude each other",
            hint="give a folder that holds one folder a person, or a gallery's enrolled faces (--gallery PLACE)",
        )
    if licence is not None and name is None:
        raise ConfigError("--licence is of a model, which has no name", hint="--name NAME adds it")
    use_weights(weights)
    from facesearch.evaluation import own_model
    from facesearch.identify.calibration import built_in
    from facesearch.models.export import keras_weights
    from facesearch.training.adopting import adopt, check_free
    from facesearch.training.embedder import FACENET, Plan, Told, train_embedder
    from facesearch.training.memory import faces_a_person_of, faces_at_once
    from facesearch.training.precision import check_precision
    from facesearch.training.settings import TrainSettings
    from facesearch.training.tensorboard import Events

    plan = Plan(network, None if blocks < 0 or network != FACENET else blocks, validation)
    faces = faces_at_once(plan, faces, chunk=chunk, tell=tell)
    settings = TrainSettings(
        epochs=epochs,
        faces=faces,
        faces_a_person=faces_a_person or faces_a_person_of(faces),
        mining=mining,
        margin=margin,
        optimizer=optimizer,
        learning_rate=learning_rate,
        chunk=chunk,
        patience=patience,
        seed=seed,
        precision=precision,
    )
    if chunk and network != FACENET:
        raise ConfigError(
            f"--chunk needs frozen batch normalization, and {network} begins from nothing",
            hint="leave --chunk out, or go on from FaceNet (--network facenet-128)",
        )
    check_precision(precision)
    if name is not None:
        check_free(name, output)
    found = _collected(folder, gallery, plan.size, jobs)
    events = Events(output / "tensorboard")
    if tensorboard:
        tell(f"to watch: tensorboard --logdir {events.folder} (after pip install tensorboard)")
    with bar("faces") as embedding, bar("steps", stay=False) as stepping:
        told = Told(
            phase=lambda kind, done, total: (embedding if kind == "embed" else stepping)(done, total, ""),
            epoch=tell_epoch,
            history=events.follow if tensorboard else lambda _: None,
        )
        done = train_embedder(
            found.faces, output, plan, settings, weights=lambda: keras_weights(tell), origin=found.origin, told=told
        )
    model = None
    if name is not None:
        with bar() as shown:
            model = adopt(done, found, name, licence=licence, jobs=jobs, told=own_model.Told(shown, tell))
    if as_json:
        emit(trained_document(done, found, model, built_in(model.name) if model and model.calibrated else None))
    else:
        show_trained(done, found, model, name)
    caution(done, model, name, licence)
    if name is not None and model is None:
        raise typer.Exit(1)


def _collected(folder: Path | None, gallery: str | None, size: int, jobs: int | None) -> "Collected":
    """The faces to learn from, of one of both."""
    from facesearch.gallery.gallery import Gallery
    from facesearch.pipeline import make_front_end
    from facesearch.training.collecting import collect_folder, collect_gallery

    front_end = make_front_end(tell=tell)
    if folder is not None:
        found = collect_folder(folder.expanduser(), front_end, size=size, jobs=jobs)
    else:
        with Gallery.open(gallery, create=False, tell=tell) as opened, bar() as shown:
            found = collect_gallery(opened, front_end, size=size, jobs=jobs, progress=shown)
    people = plural(found.faces.person_count, "person", "people")
    tell(f"{plural(len(found.faces), 'face')} of {people}, {plural(len(found.unused), 'photo')} unused")
    return found
