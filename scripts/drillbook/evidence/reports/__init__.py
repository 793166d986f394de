"""Reports: pure functions of a record."""

from drillbook.evidence.reports.html import render_html
from drillbook.evidence.reports.junit import render_junit
from drillbook.evidence.reports.text import render_text
from drillbook.evidence.reports.view import record_sha256, render_json

__all__ = ["record_sha256", "render_html", "render_json", "render_junit", "render_text"]
