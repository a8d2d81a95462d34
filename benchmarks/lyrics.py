"""Transcription of a four-minute song with a model as large as wav2vec2-base (random weights), in its own process on
two cores. The time of the voice-activity step counts, but it skips nothing: the whole song is transcribed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.page import Row
from benchmarks.timing import run_python

SONG_SECONDS = 240
CORES = 2

_MAKE = """
import json, string, sys, torch
from pathlib import Path
from transformers import Wav2Vec2Config, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC
folder = Path({folder!r})
entries = ["<pad>", "<s>", "</s>", "<unk>", "|", *string.ascii_uppercase, "'"]
folder.mkdir()
(folder / "vocab.json").write_text(json.dumps(dict(zip(entries, range(32)))))
torch.manual_seed(0)
model = Wav2Vec2ForCTC(Wav2Vec2Config(vocab_size=32, pad_token_id=0))
model.save_pretrained(folder)
Wav2Vec2CTCTokenizer(str(folder / "vocab.json")).save_pretrained(folder)
Wav2Vec2FeatureExtractor(sampling_rate=16000, do_normalize=True).save_pretrained(folder)
print(sum(parameter.numel() for parameter in model.parameters()))
"""
_MEASURE = """
import json, time
from pathlib import Path
import numpy as np, torch
torch.set_num_threads({cores})
from ml.lyrics.speech import voice_activity
from ml.lyrics.transcription import Transcriber
random = np.random.default_rng(0)
samples = np.asarray(0.1 * random.standard_normal({seconds} * 16000), np.float32)
started = time.perf_counter()
transcriber = Transcriber.load({folder!r}, Path("models"))
loaded = time.perf_counter()
voice_activity.find(samples)
found, processor = time.perf_counter(), time.process_time()
voice_activity.find = lambda samples: [voice_activity.Stretch(0, len(samples))]
transcriber.transcribe(samples)
ended, processor = time.perf_counter(), time.process_time() - processor
print(json.dumps([loaded - started, found - loaded, ended - found, processor]))
"""


def run() -> Iterator[Row]:
    with TemporaryDirectory() as folder:
        model = str(Path(folder) / "base")
        parameters = int(run_python(_MAKE.format(folder=model)).output)
        done = run_python(_MEASURE.format(folder=model, seconds=SONG_SECONDS, cores=CORES), OMP_NUM_THREADS=str(CORES))
    load, activity, recognition, processor = json.loads(done.output)
    what = f"{SONG_SECONDS // 60} minutes, {parameters / 1e6:.0f} million weights, {CORES} cores"
    yield what, f"{SONG_SECONDS / (activity + recognition):.1f} times real time", "1.5"
    yield "voice activity and recognition", f"{activity:.1f} s and {recognition:.1f} s", ""
    yield "processor time of the recognition", f"{processor:.0f} s", ""
    yield "peak memory of the process", f"{done.megabytes:.0f} MB", "3000 MB"
    yield "the model from disk", f"{load:.1f} s", ""
