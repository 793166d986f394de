"""The demonstration: build a lab, lose it, and prove that it comes back."""

from drillbook_lab.demo.story import Story

__all__ = ["Story"]
