"""Guards around limits: of logins, of songs and bytes, and of the queue."""

from __future__ import annotations

from tests.mutants.guard import Guard

RATES = "tests/web/access/test_rate_limits.py::"
SERVER = "tests/web/server/test_server.py::"
QUEUE = "tests/jobs/queue/test_analyses.py::"
FEEDBACK = "tests/jobs/queue/test_feedback.py::"
LIMITS = "web/access/rate_limits.py"
SHARED_LIMITS = "tests/jobs/queue/test_limits.py::"


LOGINS = (
    Guard(
        "login-limit",
        "web/access/rate_limits.py",
        "    _limiter().take(client_key(), LOGINS)\n",
        "",
        ("tests/web/access/test_rate_limits.py::test_guessing_is_slow",),
    ),
    Guard(
        "all-logins-limit",
        "web/access/rate_limits.py",
        '        _limiter().take("", ALL_LOGINS)\n',
        "        pass\n",
        ("tests/web/access/test_rate_limits.py::test_guessing_from_many_addresses_is_slow",),
    ),
    Guard(
        "this-machine-is-counted-apart",
        LIMITS,
        '    if not is_from_this_machine():\n        _limiter().take("", ALL_LOGINS)\n',
        '    _limiter().take("", ALL_LOGINS)\n',
        (f"{RATES}test_strangers_lock_nobody_out_who_has_signed_in",),
    ),
    Guard(
        "known-browsers-are-limited",
        "web/access/rate_limits.py",
        '        _limiter().take(f"known {known}", LOGINS)\n',
        "",
        ("tests/web/access/test_rate_limits.py::test_a_known_browser_guesses_slowly_too",),
    ),
    Guard(
        "known-browsers-are-counted-apart",
        "web/access/rate_limits.py",
        "    if known := known_browser():\n",
        "    if known := None:\n",
        ("tests/web/access/test_rate_limits.py::test_strangers_lock_nobody_out_who_has_signed_in",),
    ),
    Guard(
        "known-browsers-are-signed",
        "web/access/known_browsers.py",
        'return str(_signer().loads(request.cookies.get(COOKIE, "")))',
        "return request.cookies.get(COOKIE)",
        (f"{RATES}test_nobody_can_make_a_browser_known",),
    ),
    Guard(
        "networks-are-one-client",
        LIMITS,
        "64 if address.version == 6",
        "128 if address.version == 6",
        (f"{RATES}test_a_network_is_one_client",),
    ),
    Guard(
        "forgeries-before-limits",
        "web/access/checks.py",
        "bodies, forgeries, rate_limits, room, tokens)",
        "bodies, rate_limits, room, forgeries, tokens)",
        ("tests/web/access/test_rate_limits.py::test_another_site_uses_up_no_limit",),
    ),
    Guard(
        "pictures-of-other-sites",
        LIMITS,
        'is_foreign = request.headers.get("Sec-Fetch-Site") == "cross-site"',
        "is_foreign = False",
        (f"{RATES}test_pictures_in_another_site_use_up_another_limit",),
    ),
)

UPLOADS = (
    Guard(
        "upload-limit",
        "web/access/rate_limits.py",
        "    elif takes_songs():\n        take_song()\n",
        "    elif takes_songs():\n        pass\n",
        ("tests/web/server/test_server.py::test_uploads_are_limited_over_two_applications",),
    ),
    Guard(
        "each-song-counts",
        "web/api/song_requests.py",
        "            rate_limits.take_song()\n",
        "            pass\n",
        ("tests/web/access/test_rate_limits.py::test_each_song_of_a_form_counts",),
    ),
    Guard(
        "examples-count",
        LIMITS,
        "    elif takes_songs():\n        take_song()\n",
        '    elif takes_songs() and request.content_type != "application/x-www-form-urlencoded":\n'
        "        take_song()\n",
        (f"{RATES}test_examples_count_as_uploads",),
    ),
    Guard(
        "examples-are-analysed-once",
        "web/api/uploads.py",
        "return earlier or accept(",
        "return accept(",
        (f"{RATES}test_an_example_is_analysed_once_for_a_browser",),
    ),
    Guard(
        "bytes-are-limited",
        "web/access/room.py",
        "        rate_limits.take_bytes(size)\n",
        "",
        ("tests/web/access/test_rate_limits.py::test_bytes_are_limited",),
    ),
    Guard(
        "chunked-bytes-are-limited",
        "web/access/room.py",
        "self.add(max(size, STEP_BYTES))",
        "self._room.reserve(max(size, STEP_BYTES))\n            self._left += max(size, STEP_BYTES)",
        (f"{RATES}test_chunked_bytes_are_limited_too",),
    ),
    Guard(
        "call-limit",
        "web/access/rate_limits.py",
        "        _limiter().take_call(f\"{'other sites ' if is_foreign else ''}{client_key()}\")\n",
        "        pass\n",
        ("tests/web/server/test_server.py::test_calls_are_limited",),
    ),
)

