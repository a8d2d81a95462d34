"""Signing in with the password of the installation, and signing out."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.security import check_password_hash
from werkzeug.wrappers import Response

from web.access import permissions
from web.access.errors import MissingError, WebError
from web.access.known_browsers import mark_as_known
from web.context import own_address, service
from web.cooperative import in_native_thread

login = Blueprint("login", __name__)


class WrongPasswordError(WebError):
    code = "password"
    status = 403
    sentence = "The password is wrong."


@login.get("/login")
def show() -> str:
    _password_hash()
    return render_template("login.html", next=own_address(request.args.get("next", "")), error=None)


@login.post("/login")
def sign_in() -> Response | tuple[str, int]:
    target = own_address(request.form.get("next", ""))
    if not in_native_thread(check_password_hash, _password_hash(), request.form.get("password", "")):
        page = render_template("login.html", next=target, error=WrongPasswordError())
        return page, WrongPasswordError.status
    permissions.begin_sign_in()
    response = redirect(target, 303)
    mark_as_known(response)
    return response


@login.post("/logout")
def sign_out() -> Response:
    permissions.end_sign_in()
    return redirect(url_for("pages.index"), 303)


def _password_hash() -> str:
    if password_hash := service().environment.password_hash:
        return password_hash
    raise MissingError()
