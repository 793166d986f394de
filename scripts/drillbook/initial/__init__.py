"""What ``drillbook init`` writes: an inventory of one's own, made of a model, with secrets that nobody has seen."""

from drillbook.initial.directory import Made, Wanted, make
from drillbook.initial.model import MODELS, Differences

__all__ = ["MODELS", "Differences", "Made", "Wanted", "make"]
