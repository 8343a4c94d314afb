"""What a request can do wrong, each with its HTTP status."""

from train.errors import OcrError


class RequestError(OcrError):
    """A request that is refused; the client can mend it."""

    http_status = 400


class UnauthorisedError(RequestError):
    """The API key is missing or wrong."""

    http_status = 401


class ForbiddenError(RequestError):
    """The server is set not to do this, e.g. fetch from that host."""

    http_status = 403


class UnknownError(RequestError):
    """There is no such correction, retraining or model."""

    http_status = 404


class SlowError(RequestError):
    """The body does not arrive in its time."""

    http_status = 408


class ConflictError(RequestError):
    """Not in this state, e.g. too few corrections to train on."""

    http_status = 409


class TooLargeError(RequestError):
    """The body, image, document or number of lines is over a limit."""

    http_status = 413


class UnsupportedError(RequestError):
    """The file is of a type that is not read."""

    http_status = 415


class UndecodableError(RequestError):
    """The file says it is of a type but cannot be decoded; or a field has a wrong value."""

    http_status = 422


class BusyError(RequestError):
    """The queue is full; worth another try after `retry_after_s` seconds."""

    http_status = 503
    retry_after_s = 1


class NoRoomError(RequestError):
    """The disk of the storage is full, or may not be written."""

    http_status = 507
