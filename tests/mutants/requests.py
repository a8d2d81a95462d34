"""Guards around requests: who may do what, forgeries and headers."""

from __future__ import annotations

from tests.mutants.guard import Guard

ACCESS = "tests/web/access/test_access.py::"
SERVER = "tests/web/server/test_server.py::"
PERMISSIONS = "web/access/permissions.py"


SIGNING_IN = (
    Guard(
        "password",
        "web/access/login.py",
        'if not in_native_thread(check_password_hash, _password_hash(), request.form.get("password", "")):',
        "if not _password_hash():",
        ("tests/web/access/test_access.py::test_the_password_opens_the_library",),
    ),
    Guard(
        "login-is-needed",
        PERMISSIONS,
        "return view(*args, **kwargs) if may_change_library() else _refuse()",
        "return view(*args, **kwargs)",
        (f"{ACCESS}test_the_password_opens_the_library",),
    ),
    Guard(
        "logout",
        "web/access/permissions.py",
        "        SignIns(service().catalogue).delete(str(given))\n",
        "        pass\n",
        ("tests/web/access/test_access.py::test_signing_out_ends_a_copied_cookie_too",),
    ),
    Guard(
        "mark-follows-the-password",
        PERMISSIONS,
        'hashlib.sha256((service().environment.password_hash or "").encode())',
        'hashlib.sha256(b"")',
        (f"{ACCESS}test_a_new_password_signs_everybody_out",),
    ),
    Guard(
        "mark-is-compared",
        "web/access/sign_ins.py",
        "SignIn.password_mark == password_mark, ",
        "",
        ("tests/web/access/test_access.py::test_a_new_password_signs_everybody_out",),
    ),
    Guard(
        "sign-ins-end",
        "web/access/sign_ins.py",
        ", SignIn.ends_at > datetime.now(UTC)\n",
        "\n",
        (f"{ACCESS}test_a_sign_in_ends_by_itself",),
    ),
    Guard(
        "session-fixation",
        "web/access/permissions.py",
        '    own_name = client()\n    session.clear()\n    session.update({"client": own_name, SIGNED_IN',
        '    own_name = client()\n    session.update({"client": own_name, SIGNED_IN',
        ("tests/web/access/test_access.py::test_signing_in_keeps_the_songs_and_renews_the_token",),
    ),
    Guard(
        "redirect-after-login",
        "web/access/login.py",
        'target = own_address(request.form.get("next", ""))',
        'target = request.form.get("next", "")',
        (f"{ACCESS}test_signing_in_leads_to_no_other_site",),
    ),
    Guard(
        "redirect-after-language",
        "web/access/language.py",
        'own_address(request.form.get("next", "/"))',
        'request.form.get("next", "/")',
        (f"{ACCESS}test_choosing_a_language_leads_to_no_other_site",),
    ),
    Guard(
        "redirect-address",
        "web/context.py",
        ' and not address.startswith("//")',
        "",
        ("tests/web/access/test_access.py::test_signing_in_leads_to_no_other_site",),
    ),
    Guard(
        "redirect-without-backslashes",
        "web/context.py",
        ' and "\\\\" not in address',
        "",
        ("tests/web/access/test_access.py::test_signing_in_leads_to_no_other_site",),
    ),
    Guard(
        "redirect-without-controls",
        "web/context.py",
        "not address.isprintable() or ",
        "",
        ("tests/web/access/test_access.py::test_signing_in_leads_to_no_other_site",),
    ),
    Guard(
        "api-key",
        PERMISSIONS,
        ".api_keys.get(fingerprint(key.strip()))",
        '.api_keys.get(fingerprint(key.strip()), "anybody")',
        (f"{ACCESS}test_an_api_key_permits_what_the_password_permits",),
    ),
    Guard(
        "api-key-is-hashed",
        "web/access/credentials.py",
        'entry=f"{name}:{fingerprint(key)}"',
        'entry=f"{name}:{key}"',
        ("tests/test_main.py::test_a_key_is_shown_once_and_kept_as_its_hash",),
    ),
    Guard(
        "cookie-httponly",
        PERMISSIONS,
        "SESSION_COOKIE_HTTPONLY=True",
        "SESSION_COOKIE_HTTPONLY=False",
        (f"{ACCESS}test_cookies_are_kept_from_scripts_and_other_sites",),
    ),
    Guard(
        "cookie-samesite",
        PERMISSIONS,
        'SESSION_COOKIE_SAMESITE="Lax"',
        "SESSION_COOKIE_SAMESITE=None",
        (f"{ACCESS}test_cookies_are_kept_from_scripts_and_other_sites",),
    ),
    Guard(
        "cookie-secure",
        PERMISSIONS,
        "return request.is_secure",
        "return False",
        (f"{ACCESS}test_a_forwarded_name_counts_only_from_a_trusted_proxy",),
    ),
)

