"""The distribution: one top-level name, everything it needs, nothing else."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tapec.demo import data

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PROJECT["tool"]["setuptools"]
SHIPPED = ("tapec", "passes", "viz")

# One worker builds the wheel, for all of them.
in_one_worker = pytest.mark.xdist_group("wheel")


def run(*command, cwd, check=True, **environment):
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        env=os.environ | environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert not (check and done.returncode), done.stderr
    return done


def source_files(suffix: str) -> list[Path]:
    """The shipped folders' files, as paths in the installed package."""
    found = []
    for folder in SHIPPED:
        package = Path("tapec") if folder == "tapec" else Path("tapec", folder)
        for path in sorted((ROOT / folder).rglob(f"*{suffix}")):
            inside = path.relative_to(ROOT / folder)
            if folder == "tapec" and inside.parts[0] in SHIPPED:
                continue  # through a link
            found.append(package / inside)
    return found


def test_every_package_is_listed():
    folders = {".".join(path.parent.parts) for path in source_files("__init__.py")}
    assert sorted(SETUPTOOLS["packages"]) == sorted(folders)


def test_every_module_is_in_a_package():
    homes = {".".join(path.parent.parts) for path in source_files(".py")}
    assert homes <= set(SETUPTOOLS["packages"])


@pytest.mark.parametrize("name", ["passes", "viz"])
def test_link(name):
    link = ROOT / "tapec" / name
    assert link.is_symlink()
    assert os.readlink(link) == f"../{name}"
    assert SETUPTOOLS["package-dir"][f"tapec.{name}"] == name


def test_a_checkout_without_links(tmp_path):
    unwanted = shutil.ignore_patterns("__pycache__", "passes", "viz")
    shutil.copytree(ROOT / "tapec", tmp_path / "tapec", ignore=unwanted)
    for name in ("passes", "viz"):
        (tmp_path / "tapec" / name).write_text(f"../{name}")  # as Git leaves a link
        unwanted = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=unwanted)
    program = """if True:
        import tapec
        from tapec.passes import dce
        from tapec.viz import dot
        print(dce.__file__, dot.__file__, tapec.grad(lambda x: x ** 3)(2.0))
    """
    done = run("-c", program, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    dce, dot = tmp_path / "passes" / "dce.py", tmp_path / "viz" / "dot.py"
    assert done.stdout.split() == [str(dce), str(dot), "12.0"]


@pytest.mark.parametrize("name", ["passes", "viz"])
def test_bare_name_is_refused(name):
    done = run("-c", f"import {name}", cwd=ROOT, check=False)
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: this package is named tapec.{name}: import tapec.{name}"
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy: setuptools leaves `build/` behind, and reads an old one."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, copy)
    for name in (*SHIPPED, "tests", "examples"):
        if (ROOT / name).exists():
            unwanted = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=unwanted)
    out = tmp_path_factory.mktemp("wheel")
    build = ["-m", "pip", "wheel", "--no-deps", "--wheel-dir", out]
    if int(importlib.metadata.version("setuptools").split(".")[0]) >= 77:
        build.append("--no-build-isolation")  # needs no network
    run(*build, copy, cwd=copy)
    (built,) = out.glob("*.whl")
    return built


@in_one_worker
def test_wheel_contents(wheel):
    version = PROJECT["project"]["version"]
    assert wheel.name == f"tapec-{version}-py3-none-any.whl"
    names = set(zipfile.ZipFile(wheel).namelist())
    info = f"tapec-{version}.dist-info"
    assert {name.split("/")[0] for name in names} == {"tapec", info}
    assert f"{info}/licenses/LICENSE" in names

    shipped = {name for name in names if name.startswith("tapec/")}
    wanted = {path.as_posix() for path in source_files(".py")}
    wanted |= {"tapec/py.typed", "tapec/demo/digits.npz", "tapec/demo/DATA.md"}
    for suffix in (".js", ".css", ".html"):
        wanted |= {path.as_posix() for path in source_files(suffix)}
    assert shipped == wanted


@in_one_worker
def test_wheel_installs_and_imports(wheel, tmp_path):
    target = tmp_path / "installed"
    install = ["-m", "pip", "install", "--no-deps", "--no-index", "--target", target]
    run(*install, wheel, cwd=tmp_path)
    program = """if True:
        import importlib, sys
        import tapec
        from tapec.demo import data
        for name in sys.argv[1:]:
            print(importlib.import_module(name).__file__)
        print(*[array.shape for array in data.load()])
    """
    done = run(
        *("-c", program, *SETUPTOOLS["packages"]),
        cwd=tmp_path,
        PYTHONPATH=str(target),
    )
    *files, shapes = done.stdout.splitlines()
    assert all(Path(file).is_relative_to(target) for file in files)
    assert shapes == "(1797, 64) (1797,)"


def test_digits():
    images, labels = data.load()
    assert (images.shape, images.dtype) == ((1797, 64), np.float64)
    assert (labels.shape, labels.dtype) == ((1797,), np.int64)
    assert (images.min(), images.max()) == (0.0, 1.0)
    assert np.array_equal(images * 16, np.round(images * 16))
    per_digit = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.bincount(labels).tolist() == per_digit


def test_digits_split():
    images, labels = data.load()
    first, again, other = (data.split(images, labels, seed=s) for s in (0, 0, 1))
    assert all(map(np.array_equal, first, again))
    assert not np.array_equal(first.test_images, other.test_images)

    both = np.concatenate([first.train_images, first.test_images])
    assert sorted(map(bytes, both)) == sorted(map(bytes, images))
    share = np.bincount(first.test_labels) / np.bincount(labels)
    assert np.allclose(share, 0.25, atol=0.005)


@pytest.mark.parametrize(
    ("count", "held_out", "message"),
    [
        (3, 0.5, "4 images but 3 labels"),
        (4, 1.0, "held_out is a fraction between 0 and 1, not 1.0"),
    ],
)
def test_digits_split_refuses(count, held_out, message):
    with pytest.raises(ValueError, match=message):
        data.split(np.zeros((4, 64)), np.zeros(count, int), held_out=held_out)
