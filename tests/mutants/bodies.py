"""Guards around the bodies of requests: what is read of them, their room on the disk, and slow clients."""

from __future__ import annotations

from collections.abc import Iterable

from tests.mutants.guard import Guard

ORDER_FILE = "web/access/checks.py"
CHECKS = ("hosts", "permissions", "bodies", "forgeries", "rate_limits", "room", "tokens")
FORM_PARSER = "web/api/song_requests.py"
UNREAD = "tests/web/access/test_bodies.py::"
FORMS = "tests/web/api/test_song_requests.py::"
ROOM = "tests/web/access/test_room.py::"
SLOW_CLIENTS = "tests/hostile/test_slow_clients.py::"


def in_order(checks: Iterable[str]) -> str:
    return f"CHECKS = ({', '.join(checks)})"


def last(late: str) -> list[str]:
    """The checks with this one after the token, for which the body is read."""
    return [*(check for check in CHECKS if check != late), late]


UNREAD_BODIES = (
    *(
        Guard(f"{name}-before-the-body", ORDER_FILE, in_order(CHECKS), in_order(last(check)), (f"{UNREAD}{test}",))
        for name, check, test in (
            ("host-name", "hosts", "test_a_body_for_another_host_name_is_not_read"),
            ("sign-in", "permissions", "test_a_private_service_reads_no_body_of_a_stranger"),
            ("site", "forgeries", "test_a_body_from_another_site_is_not_read"),
            ("limit", "rate_limits", "test_a_body_beyond_a_limit_is_not_read"),
            ("room", "room", "test_a_body_without_room_is_not_read"),
        )
    ),
    Guard(
        "address-before-the-body",
        "web/access/bodies.py",
        "    if request.routing_exception is not None:  # no such address, or not with this method\n"
        "        raise request.routing_exception\n",
        "",
        (f"{UNREAD}test_a_body_without_a_use_is_not_read",),
    ),
    Guard(
        "size-before-the-body",
        "web/access/bodies.py",
        "if (request.content_length or 0) > request.max_content_length:",
        "if False:",
        (f"{UNREAD}test_a_body_that_is_too_large_is_not_read",),
    ),
    Guard(
        "token-before-the-body",
        "web/access/tokens.py",
        "    if FIELD not in session:  # no token can be right, so the body is not read\n"
        "        raise ForbiddenError()\n",
        "",
        (f"{UNREAD}test_a_body_without_a_use_is_not_read",),
    ),
    Guard(
        "place-before-the-body",
        "web/access/room.py",
        "        rate_limits.check_queue(rate_limits.QUEUE_COUNT_SECONDS)\n",
        "",
        (f"{UNREAD}test_a_body_without_room_is_not_read",),
    ),
)

FORM_PARTS = (
    Guard(
        "songs-of-a-form",
        "web/api/song_requests.py",
        "        if len(songs) == SONGS_PER_FORM:\n            raise TooManySongsError(count=SONGS_PER_FORM)\n",
        "",
        ("tests/web/api/test_song_requests.py::test_a_form_holds_a_bounded_number_of_songs",),
    ),
    Guard(
        "parts-of-a-form",
        "web/access/bodies.py",
        "    request.max_form_parts = SONGS_PER_FORM + FIELDS_PER_FORM\n",
        "",
        ("tests/web/api/test_song_requests.py::test_a_form_holds_a_bounded_number_of_parts",),
    ),
    Guard(
        "forms-without-songs",
        FORM_PARSER,
        "        if not takes_songs():\n            raise NoFilesError()\n",
        "",
        (f"{UNREAD}test_a_form_without_songs_accepts_no_files",),
    ),
    Guard(
        "files-in-other-fields",
        FORM_PARSER,
        "        if field != FIELD:\n            return SmallPart()\n",
        "",
        (f"{FORMS}test_a_form_holds_a_bounded_number_of_parts",),
    ),
    Guard(
        "size-of-other-fields",
        FORM_PARSER,
        "        if self.tell() + len(data) > FIELD_BYTES:\n            raise LargeFormError()\n",
        "",
        (f"{FORMS}test_a_file_in_another_field_stays_in_memory_and_is_short",),
    ),
    Guard(
        "rest-of-a-refused-body",
        FORM_PARSER,
        "while left > 0 and time.monotonic() < deadline:",
        "while left > -(10**9) and time.monotonic() < deadline:",
        (f"{FORMS}test_the_rest_of_a_refused_body_is_read_within_bounds",),
    ),
)

