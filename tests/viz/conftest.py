import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def chromium():
    from chromium import browser, executable

    if executable() is None:
        pytest.skip("no Chromium here")
    with browser() as page:
        yield page


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """The explorer of each of `programs`."""
    import programs

    folder = tmp_path_factory.mktemp("pages")
    made = {}
    for name in programs.PAGES:
        made[name] = folder / f"{name}.html"
        getattr(programs, name)().html(made[name], values=name == "with_nan")
    return made


@pytest.fixture
def opened(chromium, files):
    """Opens the page of a program; nothing may have gone wrong in it."""

    def go(name, address="", **options):
        chromium.open(f"{files[name].as_uri()}#{address}", **options)
        return chromium

    yield go
    assert not chromium.complaints, chromium.complaints