STRANGERS = (
    Guard(
        "private",
        PERMISSIONS,
        "if not service().environment.private or request.endpoint in OPEN_ENDPOINTS:",
        "if True:",
        (f"{ACCESS}test_nothing_is_open_by_oversight",),
    ),
    Guard(
        "private-metrics",
        PERMISSIONS,
        'OPEN_ENDPOINTS = {"static", ',
        'OPEN_ENDPOINTS = {"static", "health.show_metrics", ',
        (f"{ACCESS}test_nothing_is_open_by_oversight",),
    ),
    Guard(
        "private-needs-a-password",
        "environment.py",
        "if environment.private and not (environment.password_hash or environment.api_keys):",
        "if False:",
        ("tests/test_environment.py::test_a_private_service_that_nobody_can_enter_does_not_start",),
    ),
    Guard(
        "this-machine",
        PERMISSIONS,
        "return address is not None and address.is_loopback",
        "return address is not None",
        (f"{ACCESS}test_only_this_machine_changes_the_library",),
    ),
    Guard(
        "proxy-headers",
        "web/access/permissions.py",
        "if service().environment.proxies > 0 or any(name in request.headers for name in _PROXY_HEADERS):",
        "if service().environment.proxies > 0:",
        ("tests/web/access/test_access.py::test_only_this_machine_changes_the_library",),
    ),
    Guard(
        "nobody-is-local-behind-a-proxy",
        "web/access/permissions.py",
        "if service().environment.proxies > 0 or any(",
        "if any(",
        ("tests/web/access/test_access.py::test_behind_a_proxy_nobody_is_at_this_machine",),
    ),
    Guard(
        "http-1.0",
        PERMISSIONS,
        'if request.environ.get("SERVER_PROTOCOL") == "HTTP/1.0":',
        "if False:",
        (f"{ACCESS}test_an_http_1_0_client_is_not_this_machine",),
    ),
    Guard(
        "number-of-proxies",
        "web/access/hosts.py",
        "x_for=count,",
        "x_for=count + 1,",
        ("tests/web/access/test_access.py::test_forwarded_addresses_count_for_the_configured_proxies",),
    ),
    Guard(
        "scan-start",
        "web/pages/scan_pages.py",
        '@rescan.post("")\n@changes_library\n',
        '@rescan.post("")\n',
        ("tests/web/access/test_library_permissions.py::test_a_stranger_cannot_change_the_library",),
    ),
    Guard(
        "scan-stop",
        "web/pages/scan_pages.py",
        '@rescan.post("/stop")\n@changes_library\n',
        '@rescan.post("/stop")\n',
        ("tests/web/access/test_library_permissions.py::test_a_stranger_cannot_change_the_library",),
    ),
    Guard(
        "only-the-uploader-deletes",
        "web/api/analysis_views.py",
        "    if analysis.client != client() and not may_change_library():\n        raise NotYoursError()\n",
        "",
        ("tests/web/api/test_analysis_views.py::test_only_the_uploader_deletes_an_analysis",),
    ),
    Guard(
        "other-browsers-only-read",
        "web/pages/song_pages.py",
        "    if analysis.client != client():\n        raise ForbiddenError()\n",
        "",
        ("tests/web/pages/test_song_pages.py::test_other_browsers_can_only_read_a_result",),
    ),
)

OTHER_SITES = (
    Guard(
        "csrf-token",
        "web/access/tokens.py",
        "if not hmac.compare_digest(token.encode(), csrf_token().encode()):",
        "if False:",
        ("tests/web/access/test_access.py::test_a_form_needs_its_token",),
    ),
    Guard(
        "csrf-origin",
        "web/access/forgeries.py",
        "if origin is not None and urlsplit(origin).netloc != request.host:",
        "if False:",
        ("tests/web/access/test_access.py::test_another_site_changes_nothing",),
    ),
    Guard(
        "csrf-sec-fetch-site",
        "web/access/forgeries.py",
        'if site not in (None, "same-origin", "none"):',
        "if False:",
        ("tests/web/access/test_access.py::test_another_site_changes_nothing",),
    ),
    Guard(
        "csrf-api",
        "web/access/tokens.py",
        "if wants_json() and (names_its_site or SIGNED_IN not in session):",
        "if wants_json():",
        ("tests/web/access/test_access.py::test_a_signed_in_cookie_alone_changes_nothing_over_the_api",),
    ),
    Guard(
        "host-names",
        "web/access/hosts.py",
        'if "*" not in names and not is_known(request.host, names):',
        "if False:",
        (f"{ACCESS}test_a_name_of_somebody_elses_is_refused",),
    ),
    Guard(
        "host-name-whole",
        "web/access/hosts.py",
        "return name in names",
        "return any(name.startswith(known) for known in names)",
        (f"{ACCESS}test_a_name_of_somebody_elses_is_refused",),
    ),
    *(
        Guard(
            f"header-{name}", "web/access/headers.py", old, new, (f"{SERVER}test_every_kind_of_answer_has_the_policy",)
        )
        for name, old, new in (
            ("policy", '    "Content-Security-Policy": POLICY,\n', ""),
            ("nosniff", '    "X-Content-Type-Options": "nosniff",\n', ""),
            ("opener", '    "Cross-Origin-Opener-Policy": "same-origin",\n', ""),
        )
    ),
    *(
        Guard(
            f"policy-{name}",
            "web/access/headers.py",
            old,
            new,
            ("tests/web/access/test_headers.py::test_the_policy_names_no_other_site",),
        )
        for name, old, new in (
            ("scripts", "\"script-src 'self'\"", "\"script-src 'self' https:\""),
            ("connections", "\"connect-src 'self'\"", '"connect-src *"'),
            ("frames", "        \"frame-ancestors 'none'\",\n", ""),
            ("forms", "        \"form-action 'self'\",\n", ""),
            ("base", "        \"base-uri 'none'\",\n", ""),
        )
    ),
)

GUARDS = (*SIGNING_IN, *STRANGERS, *OTHER_SITES)
