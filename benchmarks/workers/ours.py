"""facesearch: indexes photos into an empty gallery, with either of its engines."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from measure import Counts, measure, read_request

from facesearch import Gallery
from facesearch.pipeline import Scope, make_front_end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKAGES = {
    "onnx": ("facesearch", "onnxruntime", "numpy", "pillow", "faiss-cpu", "SQLAlchemy"),
    "reference": ("facesearch", "mtcnn", "tensorflow", "keras", "numpy", "pillow"),
}


def main() -> None:
    """Measure the engine that the request names, with one worker or, where ``cores`` is null, at the defaults."""
    request = read_request()
    cores = request["cores"]
    front_end = make_front_end(engine=request["engine"], scope=Scope(threads=cores))

    @contextmanager
    def session() -> Iterator[Callable[[list[str]], Counts]]:
        with tempfile.TemporaryDirectory() as folder, Gallery.open(folder, engine=request["engine"]) as gallery:
            gallery.use(front_end)

            def process(paths: list[str]) -> Counts:
                report = gallery.index(*paths, jobs=cores)
                return Counts(report.faces, report.no_face, len(report.failed), report.skipped)

            yield process

    recipe = front_end.recipe
    settings = dict(recipe.settings)
    precision = settings.get("embedder_precision", "unknown")
    measure(request, session, PACKAGES[request["engine"]], recipe=recipe.key, precision=precision, settings=settings)


if __name__ == "__main__":
    main()
