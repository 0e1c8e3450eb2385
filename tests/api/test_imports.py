import json
import os
import subprocess
import sys
from pathlib import Path

_LOOK = """
import json, sys
import holdfast_api.asgi
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
_HEAVY = {
    *("torch", "onnx", "onnxruntime", "numpy", "scipy", "PIL", "cv2", "pyarrow", "pandas"),
    *("holdfast_worker", "holdfast_cli"),
}


def test_the_api_loads_no_runtime_and_no_worker(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", _LOOK],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "HOLDFAST_DATA": str(tmp_path)},
    )
    loaded = set(json.loads(run.stdout))
    assert {"holdfast", "holdfast_api", "holdfast_db", "holdfast_reports"} <= loaded
    assert loaded & _HEAVY == set()
