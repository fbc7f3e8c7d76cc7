"""The page: its modules and style sheets, and the one file that holds them with a run's values."""

from lamina.page.writer import write

__all__ = ["write"]