ROOM_ON_THE_DISK = (
    Guard(
        "free-space",
        "web/access/room.py",
        "            if free < service().environment.min_free_mb * 1_000_000:",
        "            if False:",
        ("tests/web/server/test_server.py::test_a_disk_without_room_takes_nothing",),
    ),
    Guard(
        "room-is-reserved",
        "web/access/room.py",
        "            self._reserved += size\n",
        "",
        ("tests/web/access/test_room.py::test_parallel_uploads_leave_the_reserve",),
    ),
    Guard(
        "reserved-room-counts",
        "web/access/room.py",
        "free = service().free_bytes() - self._reserved - size",
        "free = service().free_bytes() - size",
        (f"{ROOM}test_parallel_uploads_leave_the_reserve",),
    ),
    Guard(
        "room-of-chunked-bodies",
        "web/access/room.py",
        "        if size > self._left:\n            self.add(max(size, STEP_BYTES))\n",
        "        self._left = max(self._left, size)\n",
        (f"{ROOM}test_parallel_uploads_leave_the_reserve",),
    ),
    Guard(
        "room-is-looked-at-again",
        "web/access/room.py",
        "            self._room.reserve(0)\n",
        "            pass\n",
        (f"{ROOM}test_other_programs_that_fill_the_disk_are_noticed",),
    ),
    Guard(
        "room-is-given-back",
        "web/access/room.py",
        "        self._room.release(self._left)\n        self._left = 0\n",
        "        pass\n",
        (f"{ROOM}test_a_reservation_ends_with_its_request",),
    ),
)

CONNECTIONS = (
    *(
        Guard(
            f"a-greenlet-for-each-of-the-{kind}",
            "web/server/gunicorn_settings.py",
            "worker_class = Worker",
            'worker_class = "sync"',
            (f"{SLOW_CLIENTS}{test}",),
            timeout_kills=True,
        )
        for kind, test in (
            ("uploads", "test_slow_uploads_stop_no_page"),
            ("downloads", "test_slow_downloads_stop_no_page"),
            ("followers", "test_followers_stop_no_page"),
        )
    ),
    Guard(
        "slow-heads",
        "web/server/gunicorn_settings.py",
        "keepalive = HEAD_SECONDS",
        "keepalive = 600",
        (f"{SLOW_CLIENTS}test_an_incomplete_head_is_disconnected",),
    ),
    Guard(
        "stalled-clients",
        "web/server/connections.py",
        "            client.settimeout(STALL_SECONDS)\n",
        "",
        (f"{SLOW_CLIENTS}test_clients_that_stall_are_disconnected",),
    ),
    Guard(
        "connections-of-one-address",
        "web/server/connections.py",
        "if not self.environment.proxies and self._connections[host] >= max(1, self.worker_connections // 2):",
        "if False:",
        (f"{SLOW_CLIENTS}test_one_address_cannot_hold_every_connection",),
    ),
    Guard(
        "open-files",
        "web/server/gunicorn_settings.py",
        "most_connections(Worker.environment.connections)",
        "Worker.environment.connections",
        (f"{SLOW_CLIENTS}test_more_connections_than_open_files_end_nothing",),
    ),
    Guard(
        "waits-stop-nobody",
        "web/cooperative.py",
        "    if not _in_greenlet():\n        return call(*args, **kwargs)\n",
        "    if True:\n        return call(*args, **kwargs)\n",
        ("tests/web/test_cooperative.py::test_other_greenlets_go_on",),
    ),
)

GUARDS = (*UNREAD_BODIES, *FORM_PARTS, *ROOM_ON_THE_DISK, *CONNECTIONS)
