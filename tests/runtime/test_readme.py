"""The programs of the runtime's README, as they stand there."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from native_runs import library
from processes import python

from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.runtime import Interpreter

README = Path(__file__).parents[2] / "edgehybrid" / "runtime" / "README.md"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
# What the program in C uses of TensorFlow Lite's C interface, tensorflow/lite/c/c_api.h.
HEADER = """
#include <stddef.h>
#include <stdint.h>
typedef struct TfLiteModel TfLiteModel;
typedef struct TfLiteInterpreterOptions TfLiteInterpreterOptions;
typedef struct TfLiteInterpreter TfLiteInterpreter;
typedef struct TfLiteTensor TfLiteTensor;
typedef struct TfLiteDelegate TfLiteDelegate;
typedef enum { kTfLiteOk = 0 } TfLiteStatus;
TfLiteModel* TfLiteModelCreateFromFile(const char* path);
void TfLiteModelDelete(TfLiteModel*);
TfLiteInterpreterOptions* TfLiteInterpreterOptionsCreate(void);
void TfLiteInterpreterOptionsDelete(TfLiteInterpreterOptions*);
void TfLiteInterpreterOptionsSetNumThreads(TfLiteInterpreterOptions*, int32_t threads);
void TfLiteInterpreterOptionsAddDelegate(TfLiteInterpreterOptions*, TfLiteDelegate*);
TfLiteInterpreter* TfLiteInterpreterCreate(const TfLiteModel*, const TfLiteInterpreterOptions*);
void TfLiteInterpreterDelete(TfLiteInterpreter*);
TfLiteStatus TfLiteInterpreterAllocateTensors(TfLiteInterpreter*);
TfLiteStatus TfLiteInterpreterInvoke(TfLiteInterpreter*);
TfLiteTensor* TfLiteInterpreterGetInputTensor(const TfLiteInterpreter*, int32_t index);
const TfLiteTensor* TfLiteInterpreterGetOutputTensor(const TfLiteInterpreter*, int32_t index);
void* TfLiteTensorData(const TfLiteTensor*);
size_t TfLiteTensorByteSize(const TfLiteTensor*);
"""
IMAGES = np.random.default_rng(1).standard_normal((5, 8, 8, 1)).astype(np.float32)


@pytest.fixture
def folder(converted_run: RunFolder, tmp_path: Path) -> Path:
    """With the files that the programs read."""
    shutil.copy(converted_run.path / "model.packed.x86_64.tflite", tmp_path / "model.tflite")
    np.save(tmp_path / "images.npy", IMAGES)
    return tmp_path


def programs(language: str) -> list[str]:
    return [text for its_language, text in BLOCKS if its_language == language]


@pytest.mark.parametrize("program", programs("python"), ids=["ours", "host's"])
def test_the_programs_in_python_give_logits(program: str, folder: Path) -> None:
    done = python(f"{program}\nnp.save('logits.npy', logits)", folder)
    assert done.returncode == 0, done.stderr
    logits = np.load(folder / "logits.npy")
    np.testing.assert_array_equal(logits, Interpreter(folder / "model.tflite").predict(IMAGES[: len(logits)]))


def c_library() -> Path:
    """TensorFlow Lite's C library; skips the test where there is none."""
    found = importlib.util.find_spec("pyopen_wakeword")
    given = os.environ.get("TFLITE_C") or (found and Path(str(found.origin)).parent / "lib" / "libtensorflowlite_c.so")
    if not given:
        pytest.skip("needs TensorFlow Lite's C library: its path in TFLITE_C, or pip install pyopen-wakeword")
    return Path(given)


def test_the_program_in_c_gives_the_logits_of_python(folder: Path) -> None:
    if (compiler := shutil.which("cc")) is None:
        pytest.skip("needs a C compiler")
    ours, theirs = library(), c_library()
    header = folder / "include" / "tensorflow" / "lite" / "c" / "c_api.h"
    header.parent.mkdir(parents=True)
    header.write_text(HEADER)
    (program,) = programs("c")
    (folder / "program.c").write_text(program)
    for path in (ours, theirs):
        shutil.copy(path, folder)
    flags = ["-Wall", "-Werror", "-I", "include", "-L", ".", f"-l:{ours.name}", f"-l:{theirs.name}"]
    command = [compiler, "program.c", *flags, "-Wl,-rpath,$ORIGIN", "-o", "program"]
    subprocess.run(command, cwd=folder, check=True)
    done = subprocess.run(
        [folder / "program"], cwd=folder, input=IMAGES[:1].tobytes(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    logits = np.frombuffer(done.stdout, np.float32)
    np.testing.assert_array_equal(logits, Interpreter(folder / "model.tflite")(IMAGES[:1])[0])
