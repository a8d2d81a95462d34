"""Guards around the home: whose it is, its backups, its room, and what is deleted."""

from __future__ import annotations

from tests.mutants.guard import Guard

BACKUPS = "library/catalogue/backups.py"
IDENTITY = "library/catalogue/identity.py"
DATABASE = "library/catalogue/database.py"
STORAGE = "jobs/storage.py"
SWEEPER = "jobs/sweeper.py"
TESTS_OF_BACKUPS = "tests/library/catalogue/test_backups.py::"
TESTS_OF_IDENTITY = "tests/library/catalogue/test_identity.py::"
TESTS_OF_THE_DATABASE = "tests/library/catalogue/test_database.py::"
TESTS_OF_THE_SWEEPER = "tests/jobs/test_sweeper.py::"
TESTS_OF_STORAGE = "tests/jobs/test_storage.py::"
ENGINE = "tests/jobs/test_engine.py::"
FAULTS = "tests/faults/test_faults.py::"
UPLOADS = "tests/web/api/test_uploads.py::"


OWNED = (
    Guard(
        "home-of-another-database",
        "jobs/sweeper.py",
        "if not identity.is_owned(connection, home):",
        "if False:",
        ("tests/jobs/test_sweeper.py::test_nothing_is_deleted_in_the_home_of_another_database",),
    ),
    Guard(
        "another-database-is-refused",
        "library/catalogue/identity.py",
        "    if read_file(home) != identity:\n",
        "    if False:\n",
        ("tests/library/catalogue/test_identity.py::test_another_database_is_refused",),
    ),
    Guard(
        "unknown-songs-are-not-claimed",
        IDENTITY,
        "if read_file(home) is None and _holds_unknown_songs(connection, home):",
        "if False:",
        (f"{TESTS_OF_IDENTITY}test_a_home_full_of_unknown_songs_is_not_claimed[sqlite]",),
    ),
    Guard(
        "an-emptied-database-is-lost",
        BACKUPS,
        "if is_library and not (path.exists() and path.stat().st_size):",
        "if is_library and not path.exists():",
        (f"{TESTS_OF_BACKUPS}test_a_lost_database_is_not_a_new_library[identity-emptied]",),
    ),
    Guard(
        "the-identity-shows-a-loss",
        BACKUPS,
        "is_library = (home / FILE_NAME).exists() or ",
        "is_library = ",
        (f"{TESTS_OF_BACKUPS}test_a_lost_database_is_not_a_new_library[identity-removed]",),
    ),
    Guard(
        "another-file-in-its-place",
        DATABASE,
        "if opened and _file_number(path) != opened[0]:",
        "if False:",
        (f"{TESTS_OF_THE_DATABASE}test_another_file_in_the_databases_place_is_refused",),
    ),
    Guard(
        "damage-is-named",
        DATABASE,
        "if url is None and is_damaged(error):",
        "if False:",
        (f"{TESTS_OF_BACKUPS}test_a_damaged_database_is_named_with_its_backup[text]",),
    ),
    Guard(
        "damage-is-no-bug",
        "web/access/errors.py",
        "    if is_damaged(error):",
        "    if False:",
        (f"{FAULTS}test_a_database_that_is_damaged_while_it_runs",),
    ),
)

COPIED = (
    Guard(
        "backups-are-sound",
        BACKUPS,
        'if found != "ok":',
        "if False:",
        (f"{TESTS_OF_BACKUPS}test_a_damaged_database_replaces_no_backup",),
    ),
    Guard(
        "backups-are-the-homes",
        BACKUPS,
        "            _check_owner(part, home)\n",
        "",
        (f"{TESTS_OF_BACKUPS}test_another_database_replaces_no_backup",),
    ),
    Guard("backups-of-a-week", BACKUPS, "[: 1 - KEPT]", "[:0]", (f"{TESTS_OF_BACKUPS}test_a_week_of_backups_is_kept",)),
    Guard(
        "backups-leave-room",
        BACKUPS,
        "if shutil.disk_usage(home).free - size < reserve_bytes:",
        "if False:",
        (f"{TESTS_OF_BACKUPS}test_no_backup_takes_the_last_space",),
    ),
    Guard(
        "one-backup-at-a-time",
        BACKUPS,
        "if not is_alone or path.exists():",
        "if path.exists():",
        (f"{TESTS_OF_BACKUPS}test_one_process_makes_the_backup",),
    ),
)

