"""The demonstration: build a lab, lose it, and prove that it comes back."""

from drillbook.demo.lab import Lab
from drillbook.demo.story import Story

__all__ = ["Lab", "Story"]
