"""What stands for a value that a person does not have."""

from __future__ import annotations

from liquid import Token
from liquid.undefined import UNDEFINED, Undefined


class Missing(Undefined):
    """Reads as "", is false, and compares like nil. Knows its name, and notes when it is said."""

    __slots__ = ("seen",)

    def __init__(
        self,
        name: str,
        *,
        token: Token | None = None,
        obj: object = UNDEFINED,
        hint: str | None = None,
        seen: set[str] | None = None,
    ) -> None:
        super().__init__(name, token=token, obj=obj, hint=hint)
        self.seen = seen

    def note(self) -> None:
        """That a person sees something else in its place, or nothing."""
        if self.seen is not None:
            self.seen.add(self.name)

    def __str__(self) -> str:
        self.note()
        return ""
