MODEL_FILE = "model.onnx"


class OnnxFeatures: ...


def open_model(f, l): ...
