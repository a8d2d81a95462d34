"""Guards around songs: what is accepted and sent, and what an analysis may cost."""

from __future__ import annotations

from tests.mutants.guard import Guard

UPLOADS = "tests/web/api/test_uploads.py::"
QUEUE = "tests/jobs/queue/test_analyses.py::"
ENGINE = "tests/jobs/test_engine.py::"
LIBRARY_PAGES = "tests/web/pages/test_library_pages.py::"
LEASES = "jobs/queue/leases.py"


ACCEPTED = (
    Guard(
        "address-is-random",
        "jobs/queue/ids.py",
        "secrets.token_urlsafe(16)",
        "secrets.token_urlsafe(6)",
        ("tests/jobs/queue/test_ids.py::test_an_address_has_128_random_bits",),
    ),
    Guard(
        "address-form",
        "jobs/queue/ids.py",
        'return re.fullmatch(r"[A-Za-z0-9_-]{1,32}", text) is not None',
        "return True",
        (f"{QUEUE}test_a_strangers_address_names_no_folder",),
    ),
    Guard(
        "address-is-whole",
        "jobs/queue/ids.py",
        "re.fullmatch(",
        "re.match(",
        (f"{QUEUE}test_a_strangers_address_names_no_folder",),
    ),
    Guard(
        "address-before-row",
        "web/api/analysis_views.py",
        "service().analyses.get(analysis_id) if is_address(analysis_id) else None",
        "service().analyses.get(analysis_id) or Analysis(id=analysis_id)",
        ("tests/web/api/test_analysis_views.py::test_an_address_that_climbs_deletes_nothing",),
    ),
    Guard(
        "row-before-folder",
        "jobs/queue/analyses.py",
        "        if gone:\n",
        "        if True:\n",
        (f"{QUEUE}test_a_folder_without_a_row_is_left_alone",),
    ),
    Guard(
        "only-audio-is-accepted",
        "web/api/uploads.py",
        "    if kind.reader is None:\n        raise kind.refuse()\n",
        "",
        (f"{UPLOADS}test_other_files_are_refused",),
    ),
    Guard(
        "refused-files-are-removed",
        "web/api/song_requests.py",
        "            song.path.unlink(missing_ok=True)\n",
        "            pass\n",
        ("tests/web/api/test_uploads.py::test_other_files_are_refused",),
    ),
    Guard(
        "size-limit",
        "web/api/song_requests.py",
        "if self.size > service().max_upload_bytes:",
        "if False:",
        ("tests/web/api/test_uploads.py::test_too_large_file_is_refused_and_removed",),
    ),
    Guard(
        "names-without-controls",
        "web/api/uploads.py",
        'if unicodedata.category(character)[0] != "C"',
        "if character",
        (f"{UPLOADS}test_file_names_are_made_readable",),
    ),
    Guard(
        "type-from-bytes",
        "web/pages/media.py",
        'return MIMES.get(format, "application/octet-stream")',
        "return None",
        ("tests/web/pages/test_media.py::test_audio_type_comes_from_the_bytes_not_the_name",),
    ),
    Guard(
        "not-cached-by-proxies",
        "web/pages/media.py",
        "    response.cache_control.private = True\n",
        "",
        ("tests/web/pages/test_media.py::test_audio_can_be_requested_in_ranges",),
    ),
    Guard(
        "download-name",
        "web/pages/media.py",
        "download_name=readable(name),  # a line",
        "download_name=name,  # a line",
        ("tests/web/pages/test_file_names.py::test_a_control_character_is_in_no_download_name",),
    ),
    Guard(
        "only-audio-is-sent",
        "web/pages/library_pages.py",
        "    if kind.reader is None:\n        raise FileMissingError()\n",
        "",
        (f"{LIBRARY_PAGES}test_only_audio_files_are_sent",),
    ),
    Guard(
        "paths-stay-private",
        "web/pages/library_pages.py",
        "readable_path(path if may_change_library() else path.name)",
        "readable_path(path)",
        (f"{LIBRARY_PAGES}test_failure_log_names_file_and_reason",),
    ),
    Guard(
        "pages-escape-titles",
        "templates/library.html",
        "<bdi>{{ track.title }}</bdi>",
        "<bdi>{{ track.title|safe }}</bdi>",
        (f"{LIBRARY_PAGES}test_hostile_names_are_escaped",),
    ),
)

