"""Code in the documentation runs as it stands."""

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "doc").glob("*.md")])
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def snippets(page):
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), flags=re.DOTALL | re.MULTILINE)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("page", [page for page in PAGES if snippets(page)], ids=lambda page: page.name)
def test_snippets_of_a_page_run_in_order(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = "\n".join(snippets(page))
    if ">>>" in code:
        test = doctest.DocTestParser().get_doctest(code, {}, page.name, str(page), 0)
        assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test).failed == 0
    else:
        exec(compile(code, str(page), "exec"), {"__name__": "__main__"})


def test_pages_with_snippets_are_found():
    assert {"README.md", "mixture.md", "families.md"} <= {page.name for page in PAGES if snippets(page)}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_short_and_save_a_figure(example, tmp_path, monkeypatch, capsys):
    import matplotlib

    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    source = example.read_text()
    assert len(source.splitlines()) < 120
    exec(compile(source, str(example), "exec"), {"__name__": "__main__"})
    assert list(tmp_path.glob("*.png"))
    assert len(capsys.readouterr().out.splitlines()) > 10
