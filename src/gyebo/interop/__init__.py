"""Models in the formats of other programs: a translator as two ONNX graphs, and back as a run that ONNX Runtime computes."""

from gyebo.interop.onnx_export import ExportResult, export_onnx, is_export, load_export, open_run

__all__ = ["ExportResult", "export_onnx", "is_export", "load_export", "open_run"]
