"""A font for labels in any script, without importing matplotlib, whose DejaVu Sans is used."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_SYSTEM = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    "/usr/share/fonts/truetype/unifont/unifont.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansDevanagari-Regular.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansThai-Regular.ttf",
    "/System/Library/Fonts/Supplemental/Arial Unicode.ttf",
    "/Library/Fonts/Arial Unicode.ttf",
    "C:/Windows/Fonts/msyh.ttc",
    "C:/Windows/Fonts/malgun.ttf",
    "C:/Windows/Fonts/Nirmala.ttc",
)
"""Fonts for the scripts that DejaVu Sans lacks (Chinese, Japanese, Korean, Indic, Thai), where systems keep them."""

_MISSING = "\U0010ffff"
"""A code point that no font has: its picture is the font's box for missing characters."""


def font_for(text: str, size: int) -> Font:
    """The first font here that has all characters of ``text``, else the one that has most of them."""
    fonts = [_open(path, size) for path in _paths()]
    if not fonts:
        return ImageFont.load_default(size)
    return min(fonts, key=lambda font: len(set(text)) - sum(_has(font, letter) for letter in set(text)))


@lru_cache(maxsize=1)
def _paths() -> tuple[str, ...]:
    """Where fonts are on this machine, DejaVu Sans first."""
    spec = find_spec("matplotlib")
    own = [Path(spec.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf"] if spec and spec.origin else []
    paths = [*own, Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"), *map(Path, _SYSTEM)]
    return tuple(str(path) for path in paths if path.is_file())


@lru_cache(maxsize=64)
def _open(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


@lru_cache(maxsize=4096)
def _has(font: ImageFont.FreeTypeFont, letter: str) -> bool:
    """Whether a font has a character: Pillow shows no character map, but the pictures of missing ones are alike."""
    return letter.isspace() or bytes(font.getmask(letter)) != bytes(font.getmask(_MISSING))


def fit(text: str, font: Font, width: float) -> str:
    """``text``, or as much of it as fits ``width`` pixels, with an ellipsis."""
    text = " ".join(text.split())
    if font.getlength(text) <= width:
        return text
    keep = len(text)
    while keep > 1 and font.getlength(text[:keep].rstrip() + "…") > width:
        keep -= 1
    return text[:keep].rstrip() + "…"
