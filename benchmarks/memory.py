"""Peak of memory of `facesearch index` over few and over many photos: it must not grow with their number.

Linux only. Runs the facesearch of the interpreter that runs this script; makes distinct copies of photos in a temporary
folder and indexes them into a gallery there. 10,000 photos take ten minutes of two cores and about 1 GB of disk.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

INTERVAL = 0.1
"""Seconds between two looks at the memory of the running processes."""

BITS, BLOCK = 16, 8
"""A copy's number is drawn into a corner in black and white blocks, as large as those that JPEG encodes."""


def main() -> None:
    """Index each number of photos, and print the peaks and their ratio."""
    options = _options()
    sources = _sources(options.photos)
    results = []
    for count in options.counts:
        with tempfile.TemporaryDirectory(prefix="facesearch-memory-") as folder:
            sys.stderr.write(f"making {count:,} photos\n")
            _make_copies(sources, count, Path(folder) / "photos")
            sys.stderr.write(f"indexing {count:,} photos\n")
            results.append({"photos": count, **_index(Path(folder), options.jobs)})
        sys.stdout.write(_line(results[-1]) + "\n")
    first, last = results[0], results[-1]
    ratio = last["peak_bytes"] / first["peak_bytes"]
    sys.stdout.write(f"{last['photos']:,} photos take {ratio:.2f} times the memory of {first['photos']:,}\n")
    if options.json:
        document = {"jobs": options.jobs, "runs": results, "ratio": ratio}
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--counts", type=int, nargs="+", default=[1_000, 10_000], metavar="N", help="photos (default: 1000 and 10000)"
    )
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="photos at once (default: 2)")
    parser.add_argument("--photos", type=Path, metavar="DIR", help="what is copied (default: the 118 sample photos)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    return parser.parse_args()


def _sources(folder: Path | None) -> list[Path]:
    if folder is None:
        from facesearch.models import export

        folder = export.pull_samples(lambda line: sys.stderr.write(f"  {line}\n"))
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    if not found:
        sys.exit("no JPEG or PNG photos there")
    return found


def _make_copies(sources: list[Path], count: int, folder: Path) -> None:
    """Photos of which no two have the same pixels, so that none is skipped as a copy."""
    folder.mkdir()
    for number in range(count):
        with Image.open(sources[number % len(sources)]) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
        pen = ImageDraw.Draw(picture)
        for bit in range(BITS):
            left, top = bit % 8 * BLOCK, bit // 8 * BLOCK
            colour = "white" if number >> bit & 1 else "black"
            pen.rectangle((left, top, left + BLOCK - 1, top + BLOCK - 1), fill=colour)
        picture.save(folder / f"{number:06}.jpg", quality=90)


def _index(folder: Path, jobs: int) -> dict[str, int | float]:
    """What one run found, how long it took, and the peak of memory of all its processes together."""
    command = [sys.executable, "-m", "facesearch", "index", str(folder / "photos"), "--json"]
    command += ["--gallery", str(folder / "gallery"), "--jobs", str(jobs)]
    started = time.monotonic()
    peak = processes = 0
    printed = folder / "report.json"
    with printed.open("w") as stdout, subprocess.Popen(command, stdout=stdout) as run:  # noqa: S603 - our own interpreter
        while run.poll() is None:
            found = _tree(run.pid)
            peak = max(peak, sum(_memory(pid) for pid in found))
            processes = max(processes, len(found))
            time.sleep(INTERVAL)
    if run.returncode:
        sys.exit(f"facesearch index failed with {run.returncode}")
    report = json.loads(printed.read_text(encoding="utf-8"))
    return {
        "indexed": report["added"] + report["no_face"],
        "faces": report["faces"],
        "seconds": round(time.monotonic() - started, 1),
        "processes": processes,
        "peak_bytes": peak,
    }


def _tree(pid: int) -> list[int]:
    """A process and all that descend from it, as far as they live."""
    found = [pid]
    for one in found:
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found += map(int, children.read_text(encoding="ascii").split())
            except OSError:
                continue
    return found


def _memory(pid: int) -> int:
    """Bytes of a process; pages that several share are shared out among them (PSS). 0 where it has ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)


def _line(result: dict[str, int | float]) -> str:
    return (
        f"{result['photos']:,} photos: {result['indexed']:,} indexed, {result['faces']:,} faces, "
        f"{result['seconds']:,} s, up to {result['processes']} processes, peak {result['peak_bytes'] / 1e6:,.0f} MB"
    )


if __name__ == "__main__":
    main()
