"""Guards around what others must not see: addresses of visitors, secrets, and the files of the home."""

from __future__ import annotations

from tests.mutants.guard import Guard

PRIVATE_FILES = "library/catalogue/private_files.py"
LOGS = "tests/web/server/test_logs.py"
SUPERVISOR = "tests/web/server/test_supervisor.py::"


NOTED = (
    Guard(
        "no-address-stored",
        "web/access/rate_limits.py",
        'return hmac.digest(key, text.encode(), "sha256").hex()[:32]',
        "return text",
        ("tests/web/server/test_server.py::test_no_address_is_stored",),
    ),
    Guard(
        "addresses-are-hashed",
        "web/access/rate_limits.py",
        "    return _keyed_hash(network)\n",
        "    return network\n",
        ("tests/web/server/test_server.py::test_no_address_is_stored",),
    ),
    Guard(
        "log-id",
        "web/server/logs.py",
        'facts["analysis"] = str(name)[:_SHOWN]',
        'facts["analysis"] = str(name)',
        ("tests/web/server/test_supervisor.py::test_the_log_holds_no_secrets",),
    ),
    Guard(
        "log-path",
        "web/server/logs.py",
        'str(request.url_rule or "none")',
        "request.full_path",
        ("tests/web/server/test_supervisor.py::test_the_log_holds_no_secrets",),
    ),
    Guard(
        "log-line",
        "web/server/logs.py",
        "return text if _PLAIN.fullmatch(text) else json.dumps(text)",
        "return text",
        ("tests/web/server/test_logs.py::test_a_value_is_one_word_of_its_line",),
    ),
    Guard(
        "log-of-what-is-no-request",
        "web/server/gunicorn_settings.py",
        "        self.error_log.addFilter(logs.hide_request)\n",
        "",
        (f"{SUPERVISOR}test_the_log_hides_requests_that_are_no_http",),
    ),
    Guard(
        "request-id-form",
        "web/server/logs.py",
        "given if _A_REQUEST_ID.fullmatch(given) else",
        "given if given else",
        ("tests/web/server/test_logs.py",),
    ),
    Guard(
        "request-id-from-proxies",
        "web/server/logs.py",
        'request.headers.get(REQUEST_ID, "") if service().environment.proxies else ""',
        'request.headers.get(REQUEST_ID, "")',
        ("tests/web/server/test_logs.py",),
    ),
    Guard(
        "secret-settings",
        "setting_kinds.py",
        'value="…" if self.is_secret else text',
        "value=text",
        ("tests/test_environment.py::test_an_invalid_secret_is_named_and_not_shown",),
    ),
    Guard(
        "errors-name-no-path",
        "jobs/upload_results.py",
        "for_visitors(result, task))",
        "result)",
        ("tests/jobs/test_engine.py::test_no_error_for_visitors_names_a_path",),
    ),
)

HOME = (
    Guard(
        "a-new-home-is-the-owners",
        "library/catalogue/private_files.py",
        "    before = os.umask(UMASK)\n",
        "    before = os.umask(0o022)\n",
        ("tests/library/catalogue/test_private_files.py::test_a_new_library_is_private",),
    ),
    Guard(
        "an-older-home-is-the-owners",
        "library/catalogue/private_files.py",
        "                path.chmod(stat.S_IMODE(mode) & ~_OTHERS)\n",
        "                pass\n",
        ("tests/library/catalogue/test_private_files.py::test_an_older_library_is_made_private",),
    ),
    Guard(
        "links-keep-their-mode",
        PRIVATE_FILES,
        "if not stat.S_ISLNK(mode) and mode & _OTHERS:",
        "if mode & _OTHERS:",
        ("tests/library/catalogue/test_private_files.py::test_an_older_library_is_made_private",),
    ),
    Guard(
        "children-write-for-the-owner",
        "web/server/supervisor.py",
        "    os.umask(UMASK)  # the children inherit it\n",
        "",
        (f"{SUPERVISOR}test_other_users_cannot_read_the_home",),
    ),
)

GUARDS = (*NOTED, *HOME)
