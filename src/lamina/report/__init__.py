"""The report: a run's views as plain values, and the page that shows them in one file."""

from lamina.report.views import view
from lamina.report.writer import write

__all__ = ["view", "write"]
