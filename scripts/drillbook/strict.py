"""What all parts of the schema share."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError(f"'{path}' is not an absolute path")
    return path


Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Days = Annotated[int, Field(gt=0, le=36500)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
ENDPOINT = r"([0-9.]+|\[[0-9a-fA-F:.]+\]):[0-9]+"
"""``192.0.2.1:443`` or ``[2001:db8::1]:443``, as part of a pattern."""
AbsolutePath = Annotated[Path, AfterValidator(_absolute), Field(description="absolute path")]
"""A relative one is refused: from which directory it was meant would depend on who starts drillbook, and where."""


class Strict(BaseModel):
    """Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
