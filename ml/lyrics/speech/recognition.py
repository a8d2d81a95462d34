"""Loads any speech-to-text model of transformers from a folder: CTC, or sequence-to-sequence.

A folder of a model is data from elsewhere. It must not run code, so code in the folder is never loaded, weights come
from safetensors files, or from others through PyTorch's reader that makes nothing but arrays, and a language model
beside the tokenizer is left alone. Nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from ml.features.arrays import Floats
from ml.lyrics.errors import ModelDamagedError, ModelKindError
from ml.lyrics.packages import require_packages
from ml.lyrics.speech.ctc import CtcRecogniser
from ml.lyrics.speech.seq2seq import SequenceRecogniser
from ml.report.schema import Word


class Recogniser(Protocol):
    def recognise(self, samples: Floats, on_progress: Callable[[float], None]) -> list[Word]:
        """The words of one stretch, with times in seconds from its beginning."""
        ...


OFFLINE: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


def load(folder: Path, name: str) -> Recogniser:
    """The model in `folder`; `name` is for errors."""
    require_packages()
    import transformers

    try:
        config = transformers.AutoConfig.from_pretrained(folder, **OFFLINE)
    except Exception as error:  # a hostile or damaged file can raise anything
        raise ModelDamagedError(model=name) from error
    kind = kind_of(config)
    if kind is None:
        raise ModelKindError(model=name)
    try:
        extractor = transformers.AutoFeatureExtractor.from_pretrained(folder, **OFFLINE)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **OFFLINE)
        model = _model(transformers, kind, folder)
    except Exception as error:
        raise ModelDamagedError(model=name) from error
    if kind == "ctc":
        if not isinstance(tokenizer, transformers.Wav2Vec2CTCTokenizer):
            raise ModelKindError(model=name)
        return CtcRecogniser(model, extractor, tokenizer)
    return SequenceRecogniser(model, extractor, tokenizer)


def kind_of(config: Any) -> str | None:
    """`ctc`, `seq2seq`, or None for a model that does not turn speech into text."""
    from transformers.models.auto import modeling_auto

    names = set(getattr(config, "architectures", None) or ())
    ctc = set(modeling_auto.MODEL_FOR_CTC_MAPPING_NAMES.values())
    if names & ctc and hasattr(config, "inputs_to_logits_ratio"):
        return "ctc"
    return "seq2seq" if names & set(modeling_auto.MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES.values()) else None


def _model(transformers: Any, kind: str, folder: Path) -> Any:
    """In float32: on a processor without fast bfloat16 anything else is slower."""
    import torch

    loader = transformers.AutoModelForCTC if kind == "ctc" else transformers.AutoModelForSpeechSeq2Seq
    safe = any(folder.glob("*.safetensors"))
    model = loader.from_pretrained(folder, use_safetensors=safe, weights_only=True, dtype=torch.float32, **OFFLINE)
    return model.eval()
