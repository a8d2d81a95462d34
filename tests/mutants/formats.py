"""Guards around files of strangers: what detecting, examining and decoding them may cost and reach."""

from __future__ import annotations

from tests.mutants.guard import Guard

SNIFF = "ml/audio/sniff.py"
PARTS = "ml/audio/parts.py"
FFMPEG = "ml/audio/ffmpeg.py"
DETECTOR = "web/api/format_detection.py"
BOUNDED = "tests/ml/audio/test_bounded_work.py::"
DETECTION = "tests/web/api/test_format_detection.py::"
BAIT = "tests/hostile/test_bait.py::"
PATTERNS = "tests/test_patterns.py::test_patterns_are_linear"


DETECTED = (
    Guard(
        "number-of-tags",
        SNIFF,
        "for _ in range(MAX_ID3_TAGS):",
        "while True:",
        (f"{BOUNDED}test_sniffing_takes_no_more_steps_for_more_bytes",),
    ),
    Guard(
        "number-of-first-frames",
        SNIFF,
        "islice(frames.possible_starts(data), MAX_FRAME_STARTS)",
        "frames.possible_starts(data)",
        (f"{BOUNDED}test_a_few_positions_are_tried_for_a_first_frame",),
    ),
    Guard(
        "pattern-of-cue-sheets",
        "ml/audio/text_files.py",
        "any(map(_CUE_TRACK.match, lines))",
        're.search(r"(?m)^\\s*track \\d+ audio", start, re.MULTILINE)',
        (PATTERNS,),
    ),
    Guard("pattern-of-dashes", "ml/audio/tags.py", 'r"(?<!\\s)\\s+[-', 'r"\\s+[-', (PATTERNS,)),
    Guard(
        "no-file-is-parsed-in-the-web-process",
        "web/api/uploads.py",
        "kind = detect_format(incoming.path)",
        "from ml.audio.sniff import sniff; kind = sniff(incoming)",
        ("tests/test_imports.py::test_imports_point_downwards",),
    ),
    Guard(
        "detectors-that-end",
        DETECTOR,
        "            except TimeoutError:  # the same file would take as long again\n"
        "                break\n"
        "            except OSError:\n",
        "            except ZeroDivisionError:\n",
        (f"{DETECTION}test_an_upload_without_a_detector_is_asked_to_wait",),
    ),
    Guard(
        "dead-detectors-are-replaced",
        DETECTOR,
        "_ATTEMPTS = 2",
        "_ATTEMPTS = 1",
        (f"{DETECTION}test_a_dead_child_is_replaced",),
    ),
    Guard(
        "library-songs-are-examined-once",
        DETECTOR,
        "@lru_cache(_MAX_CACHED)\n",
        "",
        (f"{DETECTION}test_a_library_song_is_examined_once",),
    ),
    Guard(
        "answers-for-ended-requests",
        DETECTOR,
        "except BaseException:  # also",
        "except OSError:  # also",
        (f"{DETECTION}test_a_waiting_greenlet_stops_no_other",),
    ),
    Guard(
        "detectors-open-only-files",
        "ml/audio/sniff_server.py",
        "if not stat.S_ISREG(os.fstat(handle).st_mode):",
        "if False:",
        (f"{DETECTION}test_what_is_no_audio_is_named",),
    ),
    Guard(
        "detectors-wait-for-no-pipe",
        "ml/audio/sniff_server.py",
        'os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)',
        "os.O_RDONLY",
        (f"{DETECTION}test_what_is_no_audio_is_named",),
    ),
)

EXAMINED = (
    Guard(
        "blocks-of-flac",
        PARTS,
        '    raise errors.TooManyPartsError(format="FLAC")\n',
        "    return\n",
        (f"{BOUNDED}test_flac_metadata_is_left_out",),
    ),
    Guard(
        "metadata-of-flac",
        "ml/audio/header.py",
        "prefix=prefix, skip=skip)",
        'prefix=b"", skip=0)',
        (f"{BOUNDED}test_flac_metadata_is_left_out",),
    ),
    Guard(
        "headers-of-ogg",
        "ml/audio/header.py",
        "    _refuse_long_headers(view)\n",
        "",
        (f"{BOUNDED}test_ogg_headers_are_limited",),
    ),
    Guard(
        "reads-of-parsers",
        PARTS,
        "if self._reads_left < 0 or self._bytes_left < 0:",
        "if False:",
        (f"{BOUNDED}test_a_parser_can_read_only_so_much",),
    ),
    Guard(
        "parsers-are-bounded",
        "ml/audio/tags.py",
        "return parser(parts.BoundedFile(file)).tags",
        "return parser(file).tags",
        (f"{BOUNDED}test_examining_takes_no_more_steps_for_more_bytes",),
    ),
    Guard(
        "large-frames-are-left-out",
        PARTS,
        "if size <= _WHOLE_TAG_BYTES or flags:",
        "if True:",
        (f"{BOUNDED}test_a_title_after_a_large_cover_is_read",),
    ),
    Guard(
        "tags-are-cut",
        PARTS,
        "min(size, _WHOLE_TAG_BYTES))",
        "size)",
        (f"{BOUNDED}test_a_tag_is_cut_to_what_mutagen_can_take",),
    ),
    Guard(
        "damaged-tags-count-as-missing",
        "ml/audio/tags.py",
        '    except Exception:\n        return [""] * len(wanted)',
        '    except ZeroDivisionError:\n        return [""] * len(wanted)',
        ("tests/hostile/test_hostile.py::test_hostile_files",),
    ),
    Guard(
        "compressed-tags-are-not-inflated",
        "ml/audio/tags.py",
        "if flags & (0x0080 if header.version < header._V24 else 0x0008):",
        "if False:",
        ("tests/ml/audio/test_tags.py::test_a_tag_that_inflates_without_limit_is_not_read",),
    ),
)

