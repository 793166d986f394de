"""How the help of a command ends: lines to copy, and the page that says more."""


def examples(*lines: str, page: str) -> str:
    """The text behind the options; ``page`` is a path in the repository."""
    # What follows a line with \b alone is not wrapped.
    shown = "\n".join(f"  {line}" for line in lines)
    return f"\b\nExample{'s' if len(lines) > 1 else ''}:\n{shown}\n\nMore: {page}"
