"""Error responses: one sentence for people, one code for programs, never a traceback.

Errors are JSON below `/api/`, and elsewhere a page with the same sentence.
"""

from __future__ import annotations

import errno
import logging
from dataclasses import dataclass
from typing import ClassVar

from flask import Flask, Response, g, jsonify, make_response, render_template, request
from flask.globals import request_ctx
from gunicorn.http.errors import NoMoreData, ParseException
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from werkzeug.exceptions import (
    ClientDisconnected,
    HTTPException,
    MethodNotAllowed,
    RequestedRangeNotSatisfiable,
    RequestEntityTooLarge,
)

from jobs.queue.song_files.interface import StorageAwayError
from library.catalogue.database import damaged, is_damaged, is_disk_full, reason_of
from ml.report.errors import SoriError
from web.access.language import translator
from web.context import service

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class ErrorText:
    code: str
    message: str


class WebError(SoriError):
    """An error with its HTTP status, and the seconds for the header Retry-After where waiting helps."""

    status: ClassVar[int] = 400
    retry_after: int | None = None


class BadRequestError(WebError):
    code = "bad_request"
    sentence = "This request cannot be understood. Go back and try again."


class ForbiddenError(WebError):
    code = "forbidden"
    status = 403
    sentence = "This request did not come from a page of Sori. Reload the page and try again."


class SignInError(WebError):
    code = "sign_in"
    status = 401
    sentence = "Sign in first, or send a valid API key."


class NotThisMachineError(WebError):
    code = "not_from_here"
    status = 403
    sentence = "Until a password is set, the library can only be changed on the machine that runs Sori."


class NoPasswordError(WebError):
    code = "not_from_here"
    status = 403
    sentence = "Behind a proxy the library can only be changed with a password. The operator sets SORI_PASSWORD_HASH."


class NotYoursError(WebError):
    code = "not_yours"
    status = 403
    sentence = "Only the browser that uploaded this song, or whoever may change the library, can delete it."


class MissingError(WebError):
    code = "not_found"
    status = 404
    sentence = "There is nothing at this address. It may have expired or been deleted."


class MethodError(WebError):
    code = "method_not_allowed"
    status = 405
    sentence = "This address does not support that method."


class StalledError(WebError):
    code = "stalled"
    status = 408
    sentence = "The upload stopped for too long. Check the connection and try again."


class UnsupportedTypeError(WebError):
    code = "unsupported_type"
    status = 415
    sentence = "Send the song as a form: multipart/form-data with a field “file”."


class TooLargeError(WebError):
    code = "too_large"
    status = 413
    sentence = "This file is larger than {megabytes} MB, which is the limit here. Export it as MP3 and try again."


class LargeFormError(WebError):
    code = "too_large"
    status = 413
    sentence = "This form is too large or has too many parts."


class TooManySongsError(WebError):
    code = "too_many_songs"
    status = 413
    sentence = "A form can hold {count} songs at most. Send the others in another one."


class NoFilesError(WebError):
    code = "unsupported_type"
    status = 415
    sentence = "This address accepts no files."


class NoSongError(WebError):
    code = "no_file"
    sentence = "No file was sent. Choose a song first."


class UnavailableError(WebError):
    code = "unavailable"
    status = 503
    sentence = "The database cannot be reached right now. Try again in a moment."
    retry_after = 10


class BusyError(WebError):
    code = "busy"
    status = 503
    sentence = "The service has too much to do right now. Try again in a moment."
    retry_after = 10


class StorageError(WebError):
    code = "storage"
    status = 503
    sentence = "The server cannot store anything right now. Try again later."
    retry_after = 60


class NoStorageError(WebError):
    code = StorageAwayError.code
    status = 503
    sentence = StorageAwayError.sentence
    retry_after = 10


class NoRoomError(WebError):
    code = "disk_full"
    status = 507
    sentence = "The server's disk is full. Try again later, when older songs have expired."


class InternalError(WebError):
    code = "internal"
    status = 500
    sentence = "Something went wrong on our side. Nothing of yours is lost; try again in a moment."


_BY_STATUS: dict[int, type[WebError]] = {
    kind.status: kind for kind in (BadRequestError, ForbiddenError, MissingError, MethodError)
}


def install(app: Flask) -> None:
    app.register_error_handler(SoriError, answer)
    app.register_error_handler(StorageAwayError, lambda error: answer(NoStorageError()))
    app.register_error_handler(HTTPException, _answer_http)
    for invalid_body in (ParseException, NoMoreData):  # gunicorn raises them only when the body is read
        app.register_error_handler(invalid_body, _answer_invalid_body)
    app.register_error_handler(DBAPIError, _answer_system_error)
    app.register_error_handler(OSError, _answer_system_error)
    app.register_error_handler(Exception, _answer_bug)


def wants_json() -> bool:
    return request.path.startswith("/api/")


def answer(error: SoriError) -> Response:
    """The error in this client's format and language. An error in the uploaded song itself has status 422."""
    status = error.status if isinstance(error, WebError) else 422
    message = translator().explain(error)
    if wants_json():
        response = jsonify(error=ErrorText(error.code, message))
    elif request_ctx.url_adapter is None:  # the Host header is no host name: a page could have no links
        response = make_response(message, {"Content-Type": "text/plain; charset=utf-8"})
    else:
        response = make_response(render_template("error.html", message=message, status=status))
    response.status_code = status
    if isinstance(error, WebError) and error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    if status == SignInError.status:
        response.headers["WWW-Authenticate"] = 'Bearer realm="Sori"'
    return response


def _answer_http(error: HTTPException) -> Response:
    if isinstance(error, RequestEntityTooLarge):
        return answer(LargeFormError())
    if isinstance(error, ClientDisconnected) and isinstance(error.__context__, TimeoutError):
        return answer(StalledError())
    # A player that asks for bytes past the end needs the status and the header with the length, not a sentence.
    if isinstance(error, RequestedRangeNotSatisfiable):
        return make_response(error.get_response())
    if error.code is not None and 300 <= error.code < 400:
        return make_response(error.get_response())
    if error.code in _BY_STATUS:
        response = answer(_BY_STATUS[error.code]())
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return response
    return answer(BadRequestError() if error.code is None or error.code < 500 else InternalError())


def _answer_invalid_body(error: Exception) -> Response:
    """The body is not valid HTTP. Close the connection, since what follows on it cannot be parsed either."""
    LOG.info("invalid request body: %s", error)
    response = answer(BadRequestError())
    response.headers["Connection"] = "close"
    return response


def _answer_system_error(error: DBAPIError | OSError) -> Response:
    """A full disk and an unreachable or damaged database are no bugs."""
    g.setdefault("sign_in_id", None)  # the page of the error must not read the database to find out
    if is_disk_full(error):
        return answer(NoRoomError())
    if is_damaged(error):
        LOG.error("%s", damaged(service().environment.home, error))
        return answer(UnavailableError())
    if isinstance(error, OperationalError | InterfaceError):
        LOG.warning("the database: %s", reason_of(error))
        return answer(UnavailableError())
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        LOG.warning("no more files can be opened")
        return answer(BusyError())
    if isinstance(error, OSError) and error.errno in (errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO):
        LOG.error("the home: %s", reason_of(error))
        return answer(StorageError())
    return _answer_bug(error)


def _answer_bug(error: Exception) -> Response:
    LOG.error("%s %s", request.method, request.url_rule, exc_info=error)
    return answer(InternalError())
