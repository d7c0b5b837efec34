"""From files to embeddings: decode, detect, crop, embed; for one photo or for many side by side."""

from facesearch.pipeline.front_end import STAGES, Analysis, Cropped, FrontEnd
from facesearch.pipeline.many import analyse_many
from facesearch.pipeline.recipes import ENGINES, Engine, Scope, front_end_for, make_front_end

__all__ = [
    "ENGINES",
    "STAGES",
    "Analysis",
    "Cropped",
    "Engine",
    "FrontEnd",
    "Scope",
    "analyse_many",
    "front_end_for",
    "make_front_end",
]
