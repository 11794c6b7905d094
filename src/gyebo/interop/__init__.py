"""Models in the formats of other programs: a translator as two ONNX graphs, and back as a run that ONNX Runtime computes."""

from gyebo.interop.onnx_export import ExportResult, export_onnx, is_export, load_export, open_run
from gyebo.interop.onnx_graphs import translator_graphs
from gyebo.interop.onnx_translator import OnnxTranslator, open_session

__all__ = [
    "ExportResult",
    "OnnxTranslator",
    "export_onnx",
    "is_export",
    "load_export",
    "open_run",
    "open_session",
    "translator_graphs",
]
