"""From files to embeddings: decode, detect, crop, embed; for one photo or for many side by side."""

from facesearch.pipeline.front_end import ENGINES, Analysis, Engine, FrontEnd, make_front_end
from facesearch.pipeline.many import analyse_many

__all__ = ["ENGINES", "Analysis", "Engine", "FrontEnd", "analyse_many", "make_front_end"]
