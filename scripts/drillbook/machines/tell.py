"""How a long command says what it is at."""

from collections.abc import Callable

Tell = Callable[[str], None]
"""Takes one line for whoever watches."""
