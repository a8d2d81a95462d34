"""Recognition with a CTC model (Wav2Vec2, HuBERT, WavLM...): one token or a blank for each frame of 20 ms.

Of each frame only the most probable token and its probability are stored. The frames of overlapping chunks are joined
before they become words, so that a word on the border of two chunks stays whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Floats, Integers
from ml.lyrics.speech.chunks import chunks
from ml.report.schema import Word

CHUNK_SECONDS, OVERLAP_SECONDS = 16.0, 2.0
_SHORTEST_SECONDS = 0.5
"""Less is padded with silence: the convolutions need some samples."""


@dataclass(frozen=True)
class Frames:
    """`tokens` and their `probabilities`, both of shape (frames,)."""

    tokens: Integers
    probabilities: Floats


class CtcRecogniser:
    def __init__(self, model: Any, extractor: Any, tokenizer: Any) -> None:
        self._model, self._extractor, self._tokenizer = model, extractor, tokenizer
        self._samples_per_frame = int(model.config.inputs_to_logits_ratio)
        letters = [entry for entry in tokenizer.get_vocab() if len(entry) == 1 and entry.isalpha()]
        self._lower_case = bool(letters) and all(letter == letter.upper() for letter in letters)

    def recognise(self, samples: Floats, on_progress: Callable[[float], None]) -> list[Word]:
        """The words of one stretch, with times in seconds from its beginning."""
        frames = self._frames(samples, on_progress)
        decoded = self._tokenizer.decode(frames.tokens.tolist(), output_word_offsets=True)
        words = (self._word(offset, frames) for offset in decoded["word_offsets"])
        return [word for word in words if word.text]

    def _frames(self, samples: Floats, on_progress: Callable[[float], None]) -> Frames:
        tokens, probabilities = [], []
        per_frame = self._samples_per_frame
        size, overlap = (round(s * SAMPLE_RATE / per_frame) * per_frame for s in (CHUNK_SECONDS, OVERLAP_SECONDS))
        overlap -= overlap % (2 * per_frame)  # its middle is the border of two frames
        for chunk in chunks(0, len(samples), size=size, overlap=overlap):
            chunk_tokens, chunk_probabilities = self._probable(samples[chunk.start : chunk.end])
            first = (chunk.kept_start - chunk.start) // per_frame
            end = len(chunk_tokens) if chunk.end == len(samples) else (chunk.kept_end - chunk.start) // per_frame
            tokens.append(chunk_tokens[first:end])
            probabilities.append(chunk_probabilities[first:end])
            on_progress(chunk.end / len(samples))
        return Frames(np.concatenate(tokens), np.concatenate(probabilities))

    def _probable(self, samples: Floats) -> tuple[Integers, Floats]:
        """The most probable token of each frame, and its probability."""
        import torch

        shortest = round(_SHORTEST_SECONDS * SAMPLE_RATE)
        padded = np.pad(samples, (0, max(0, shortest - len(samples))))
        inputs = self._extractor(padded, sampling_rate=SAMPLE_RATE, return_tensors="pt")
        with torch.inference_mode():
            best = self._model(**inputs).logits[0].float().softmax(-1).max(-1)
        return best.indices.numpy(), best.values.numpy()

    def _word(self, offset: dict[str, Any], frames: Frames) -> Word:
        """The confidence is the mean over the frames of the word that have a letter."""
        part = slice(int(offset["start_offset"]), int(offset["end_offset"]))
        letters = frames.tokens[part] != self._tokenizer.pad_token_id
        probabilities = frames.probabilities[part][letters]
        seconds = self._samples_per_frame / SAMPLE_RATE
        text = str(offset["word"]).strip()
        return Word(
            text.lower() if self._lower_case else text,
            round(part.start * seconds, 3),
            round(part.stop * seconds, 3),
            round(float(probabilities.mean()), 4) if len(probabilities) else 0.0,
        )
