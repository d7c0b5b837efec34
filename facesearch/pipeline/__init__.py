"""From files to embeddings: decode, detect, crop, embed; for one photo or for many side by side."""

from facesearch.pipeline.extra import EXTRA
from facesearch.pipeline.front_end import STAGES, Analysis, Cropped, FrontEnd
from facesearch.pipeline.many import RUNNERS, Runner, analyse_many, check_runner
from facesearch.pipeline.own import embedder_of, is_own
from facesearch.pipeline.recipes import ENGINES, front_end_for, make_front_end
from facesearch.pipeline.scope import Engine, Scope

__all__ = [
    "ENGINES",
    "EXTRA",
    "RUNNERS",
    "STAGES",
    "Analysis",
    "Cropped",
    "Engine",
    "FrontEnd",
    "Runner",
    "Scope",
    "analyse_many",
    "check_runner",
    "embedder_of",
    "front_end_for",
    "is_own",
    "make_front_end",
]
