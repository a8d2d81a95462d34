"""Recognition with a sequence-to-sequence model, such as Whisper: a decoder writes the text of a whole chunk.

Whisper writes the times of phrases between the words; the words of a phrase share its time by their length. Other
models write no times, and the whole chunk is one phrase.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Floats
from ml.lyrics.speech.chunks import Chunk, chunks
from ml.report.schema import Word

CHUNK_SECONDS, OVERLAP_SECONDS = 30.0, 4.0
"""Whisper gets exactly half a minute at a time."""
_SECONDS_PER_STEP = 0.02
"""Whisper's time tokens count steps of this length."""
_MOST_TOKENS = 224
"""More tokens than anybody sings in half a minute. A decoder that repeats itself stops here."""
_WORD_STARTS = ("Ġ", "▁", " ")
"""How the tokens of byte-level and of SentencePiece tokenizers begin that begin a word."""


@dataclass
class _Phrase:
    """`words` are lists of token ids, each with the logarithms of their probabilities."""

    start: float
    end: float
    words: list[tuple[list[int], list[float]]] = field(default_factory=list)


class SequenceRecogniser:
    def __init__(self, model: Any, extractor: Any, tokenizer: Any) -> None:
        self._model, self._extractor, self._tokenizer = model, extractor, tokenizer
        self._special = set(tokenizer.all_special_ids)
        no_times = getattr(model.generation_config, "no_timestamps_token_id", None)
        self._first_time_token = None if no_times is None else int(no_times) + 1

    def recognise(self, samples: Floats, on_progress: Callable[[float], None]) -> list[Word]:
        """The words of one stretch, with times in seconds from its beginning."""
        found: list[Word] = []
        size, overlap = round(CHUNK_SECONDS * SAMPLE_RATE), round(OVERLAP_SECONDS * SAMPLE_RATE)
        for chunk in chunks(0, len(samples), size=size, overlap=overlap):
            for word in self._words(chunk, samples):
                # What a phrase on the border of two chunks adds comes after what is there already.
                start = max(word.start, found[-1].end if found else 0.0)
                found.append(replace(word, start=start, end=max(start, word.end)))
            on_progress(chunk.end / len(samples))
        return found

    def _words(self, chunk: Chunk, samples: Floats) -> Iterator[Word]:
        """The words whose middle lies in the part of the chunk that counts."""
        tokens, logarithms = self._generate(samples[chunk.start : chunk.end])
        start, end = chunk.start / SAMPLE_RATE, chunk.end / SAMPLE_RATE
        for phrase in self._phrases(tokens, logarithms, end - start):
            for word in self._timed(phrase):
                middle = (start + (word.start + word.end) / 2) * SAMPLE_RATE
                if chunk.kept_start <= middle < chunk.kept_end:
                    yield Word(word.text, round(start + word.start, 3), round(start + word.end, 3), word.confidence)

    def _generate(self, samples: Floats) -> tuple[list[int], list[float]]:
        """The token ids that the decoder writes, each with the logarithm of its probability."""
        import torch

        inputs = self._extractor(samples, sampling_rate=SAMPLE_RATE, return_tensors="pt", return_attention_mask=True)
        options: dict[str, Any] = {}
        if self._first_time_token is not None:
            options = {"return_timestamps": True, "force_unique_generate_call": True}
        longest = int(getattr(self._model.config, "max_target_positions", None) or 2 * _MOST_TOKENS)
        with torch.inference_mode():
            generated = self._model.generate(
                **inputs,
                **options,
                max_new_tokens=min(_MOST_TOKENS, longest // 2),
                do_sample=False,
                num_beams=1,
                return_dict_in_generate=True,
                output_scores=True,
            )
            count = len(generated.scores)
            tokens = generated.sequences[0, -count:]
            scores = torch.stack([step[0].log_softmax(-1) for step in generated.scores])
            logarithms = scores.gather(1, tokens[:, None])[:, 0]
        return tokens.tolist(), logarithms.tolist()

    def _phrases(self, tokens: Sequence[int], logarithms: Sequence[float], seconds: float) -> list[_Phrase]:
        """The tokens cut into phrases by the time tokens, and into words. Times lie within the chunk and never go
        back, whatever the model writes."""
        phrases = [_Phrase(0.0, seconds)]
        latest = 0.0
        for token, logarithm in zip(tokens, logarithms, strict=True):
            if self._first_time_token is not None and token >= self._first_time_token:
                latest = min(seconds, max(latest, (token - self._first_time_token) * _SECONDS_PER_STEP))
                if phrases[-1].words:
                    phrases[-1].end = latest
                    phrases.append(_Phrase(latest, seconds))
                else:
                    phrases[-1].start = latest
            elif token not in self._special:
                begins = str(self._tokenizer.convert_ids_to_tokens(token)).startswith(_WORD_STARTS)
                if begins or not phrases[-1].words:
                    phrases[-1].words.append(([], []))
                phrases[-1].words[-1][0].append(token)
                phrases[-1].words[-1][1].append(logarithm)
        return [phrase for phrase in phrases if phrase.words]

    def _timed(self, phrase: _Phrase) -> Iterator[Word]:
        texts = [str(self._tokenizer.decode(tokens)).strip() for tokens, _ in phrase.words]
        lengths = np.array([len(text) + 1 if text else 0 for text in texts], np.float64)
        ends = phrase.start + (phrase.end - phrase.start) * np.cumsum(lengths) / max(1.0, lengths.sum())
        starts = np.concatenate([[phrase.start], ends[:-1]])
        for text, start, end, (_, logarithms) in zip(texts, starts, ends, phrase.words, strict=True):
            if text:
                yield Word(text, float(start), float(end), round(float(np.exp(np.mean(logarithms))), 4))