DECODED = (
    Guard(
        "time-of-ffmpeg",
        FFMPEG,
        "        self.timed_out = True\n        self._process.kill()\n",
        "        pass\n",
        ("tests/ml/audio/test_ffmpeg.py::test_a_decoder_out_of_time",),
    ),
    Guard(
        "memory-of-ffmpeg",
        FFMPEG,
        "        (resource.RLIMIT_AS, limits.decode_memory_bytes),\n",
        "",
        ("tests/ml/audio/test_ffmpeg.py::test_a_decoder_out_of_memory",),
    ),
    Guard(
        "processor-time-of-ffmpeg",
        FFMPEG,
        "        (resource.RLIMIT_CPU, seconds),\n",
        "",
        (f"{BOUNDED}test_ffmpeg_is_stopped_at_its_processor_time",),
    ),
    Guard(
        "processor-time-of-decoders",
        "ml/audio/source.py",
        "if time.thread_time() > self.stop_at:",
        "if False:",
        (f"{BOUNDED}test_a_decoder_that_reads_on_is_stopped",),
    ),
    Guard(
        "messages-of-ffmpeg",
        FFMPEG,
        "                self.is_flooded = True\n                self._process.kill()\n",
        "                pass\n",
        (f"{BOUNDED}test_a_flood_of_messages_ends_the_decoder",),
    ),
    Guard(
        "one-demuxer",
        FFMPEG,
        '*("-f", kind.demuxer, *options, "-i"',
        '*(*options, "-i"',
        (f"{BAIT}test_bait_is_reached_without_the_guards_and_only_then",),
    ),
    Guard(
        "one-protocol",
        FFMPEG,
        '"-protocol_whitelist", "file"]',
        '"-protocol_whitelist", "file,http,tcp"]',
        (f"{BAIT}test_bait_is_reached_without_the_guards_and_only_then",),
    ),
    Guard(
        "no-absolute-references",
        FFMPEG,
        '"-use_absolute_path", "0"',
        '"-use_absolute_path", "1"',
        (f"{BAIT}test_bait_is_reached_without_the_guards_and_only_then",),
    ),
    Guard(
        "no-references",
        FFMPEG,
        '"-enable_drefs", "0"',
        '"-enable_drefs", "1"',
        (f"{BAIT}test_bait_is_not_reached_by_the_product",),
    ),
    Guard(
        "temporary-copy-is-removed",
        "ml/audio/source.py",
        "            os.unlink(path)\n",
        "            pass\n",
        ("tests/ml/audio/test_robustness.py::test_nothing_is_left_behind",),
    ),
    Guard(
        "only-files-are-opened",
        "ml/audio/source.py",
        "        if not stat.S_ISREG(mode):\n            raise errors.NotAFileError(path=name)\n",
        "",
        ("tests/ml/audio/test_source.py::test_paths_that_are_not_files",),
    ),
    Guard(
        "invalid-bodies-are-no-bugs",
        "web/access/errors.py",
        "for invalid_body in (ParseException, NoMoreData):",
        "for invalid_body in ():",
        ("tests/hostile/test_hostile.py::test_hostile_requests",),
    ),
)

WEIGHTS = (
    Guard(
        "weights-are-the-cards",
        "ml/models/card.py",
        " or hash_file(path) != sha256:",
        ":",
        ("tests/ml/models/test_card.py::test_changed_weights_are_refused",),
    ),
    Guard(
        "weights-without-foreign-types",
        "ml/models/classic/scikit.py",
        "    if untrusted := set(skops.io.get_untrusted_types(file=path)) - ALLOWED:\n"
        '        raise UntrustedTypesError(file=path.name, types=", ".join(sorted(untrusted)))\n'
        "    return skops.io.load(path, trusted=sorted(ALLOWED))\n",
        "    return skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))\n",
        ("tests/ml/models/test_classic.py::test_a_file_with_other_types_inside_is_refused",),
    ),
    Guard(
        "networks-without-code",
        "ml/models/genre.py",
        "safe_mode=True",
        "safe_mode=False",
        ("tests/ml/models/test_classic.py::test_a_network_with_code_inside_is_refused",),
    ),
)

GUARDS = (*DETECTED, *EXAMINED, *DECODED, *WEIGHTS)
