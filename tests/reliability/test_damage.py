"""NaN in a batch, and checkpoints that were damaged on the disk."""

from __future__ import annotations

import shutil

import safetensors.torch
from small_runs import assert_equal, one_paragraph, raw, train, train_to_end

from gyebo.training.checkpoints import checkpoint_folders


def test_nan_never_enters_the_weights(reference, tmp_path):
    run = tmp_path / "run"
    stopped = train(reference.recipe, run, "--nan-at", 18)
    assert stopped.returncode == 1, stopped.stderr
    message = one_paragraph(stopped.stderr)
    assert "Step 18 was stopped before the update: the output of source_embedding (Embedding) is NaN or infinite" in message
    assert "The weights are those of step 17" in message
    newest = checkpoint_folders(run / "training")[-1]
    assert newest.name == "step-000015"
    tensors = safetensors.torch.load_file(newest / "state.safetensors")
    assert all(tensor.isfinite().all() for tensor in tensors.values())
    train_to_end(reference.recipe, run)  # without the fault, from the weights before it
    assert_equal(run, reference.state)


def test_damaged_newest_checkpoint(reference, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(reference.folder, run)
    newest = checkpoint_folders(run / "training")[-1]
    data = bytearray((newest / "state.safetensors").read_bytes())
    data[len(data) // 2] ^= 1
    (newest / "state.safetensors").write_bytes(data)
    refused = train(reference.recipe, run)
    assert refused.returncode == 1, refused.stderr
    message = one_paragraph(refused.stderr)
    assert f"The checkpoint {newest} is damaged" in message
    assert f"Remove the folder {newest} to go on from the checkpoint before it." in message
    shutil.rmtree(newest)
    train_to_end(reference.recipe, run)
    assert_equal(run, reference.state)
    assert raw(safetensors.torch.load_file(newest / "state.safetensors")) == reference.state["tensors"]