ANALYSED = (
    Guard(
        "lease-ownership",
        LEASES,
        "return same & self._leased_to(engine)",
        "return same",
        (f"{QUEUE}test_only_the_engine_with_the_lease_can_change_an_analysis",),
    ),
    Guard(
        "one-retry",
        LEASES,
        "(self.table.tries < MAX_TRIES)",
        "(self.table.tries > 0)",
        (f"{QUEUE}test_an_analysis_has_three_tries",),
    ),
    Guard(
        "retry-after-a-crash",
        "jobs/upload_results.py",
        "elif not (is_retried(result, killed_worker=killed_worker) and self._analyses.retry(task.id, engine)):",
        "else:",
        ("tests/jobs/test_engine.py::test_a_second_try_can_succeed",),
    ),
    Guard(
        "dead-engines-lose-their-leases",
        LEASES,
        "over = self.table.leased_until < self.now()",
        "over = self.table.leased_until.is_(None)",
        (f"{QUEUE}test_a_dead_engine_loses_its_lease",),
    ),
    Guard(
        "time-of-an-analysis",
        "jobs/local.py",
        "if worker.started < late:",
        "if False:",
        ("tests/jobs/test_local.py::test_a_failure_costs_one_task",),
    ),
    Guard(
        "memory-of-an-analysis",
        "jobs/local.py",
        "elif resident_bytes(worker.process.pid) > self._max_bytes:",
        "elif False:",
        (f"{ENGINE}test_a_bad_upload_fails_alone",),
    ),
    Guard(
        "a-crash-fails-alone",
        "jobs/local.py",
        "yield TaskEnded(worker.task, CrashedError(reason=reason), killed_worker=True)",
        "raise ModelLoadError(reason=reason)",
        (f"{ENGINE}test_a_bad_upload_fails_alone",),
    ),
    Guard(
        "engine-outlives-a-read-only-database",
        "jobs/engine.py",
        "except (DBAPIError, OSError) as error:",
        "except ZeroDivisionError as error:",
        ("tests/faults/test_faults.py::test_a_read_only_database",),
    ),
    Guard(
        "database-errors-are-no-bugs",
        "web/access/errors.py",
        "if isinstance(error, OperationalError | InterfaceError):",
        "if False:",
        ("tests/faults/test_faults.py::test_a_read_only_database",),
    ),
    Guard(
        "leases-of-a-clock-that-jumped",
        LEASES,
        "dead = self.table.state.in_(LEASED) & (over | impossible)",
        "dead = self.table.state.in_(LEASED) & over",
        ("tests/faults/test_faults.py::test_a_clock_shift_does_not_block_the_analyses_of_a_dead_engine[-24.0]",),
    ),
    Guard(
        "leases-are-renewed",
        LEASES,
        "        return self.update(self._leased_to(engine), leased_until=self.lease_end())\n",
        "        return 1\n",
        ("tests/faults/test_faults.py::test_a_clock_shift_leaves_a_running_engine_its_analyses[20.0]",),
    ),
    Guard(
        "locked-databases-are-waited-for",
        "web/app.py",
        "BUSY_SECONDS = 3.0",
        "BUSY_SECONDS = 0.1",
        ("tests/faults/test_faults.py::test_a_locked_database",),
    ),
    Guard(
        "killed-songs-are-queued-again",
        LEASES,
        "return self._requeue(dead)",
        "return 0",
        ("tests/faults/test_kills.py::test_killed_songs_end_once",),
        timeout_kills=True,
    ),
)

GUARDS = (*ACCEPTED, *ANALYSED)
