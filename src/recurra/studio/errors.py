"""Refusals of a request, besides those of the library."""

from recurra.errors import RequestError, RunError


class MissingError(RunError):
    """The folder has nothing of that name."""


class BadRequestError(RequestError):
    """A request of another form than it has to be.

    Args:
        field: its name.
        message: what is wrong and what to do.
        status: of HTTP.
        code: for programs.
    """

    def __init__(
        self, field: str, message: str, status: int = 400, code: str | None = None
    ) -> None:
        super().__init__(field, message)
        self.status, self.code = status, code
