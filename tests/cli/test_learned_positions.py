"""Sentences that are longer than the positions a model learns: a paragraph, in training and in prediction."""

from __future__ import annotations

from pathlib import Path

from gyebo_command import Gyebo

SIZES = (
    *("--architecture", "transformer-learned-positions", "--steps", "2", "--evaluation.every", "2", "--threads", "1"),
    *("--model.width", "8", "--model.num-heads", "2", "--model.num-layers", "1", "--model.feed-forward-width", "6"),
    *("--translate.decoding.length-margin", "300", "--translate.validation-predictions", "0"),
)


def test_training_and_prediction_tell_what_to_do(gyebo: Gyebo, dates_file: Path, tmp_path: Path):
    train = ("train", "dates", "--data", dates_file, "--runs-dir", tmp_path, *SIZES)
    said = gyebo(*train, "--name", "short", "--model.max-positions", "6")
    assert said.code == 2
    assert "tokens, but this model has 6 positions. Give --model.max-positions" in said.told
    assert "Or leave such texts out: --translate.max-tokens 6." in said.told
    assert "Traceback" not in said.err
    assert [path.name for path in (tmp_path / "short").iterdir()] == [".lock"], "something is left of a run that never began"

    assert gyebo(*train, "--name", "fits", "--model.max-positions", "12").code == 0, "a search may not run over the positions"
    said = gyebo("predict", "fits", "1.2.2003", "1.2.2003 and 4.5.2006", "--runs-dir", tmp_path)
    assert said.code == 2
    assert said.out == ""
    assert said.told == (
        "gyebo: Input 2 has 22 tokens, but this model has learned 12 positions. Give shorter sentences, or train with a larger"
        " --model.max-positions."
    )
