"""Where ``pip install`` builds the native runtime: setuptools' commands, named in ``[tool.setuptools.cmdclass]``."""

import shutil
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

NATIVE = Path(__file__).resolve().parent

if TYPE_CHECKING:
    from edgehybrid.runtime.native import build
else:
    # setuptools loads this file by its path, before the package can be imported.
    spec = spec_from_file_location("edgehybrid_native_build", NATIVE / "build.py")
    build = module_from_spec(spec)
    sys.modules[spec.name] = build
    spec.loader.exec_module(build)


class BuildPy(build_py):
    """Builds the libraries beside the Python files, in the source and in the wheel."""

    def run(self) -> None:
        """The step of ``pip install`` that copies a package's files."""
        super().run()
        try:
            # Into the source, too: Python started in a checkout imports the package from there.
            built = build.build_all(NATIVE / "lib", Path("build", "native"), build.wheel_architectures())
        except build.BuildError as error:
            raise SystemExit(str(error)) from error
        if self.editable_mode:
            return
        folder = Path(self.build_lib, "edgehybrid", "runtime", "native", "lib")
        # Without what an earlier build of another architecture's wheel left there.
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for library in built:
            shutil.copy2(library, folder)


class BdistWheel(bdist_wheel):
    """A wheel of one architecture, for any Python."""

    def finalize_options(self) -> None:
        """Says that it holds compiled code, so that its files go where such packages are installed."""
        self.distribution.has_ext_modules = lambda: True
        super().finalize_options()

    def get_tag(self) -> tuple[str, str, str]:
        """``py3-none-manylinux_2_17_…``, or this machine's own Linux where its compiler linked for it alone."""
        own = build.wheel_architectures()[0]
        is_portable = build.find_compiler(own).is_portable
        return "py3", "none", f"{'manylinux_2_17' if is_portable else 'linux'}_{own}"
