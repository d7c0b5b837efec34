"""The arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Engine = Literal["onnx", "reference"]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]

GalleryOption = Annotated[
    Path | None,
    typer.Option(
        "--gallery",
        metavar="DIR",
        show_default=False,
        help="The gallery to use; else FACESEARCH_GALLERY, else the one in your data folder.",
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
        help="The distance, 0 to 4, from which on two faces are two people; else the model's own, 0.96.",
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
