"""Open a gallery, and what is needed of it as long as it is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from facesearch.config import default_gallery, gallery_place, settings
from facesearch.detection.plugged import PluggedDetector
from facesearch.errors import ConfigError, StoreError
from facesearch.gallery import calibrating, forgetting, milvus_place
from facesearch.gallery.cache import FILE_NAME, IndexCache
from facesearch.gallery.evidence import EvidenceCache
from facesearch.gallery.milvus_cache import MilvusCache
from facesearch.gallery.recipes import FrontEnds
from facesearch.gallery.server_index import PGVECTOR_HALF, SERVER_INDEXES, ServerCache, graph_facts
from facesearch.identify.calibration import FAR
from facesearch.images.load import MAX_MEGAPIXELS
from facesearch.index.milvus_server import MILVUS
from facesearch.index.policy import AUTO
from facesearch.index.registry import INDEXES
from facesearch.models import local
from facesearch.pipeline import EXTRA, FrontEnd, Scope, embedder_of, front_end_for, is_own, make_front_end
from facesearch.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike
    from pathlib import Path
    from types import TracebackType

    from facesearch.detection.base import Detector
    from facesearch.identify.calibration import Calibration
    from facesearch.pipeline import Engine
    from facesearch.store.erasure import Erased
    from facesearch.types import IndexFacts, Recipe

    Photo = str | PathLike[str]

DEFAULT_INDEX = AUTO
MILVUS_IN_RECEIPT = "vectors in Milvus"


def quiet(*_: object) -> None:
    """Tells nobody."""


class OpenGallery:
    """A folder that is open: its store, what analyses photos for it, and its vector index."""

    def __init__(
        self,
        store: Store,
        front_end: Callable[[], FrontEnd],
        *,
        rebuild: Callable[[Recipe], FrontEnd] | None = None,
        index: str = DEFAULT_INDEX,
        memory_budget: int | None = None,
        before_rename: Callable[[], None] = quiet,
        tell: Callable[[str], None] = quiet,
    ) -> None:
        self._store = store
        self._front_ends = FrontEnds(store, front_end, rebuild)
        self._index_name = index
        self._memory_budget = memory_budget
        self._before_rename = before_rename
        self._tell = tell
        self._told: set[str] = set()
        self._caches: dict[str, IndexCache | ServerCache | MilvusCache] = {}
        self._evidence = EvidenceCache(store)
        self._completed: Erased | None = None
        """What a killed process had begun to forget, and was completed when this was opened."""

    @classmethod
    def open(
        cls,
        folder: Photo | None = None,
        *,
        create: bool = True,
        engine: Engine = "onnx",
        model: str | None = None,
        threads: int | None = None,
        index: str | None = None,
        memory_budget: int | None = None,
        max_megapixels: float = MAX_MEGAPIXELS,
        min_face: float | None = None,
        thorough: bool = False,
        device: str = "auto",
        detector: Detector | None = None,
        tell: Callable[[str], None] = quiet,
    ) -> Self:
        """Open a gallery. One that an earlier version made goes on with that version's recipe; see ``reindex``.

        Args:
            folder: where it lives, or the URL of a PostgreSQL database (``postgresql+psycopg://user@host/name``); None
                for ``FACESEARCH_GALLERY`` or the user's data folder.
            create: make it where there is none.
            engine: "onnx", or "reference" for the ``mtcnn`` package and Keras themselves.
            model: the embedder, a built-in one or one that the user added; None for the gallery's own, FaceNet where
                it is new. A gallery made with another one says so, until ``reindex`` moves it.
            threads: threads inside one network call; None for one a core.
            index: the kind of vector index, a name of ``index.registry``; "auto" goes by the number of faces;
                "pgvector" and "pgvector-half" search a gallery on a server there, "milvus" has Milvus do it; None for
                what ``FACESEARCH_INDEX`` or the settings file says, else "auto".
            memory_budget: bytes that a search may need; None for no limit.
            max_megapixels: larger photos are refused.
            min_face: the smallest face looked for: below 1 a share of the photo's longer side, from 1 on pixels;
                None for 1/25.
            thorough: look for crowds, and embed each face of a *new* gallery from more crops.
            device: what runs the networks, a name of ``models.device``.
            detector: one of the user's own; None for the built-in one. A gallery goes on with the detector that found
                its faces, which must be given each time. Several processes look for faces where it can be pickled.
            tell: takes a line of progress while models are fetched on the first use, or a server's index is made.

        Raises:
            NotFoundError: there is no gallery, and none was to be made.
            StoreError: it cannot be opened.
            ConfigError: no such index, or the settings or the detector cannot be used.
        """
        own = None if detector is None else PluggedDetector(detector)
        scope = Scope(min_face, thorough, device, threads, max_megapixels, own)
        kind = _known_index(settings().index or DEFAULT_INDEX if index is None else index)
        store = Store.open(default_gallery() if folder is None else gallery_place(folder), create=create)
        opened = cls(
            store,
            lambda: make_front_end(engine=engine, model=model or _own_model(store), scope=scope, tell=tell),
            rebuild=lambda recipe: front_end_for(recipe, engine=engine, model=model, scope=scope, tell=tell),
            index=kind,
            memory_budget=memory_budget,
            tell=tell,
        )
        opened._complete(tell)
        return opened

    def _complete(self, tell: Callable[[str], None]) -> None:
        """Go on with what a killed process had begun to forget; say so, also where that must wait."""
        try:
            self._completed = forgetting.finish_pending(self._store)
        except StoreError as error:
            tell(f"something is being forgotten and is not all gone yet: {error.message}")
        if self._completed is not None:
            tell("what had been begun to be forgotten, and was cut short, is gone now")

    def close(self) -> None:
        """Let go of the database. Harmless when repeated."""
        self._drop_caches()
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def folder(self) -> Path:
        """Where the gallery lives; of one on a server, where this machine keeps what it makes from it."""
        return self._store.folder

    @property
    def place(self) -> str:
        """Where it is, as people know it: its folder, or its URL without a password."""
        return self._store.name

    @property
    def front_end(self) -> FrontEnd:
        """What turns photos into embeddings; made on first use."""
        return self._front_ends.current()

    def use(self, front_end: FrontEnd) -> None:
        """Analyse photos with this front end from now on; several galleries may share one."""
        self._front_ends.use(front_end)

    @property
    def calibration(self) -> Calibration:
        """What distances mean here: by the album's own calibration (``calibrate``), else the built-in one.

        Raises:
            ModelError: what is stored is not a calibration.
        """
        return calibrating.current(self._store, self._tell_once)

    @property
    def threshold(self) -> float:
        """The default threshold of verification and search, a squared distance."""
        return self.calibration.threshold(FAR)

    @property
    def model(self) -> str | None:
        """The name of the embedder that made the vectors; None where there are none."""
        active = self._store.state().recipe
        return next((embedder_of(one) for one in self._store.recipes() if one.key == active), None)

    def _tell_once(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            self._tell(line)

    def _drop_caches(self) -> None:
        for cache in self._caches.values():
            if isinstance(cache, MilvusCache):
                cache.close()
        self._caches.clear()

    def _cache(self, recipe: Recipe) -> IndexCache | ServerCache | MilvusCache:
        if recipe.key not in self._caches:
            self._caches[recipe.key] = self._new_cache(recipe)
        return self._caches[recipe.key]

    def _new_cache(self, recipe: Recipe) -> IndexCache | ServerCache | MilvusCache:
        if self._index_name == MILVUS:
            chosen = settings()
            server = milvus_place.server_of(chosen)
            return MilvusCache(self._store, recipe, server, prefix=chosen.milvus_prefix)
        if self._index_name in SERVER_INDEXES:
            half = self._index_name == PGVECTOR_HALF
            return ServerCache(self._store.vector_table(recipe, half=half), tell=self._tell)
        return IndexCache(
            self._store,
            recipe,
            engine=self._index_name,
            budget=self._memory_budget,
            before_rename=self._before_rename,
        )

    def _index_facts(self) -> IndexFacts | None:
        """What a server says of its index, where answers come from one, or there is no index of this machine."""
        active = self._store.state().recipe
        recipe = next((one for one in self._store.recipes() if one.key == active), None)
        if recipe is None:
            return None
        if self._index_name in (MILVUS, *SERVER_INDEXES):
            cache = self._cache(recipe)
            return None if isinstance(cache, IndexCache) else cache.about()
        return None if (self._store.folder / FILE_NAME).exists() else graph_facts(self._store, recipe)

    def _forget_in_milvus(self) -> dict[str, str]:
        """Drop what the Milvus of the settings holds of this gallery, whatever answers now come from.

        Returns:
            What became of it, for the receipt; nothing where no Milvus is named.
        """
        chosen = settings()
        if chosen.milvus_uri is None:
            return {}
        server = milvus_place.server_of(chosen)
        try:
            number = milvus_place.drop_all(self._store, server, chosen.milvus_prefix)
        finally:
            server.close()
        return {MILVUS_IN_RECEIPT: "removed; the next search fills it anew" if number else "there was none"}


def _own_model(store: Store) -> str | None:
    """The embedder that a gallery goes on with where none is named; None for the default one.

    Raises:
        ModelError: it was removed.
    """
    active = store.state().recipe
    recipe = next((one for one in store.recipes() if one.key == active), None)
    if recipe is None or not is_own(recipe):
        return recipe.model if recipe is not None and recipe.model in EXTRA else None
    return recipe.model if recipe.model in local.names() else local.behind(recipe).name


def _known_index(name: str) -> str:
    known = (AUTO, *INDEXES, *SERVER_INDEXES, MILVUS)
    if name not in known:
        raise ConfigError(f"no index {name!r}", hint=f"known: {', '.join(known)}")
    return name
