"""README.md of an exported folder: what it is, and how it is used with gyebo and without."""

from __future__ import annotations

from gyebo.genealogy import Facts
from gyebo.interop.onnx_facts import GraphFacts

__all__ = ["card_text"]


def card_text(name: str, facts: Facts, encoder: GraphFacts, step: GraphFacts) -> str:
    """Markdown about the export of the run `name`."""
    return f"""\
# {name}, as ONNX graphs

{facts.title} ({facts.paper}, {facts.year}), exported by gyebo.

With gyebo (`pip install 'gyebo[export]'`), in this folder:

    gyebo predict . "a text to translate"

With ONNX Runtime alone, from token numbers to token numbers (greedy search; `tokenizer-source.json` and `tokenizer-target.json` are read
by the package `tokenizers`, and the special tokens stand in `export.json`):

```python
import numpy as np
import onnxruntime

encoder, step = (onnxruntime.InferenceSession(f"{{name}}.onnx") for name in ("encoder", "step"))
source = np.array([[5, 6, 7, 3]])  # every sentence ends with the token 3
carried = dict(zip([item.name for item in encoder.get_outputs()],
                   encoder.run(None, {{"source": source, "source_lengths": np.array([4])}})))
token, written = 2, []
while token != 3 and len(written) < 100:
    inputs = {{item.name: carried[item.name] for item in step.get_inputs() if item.name != "tokens"}}
    outputs = dict(zip([item.name for item in step.get_outputs()], step.run(None, {{"tokens": np.array([[token]])}} | inputs)))
    token = int(outputs["logits"].argmax())
    carried |= {{name.replace("next.", "state.", 1): array for name, array in outputs.items()}}
    written.append(token)
```

In a beam, the state has a row for each hypothesis in its second axis, and the memory stays as it is.

`encoder.onnx`, once a sentence:

{_table(encoder)}

`step.onnx`, once a token:

{_table(step)}
"""


def _table(graph: GraphFacts) -> str:
    rows = [(way, item) for way, items in (("takes", graph.inputs), ("gives", graph.outputs)) for item in items]
    lines = [f"| {way} | `{item.name}` | {item.type} | {', '.join(item.shape)} |" for way, item in rows]
    return "\n".join(["| | name | type | shape |", "|---|---|---|---|", *lines])
