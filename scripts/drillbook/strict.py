"""What all parts of the schema share."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
AbsolutePath = Annotated[Path, Field(description="absolute path")]


class Strict(BaseModel):
    """Unknown keys are refused, and so are relative paths."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="after")
    def _paths_are_absolute(self) -> Self:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Path) and not value.is_absolute():
                raise ValueError(f"{name}: '{value}' is not an absolute path")
        return self
