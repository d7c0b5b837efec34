"""Measurements that a user can repeat. All sides of a comparison are measured in one run, in turn."""

from facesearch.bench.arithmetic import Arithmetic, Embedding, Product
from facesearch.bench.cluster import Grouping, bench_cluster
from facesearch.bench.identify import Identification, bench_identify
from facesearch.bench.reference import Comparison, bench_index, bench_verify
from facesearch.bench.search import KindSearch, SearchSpeed, bench_search
from facesearch.bench.stages import STAGES, Stages, Throughput, bench_stages

__all__ = [
    "STAGES",
    "Arithmetic",
    "Comparison",
    "Embedding",
    "Grouping",
    "Identification",
    "KindSearch",
    "Product",
    "SearchSpeed",
    "Stages",
    "Throughput",
    "bench_cluster",
    "bench_identify",
    "bench_index",
    "bench_search",
    "bench_stages",
    "bench_verify",
]
