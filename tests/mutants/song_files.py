"""Guards around the files of uploads in a storage elsewhere, and the copies of them that a machine keeps."""

from __future__ import annotations

from tests.mutants.guard import Guard

REMOTE = "jobs/queue/song_files/remote.py"
CACHE = "jobs/queue/song_files/cache.py"
TESTS_OF_SONG_FILES = "tests/jobs/queue/song_files/test_song_files.py::"
TESTS_OF_THE_CACHE = "tests/jobs/queue/song_files/test_cache.py::"
TESTS_OF_THE_STORAGE = "tests/web/test_song_files.py::"
SWEEPER = "jobs/sweeper.py"
STORAGE = "jobs/storage.py"
TESTS_OF_THE_SWEEPER = "tests/jobs/test_sweeper.py::"
TESTS_OF_STORAGE = "tests/jobs/test_storage.py::"


GUARDS = (
    Guard(
        "ids-are-keys",
        "jobs/queue/song_files/interface.py",
        "    if not is_address(analysis_id):\n",
        "    if False:\n",
        (f"{TESTS_OF_SONG_FILES}test_no_text_leads_out_of_the_place",),
    ),
    Guard(
        "only-own-objects-are-deleted",
        REMOTE,
        'place.filesystem.rm_file(f"{folder}/{name}")',
        "place.filesystem.rm(folder, recursive=True)",
        (f"{TESTS_OF_SONG_FILES}test_deleting_spares_what_is_not_an_upload",),
    ),
    Guard(
        "links-in-a-share",
        REMOTE,
        "            if _is_link(place, folder):\n                return\n",
        "",
        (f"{TESTS_OF_SONG_FILES}test_a_link_in_a_shared_folder_is_not_followed",),
    ),
    Guard(
        "a-share-that-is-not-mounted",
        REMOTE,
        'mkdir(key.rpartition("/")[0], create_parents=False)',
        'mkdir(key.rpartition("/")[0], create_parents=True)',
        (f"{TESTS_OF_SONG_FILES}test_a_shared_folder_that_is_not_mounted_is_away",),
    ),
    Guard(
        "a-folder-for-each-database",
        "jobs/queue/song_files/opening.py",
        'f"{storage_url}/{name}"',
        "storage_url",
        (f"{TESTS_OF_THE_STORAGE}test_each_database_has_songs_of_its_own",),
    ),
    Guard(
        "no-object-without-a-row",
        "web/api/uploads.py",
        "            analyses.files.delete(analysis_id)\n",
        "            pass\n",
        (f"{TESTS_OF_THE_STORAGE}test_an_upload_that_finds_no_place_leaves_no_object",),
    ),
    Guard(
        "copies-are-bounded",
        CACHE,
        "                        self._remove(entry)\n",
        "                        pass\n",
        (f"{TESTS_OF_THE_CACHE}test_the_song_that_was_unused_for_longest_goes_first",),
    ),
    Guard(
        "copies-in-use-stay",
        CACHE,
        "fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "pass",
        (f"{TESTS_OF_THE_CACHE}test_a_song_in_use_stays",),
    ),
    Guard(
        "copies-are-whole",
        CACHE,
        'part = song.with_name(f".part-{secrets.token_hex(8)}")',
        "part = song",
        (f"{TESTS_OF_THE_CACHE}test_a_download_that_was_killed_is_not_used",),
    ),
    Guard(
        "copies-of-deleted-songs",
        SWEEPER,
        "        self._analyses.files.remove_copies(known)\n",
        "",
        (f"{TESTS_OF_THE_SWEEPER}test_what_belongs_to_no_song_is_deleted_from_the_storage",),
    ),
    Guard(
        "a-storage-that-hangs",
        STORAGE,
        "self._probe.join(PROBE_SECONDS)",
        "self._probe.join()",
        (f"{TESTS_OF_STORAGE}test_a_storage_that_does_not_answer_is_not_waited_for",),
    ),
)