FULL = (
    Guard(
        "songs-wait-for-room",
        "jobs/upload_results.py",
        "elif self._storage.is_at_fault(result):",
        "elif False:",
        (f"{ENGINE}test_a_song_waits_for_room[quota]",),
    ),
    Guard(
        "nothing-is-claimed-without-room",
        "jobs/engine.py",
        "        claiming = claiming and self._storage.is_ready()\n",
        "",
        (f"{ENGINE}test_nothing_is_claimed_without_room",),
    ),
    Guard(
        "files-need-room",
        STORAGE,
        "has_files = status.f_favail >= ROOM_FILES or not is_counted",
        "has_files = True",
        (f"{TESTS_OF_STORAGE}test_room_is_bytes_and_files",),
    ),
    Guard(
        "a-full-disk-is-no-fault-of-the-song",
        STORAGE,
        "isinstance(error, DiskFullError) or (is_suspect and self._find_fault())",
        "is_suspect and self._find_fault()",
        (f"{ENGINE}test_a_song_waits_for_room[quota]",),
    ),
    Guard(
        "a-full-disk-behind-other-errors",
        STORAGE,
        "if any(is_disk_full(cause) for cause in _causes(error)):",
        "if is_disk_full(error):",
        (f"{TESTS_OF_STORAGE}test_a_full_disk_is_found_behind_other_errors",),
    ),
    Guard(
        "a-folder-that-cannot-be-written",
        STORAGE,
        "raise NotStoredError(reason=error.strerror or type(error).__name__) from error",
        "raise",
        (f"{ENGINE}test_a_song_whose_own_folder_cannot_be_written_fails_alone",),
    ),
)

DELETED = (
    Guard(
        "secure-delete",  # on by default in the SQLite of some systems
        "library/catalogue/database.py",
        '"secure_delete = ON"',
        '"secure_delete = OFF"',
        (f"{UPLOADS}test_deleted_song_leaves_no_byte_on_the_disk",),
    ),
    Guard(
        "journal-is-emptied",
        "jobs/queue/analyses.py",
        "self.catalogue.wipe()",
        "pass",
        (f"{UPLOADS}test_deleted_song_leaves_no_byte_on_the_disk",),
    ),
    Guard(
        "emptying-the-journal-waits-briefly",
        DATABASE,
        "{min(patience, _WIPE_MS)}",
        "{patience}",
        (f"{TESTS_OF_THE_DATABASE}test_emptying_the_journal_does_not_wait_for_a_reader",),
    ),
    Guard(
        "folder-is-removed",
        "jobs/queue/analyses.py",
        "            self.files.delete(analysis_id)\n",
        "            pass\n",
        (f"{UPLOADS}test_deleted_song_leaves_no_byte_on_the_disk",),
    ),
    Guard(
        "expired-is-invisible",
        "jobs/queue/analyses.py",
        "return Analysis.expires_at.is_(None) | (Analysis.expires_at > service_time(session))",
        "return Analysis.id.is_not(None)",
        ("tests/web/server/test_server.py::test_an_expired_analysis_is_not_found",),
    ),
    Guard(
        "expired-is-deleted",
        "jobs/sweeper.py",
        "                self._analyses.delete(analysis_id)\n",
        "                pass\n",
        ("tests/jobs/test_sweeper.py::test_expired_songs_are_deleted",),
    ),
    Guard(
        "expired-in-backups",
        "jobs/sweeper.py",
        "        erase_deleted(home)\n",
        "",
        ("tests/jobs/test_sweeper.py::test_an_expired_song_is_deleted_from_the_backups",),
    ),
    Guard(
        "what-is-new-is-kept",
        SWEEPER,
        "self._first_seen.get(orphan, now)",
        "now - ORPHAN_SECONDS",
        (f"{TESTS_OF_THE_SWEEPER}test_what_belongs_to_no_song_is_deleted_after_a_while",),
    ),
    Guard(
        "links-are-not-followed",
        SWEEPER,
        " and not orphan.is_symlink()",
        "",
        (f"{TESTS_OF_THE_SWEEPER}test_a_link_among_the_songs_is_not_followed",),
    ),
    Guard(
        "clocks-delete-nothing",
        "jobs/queue/service_time.py",
        "return datetime.fromisoformat(note.value) if note else datetime.now(UTC)",
        "return datetime.now(UTC)",
        (f"{TESTS_OF_THE_SWEEPER}test_a_clock_that_jumps_deletes_nothing[400]",),
    ),
    Guard(
        "a-restored-time-continues",
        "jobs/queue/service_time.py",
        "Note.name == NOTE_NAME, Note.value == self._last",
        "Note.name == NOTE_NAME",
        ("tests/jobs/queue/test_service_time.py::test_a_restored_time_continues[sqlite]",),
    ),
)

GUARDS = (*OWNED, *COPIED, *FULL, *DELETED)
