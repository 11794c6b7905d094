"""JoeyNMT's own training, `TrainManager.train_and_validate`, taking turns.  Runs in an environment that holds JoeyNMT."""

from __future__ import annotations

import json
import sys
import tempfile
from importlib.metadata import version
from typing import Any

import torch
from joeynmt.batch import Batch
from joeynmt.config import parse_global_args
from joeynmt.prediction import prepare
from joeynmt.training import TrainManager
from turns import Turns

NEVER = 10**9


class TurnTaker(TrainManager):
    """JoeyNMT's trainer, waiting for its turn before each update; everything else is its own."""

    turns: Turns

    def _train_step(self, batch: Batch) -> tuple[float, int]:
        self.turns.before_update(batch.ntokens)
        return super()._train_step(batch)


def sides_of_model(settings: dict[str, Any]) -> dict[str, Any]:
    """The "model" part of a configuration: Bahdanau's translator with GRUs, or the Transformer."""
    width, dropout = settings["width"], settings["dropout"]
    if settings["architecture"] == "transformer":
        side = {
            "type": "transformer",
            "num_layers": 3,
            "num_heads": 4,
            "hidden_size": width,
            "ff_size": 4 * width,
            "dropout": dropout,
            "layer_norm": "post",
            "embeddings": {"embedding_dim": width, "scale": True, "dropout": 0.0},
        }
        return {"tied_embeddings": False, "tied_softmax": True, "encoder": side, "decoder": side}
    embeddings = {"embedding_dim": settings["embedding_width"], "dropout": dropout}
    recurrent = {"type": "recurrent", "rnn_type": "gru", "num_layers": 1, "hidden_size": width, "embeddings": embeddings}
    return {
        "encoder": recurrent | {"bidirectional": True},
        "decoder": recurrent | {"attention": "bahdanau", "input_feeding": True, "init_hidden": "bridge", "hidden_dropout": dropout},
    }


def configuration(settings: dict[str, Any], model_dir: str) -> dict[str, Any]:
    """What stands in a configuration file of JoeyNMT."""
    folder = settings["folder"]
    sides = {
        side: {"lang": language, "level": "word", "voc_file": f"{folder}/vocabulary.{language}"}
        for side, language in (("src", "source"), ("trg", "target"))
    }
    return {
        "name": "benchmark",
        "model_dir": model_dir,
        "use_cuda": False,
        "random_seed": 1,
        "data": {"train": f"{folder}/train", "dev": f"{folder}/validation", "dataset_type": "plain", **sides},
        "testing": {},
        "training": {
            "optimizer": "adam",
            "learning_rate": settings["rate"],
            "learning_rate_min": 0.0,
            "scheduling": "warmupinversesquareroot",  # it must have one, and its plateau does not start with this torch
            "clip_grad_norm": 1.0,
            "normalization": "tokens",
            "batch_type": settings["batch_type"],
            "batch_size": settings["batch_size"],
            "epochs": NEVER,
            "logging_freq": 50,
            "validation_freq": NEVER // 50 * 50,
        },
        "model": sides_of_model(settings),
    }


def main() -> None:
    settings = json.loads(sys.argv[1])
    torch.set_num_threads(settings["threads"])
    with tempfile.TemporaryDirectory() as model_dir:
        arguments = parse_global_args(configuration(settings, model_dir), mode="train")
        model, train_data, validation_data, _ = prepare(arguments, rank=0, mode="train")
        # its configuration file cannot ask for bfloat16 on a CPU, its trainer can be told
        autocast = {"device_type": "cpu", "dtype": torch.bfloat16, "enabled": settings["precision"] == "bf16"}
        trainer = TurnTaker(
            rank=0,
            model=model,
            model_dir=arguments.model_dir,
            device=arguments.device,
            autocast=autocast,
            seed=arguments.seed,
            train_args=arguments.train,
            dev_args=arguments.test,
        )
        trainer.turns = Turns(
            {
                "project": f"JoeyNMT {version('joeynmt')}",
                "torch": torch.__version__,
                "parameters": sum(parameter.numel() for parameter in model.parameters()),
            }
        )
        trainer.train_and_validate(train_data, validation_data)


if __name__ == "__main__":
    main()