COUNTED = (
    Guard(
        "limit-is-shared",
        "jobs/queue/limits.py",
        'name = f"{rate.name}:{client}"',
        'name = f"{rate.name}:{client}:{id(self)}"',
        ("tests/jobs/queue/test_limits.py::test_a_limit_holds_across_processes[sqlite]",),
    ),
    Guard(
        "limit-ends",
        "jobs/queue/limits.py",
        "used + cost <= allowance)",
        "used <= 2 * allowance)",
        ("tests/jobs/queue/test_limits.py::test_a_limit_holds_across_processes[sqlite]",),
    ),
    Guard(
        "clocks-lock-nobody-out",
        "jobs/queue/limits.py",
        "passed = case((Limit.updated_at < now, now - Limit.updated_at), else_=0.0)",
        "passed = now - Limit.updated_at",
        ("tests/jobs/queue/test_limits.py::test_a_clock_that_jumps_forward_and_back_locks_nobody_out",),
    ),
    Guard(
        "limits-wait-for-no-lock",
        "jobs/queue/limits.py",
        "with self._catalogue.brief_transaction() as session:\n            if not changed",
        "with self._catalogue.transaction() as session:\n            if not changed",
        (f"{SHARED_LIMITS}test_a_locked_database_is_not_waited_for",),
    ),
    Guard(
        "a-locked-database-is-left-alone",
        LIMITS,
        "                self._database_at = time.monotonic() + DATABASE_RETRY_SECONDS\n",
        "",
        (f"{RATES}test_reading_does_not_wait_for_a_locked_database",),
    ),
    Guard(
        "limits-without-the-database",
        LIMITS,
        "return self._local.take(key, rate, count)",
        "return 0.0",
        (f"{RATES}test_limits_hold_while_the_database_is_locked",),
    ),
)

QUEUED = (
    Guard(
        "queue-limit",
        LIMITS,
        "if waiting >= environment.queue:",
        "if False:",
        (f"{SERVER}test_a_full_queue_says_when_to_try_again",),
    ),
    Guard(
        "client-queue-limit",
        LIMITS,
        "if own >= environment.client_queue:",
        "if False:",
        (f"{SERVER}test_one_browser_cannot_fill_the_queue",),
    ),
    Guard(
        "senders-are-kept",
        "web/api/uploads.py",
        "            sender=rate_limits.client_key(),\n",
        "",
        (f"{SERVER}test_one_address_cannot_fill_the_queue",),
    ),
    Guard(
        "senders-are-counted",
        "jobs/queue/analyses.py",
        "own |= Analysis.sender == sender",
        "pass",
        (f"{QUEUE}test_waiting_songs_are_counted_by_browser_and_by_sender",),
    ),
    Guard(
        "one-place-for-one-upload",
        LIMITS,
        "    if not _limiter().queue_lock.acquire(timeout=QUEUE_LOCK_SECONDS):\n"
        "        raise UnavailableError()  # the database is locked, and others wait for it already\n"
        "    try:\n"
        "        check_queue()\n"
        "        yield\n"
        "        _limiter().add_waiting()\n"
        "    finally:\n"
        "        _limiter().queue_lock.release()\n",
        "    check_queue()\n    yield\n",
        (f"{SERVER}test_uploads_that_end_together_get_no_more_places",),
    ),
    Guard(
        "clients-take-turns",
        "jobs/queue/analyses.py",
        "waiting.order_by(by_sender.turn, ",
        "waiting.order_by(",
        ("tests/jobs/queue/test_analyses.py::test_clients_take_turns",),
    ),
    Guard(
        "senders-take-turns",
        "jobs/queue/analyses.py",
        "partition_by=by_browser.sender, order_by=order",
        "partition_by=by_browser.id, order_by=order",
        (f"{QUEUE}test_senders_take_turns_whatever_their_cookies",),
    ),
)

VOICES = (
    Guard(
        "one-voice-for-one-song",
        "jobs/queue/feedback.py",
        "client = analysis.sender or analysis.client",
        "client = analysis.client",
        (f"{FEEDBACK}test_a_client_has_one_voice_for_a_song",),
    ),
    Guard(
        "number-of-voices",
        "jobs/queue/feedback.py",
        '        if sum(1 for _ in self.root.glob("*/*.npy")) >= MAX_VOICES:\n            return False\n',
        "",
        (f"{FEEDBACK}test_the_number_of_files_is_bounded",),
    ),
    Guard(
        "training-counts-a-song-once",
        "ml/train/genre/trunk_outputs.py",
        "answers.setdefault(trunk_output.tobytes(), [])",
        "answers.setdefault(bytes(path), [])",
        ("tests/ml/train/test_feedback.py::test_each_song_counts_once",),
    ),
)

GUARDS = (*LOGINS, *UPLOADS, *COUNTED, *QUEUED, *VOICES)
