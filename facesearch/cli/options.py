"""The arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from facesearch.config import MODEL_VARIABLE
from facesearch.models.device import Device

Engine = Literal["onnx", "reference"]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]

GalleryOption = Annotated[
    str | None,
    typer.Option(
        "--gallery",
        metavar="DIR|URL",
        show_default=False,
        help="The gallery to use, a folder or postgresql+psycopg://USER@HOST/DATABASE; else FACESEARCH_GALLERY, "
        "else the one in your data folder.",
    ),
]

EngineOption = Annotated[
    Engine,
    typer.Option(
        "--engine",
        help="What analyses photos: onnx is fast; reference runs the mtcnn package and Keras, slowly. "
        "A gallery answers to the engine that it was made with.",
    ),
]

ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        envvar=MODEL_VARIABLE,
        show_envvar=False,
        show_default=False,
        help="What embeds faces: facenet-128, dlib-128, facenet+dlib, or a network that you added with "
        "`facesearch models add` (also: FACESEARCH_MODEL); else the gallery's own.",
    ),
]

DeviceOption = Annotated[
    Device,
    typer.Option(
        "--device",
        help="What runs the networks: auto is an NVIDIA card where one works, else the processor. "
        "The others take another build of ONNX Runtime, which the error names.",
    ),
]

IndexKindOption = Annotated[
    Literal["auto", "exact", "flat", "compressed", "inverted", "pgvector", "pgvector-half", "milvus"] | None,
    typer.Option(
        "--index",
        help="How the nearest faces are found. auto goes by their number; exact (NumPy) and flat (FAISS) compare with "
        "all of them, compressed and inverted with those that short codes propose. pgvector lets PostgreSQL do it, "
        "pgvector-half with an index of half the size; milvus has a Milvus server do it. Without it, what "
        "FACESEARCH_INDEX or config.toml says, else auto.",
    ),
]


def _bytes(said: str) -> int:
    """900M and 2G are bytes; without a letter, bytes too."""
    units = {"K": 10, "M": 20, "G": 30, "T": 40}
    text = said.strip().upper().removesuffix("IB").removesuffix("B")
    try:
        size = float(text.rstrip("KMGT")) * 2 ** units.get(text[-1:], 0)
    except ValueError:
        size = 0.0
    if not 0 < size < 2**60:
        raise typer.BadParameter(f"{said!r} is no amount of memory: say 900M or 2G")
    return int(size)


MemoryBudgetOption = Annotated[
    int | None,
    typer.Option(
        "--memory-budget",
        metavar="SIZE",
        parser=_bytes,
        show_default=False,
        help="Memory that finding faces may take, like 900M or 2G: a smaller kind of index is taken, or none.",
    ),
]

WeightsOption = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        metavar="PATH",
        show_default=False,
        help="Your own facenet_keras.h5, instead of the download, where the models are not ready yet "
        "(also: FACESEARCH_WEIGHTS).",
    ),
]

ThresholdOption = Annotated[
    float | None,
    typer.Option(
        "--threshold",
        metavar="X",
        min=0,
        max=4,
        show_default=False,
        help="The distance, 0 to 4, from which on two faces are two people, whatever the rates.",
    ),
]

FarOption = Annotated[
    float | None,
    typer.Option(
        "--far",
        metavar="RATE",
        min=0,
        max=1,
        show_default=False,
        help="How many pairs of strangers may pass for one person: 1e-3, one in a thousand, by default.",
    ),
]

FpirOption = Annotated[
    float | None,
    typer.Option(
        "--fpir",
        metavar="RATE",
        min=0,
        max=1,
        show_default=False,
        help="How many strangers may get a name: 1e-2, one in a hundred, by default. With more people enrolled, a face "
        "must be nearer.",
    ),
]

StrictFaceOption = Annotated[
    bool,
    typer.Option("--strict", help="Refuse photos with several faces instead of taking the most prominent one."),
]

MegapixelsOption = Annotated[
    float | None,
    typer.Option(
        "--max-megapixels", metavar="X", min=0.01, show_default=False, help="Refuse photos larger than this; else 120."
    ),
]


def _face_size(said: str) -> float:
    """40 and 40px are pixels, 2% and 0.02 a share of the longer side."""
    text = said.strip().lower()
    try:
        size = float(text[:-1]) / 100 if text.endswith("%") else float(text.removesuffix("px"))
    except ValueError:
        size = 0.0
    pixels = text.endswith("px")
    if not 0 < size < 100_000 or (pixels and size < 1) or (text.endswith("%") and size >= 1):
        raise typer.BadParameter(f"{said!r} is no size: say 40px, or 2% of the photo's longer side")
    return size


MinFaceOption = Annotated[
    float | None,
    typer.Option(
        "--min-face",
        metavar="SIZE",
        parser=_face_size,
        show_default=False,
        help="The smallest face looked for: pixels (40px), or a share of the photo's longer side (2%); else 4%. "
        "Smaller takes longer.",
    ),
]

ThoroughOption = Annotated[
    bool,
    typer.Option(
        "--thorough",
        help="Look for the small faces of a crowd too, several times slower; a new gallery also embeds each face "
        "from more crops.",
    ),
]
