"""Fetch and export what the peers need, outside of every measurement, and say where it is."""

from __future__ import annotations

import json
import sys

from facesearch.models import export


def main() -> None:
    """Print one line of JSON: the sample photos, the Keras weights and our ONNX form of them."""

    def tell(line: str) -> None:
        sys.stderr.write(f"  {line}\n")

    samples = export.pull_samples(tell)
    weights = export.keras_weights(tell)
    export.pull(tell)
    found = {"samples": samples, "weights": weights, "network": export.facenet_file()}
    sys.stdout.write("\n" + json.dumps({name: str(path) for name, path in found.items()}) + "\n")


if __name__ == "__main__":
    main()
