"""From a model folder to a deployment folder: ONNX, verification."""
