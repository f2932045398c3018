"""The section of an impact assessment: each sentence has its figure, and none concludes."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest

from sordino.attack import Audit, AuditResult, similarity
from sordino.attack.identity import identify
from sordino.attack.vectors.estimates import SpeakerAttacks, measure_vectors
from sordino.errors import StorageError
from sordino.report import Estimates
from sordino.report.assessment import Assessment, assess, check_path
from sordino.report.assessment.articles import Article
from tests.report.test_release_page import BalanceParser, outside, words

ARTICLES = (
    "Opinion 05/2014",
    "GDPR, Article 4(1) and Recital 26",
    "GDPR, Article 4(5)",
    "GDPR, Article 9",
    "GDPR, Article 25",
    "GDPR, Article 35",
    "AI Act, Article 3(39)",
    "AI Act, Article 5(1)(f)",
    "AI Act, Article 50(3)",
    "AI Act, Annex III, point 1(c)",
)
FIGURE = re.compile(
    r": -?\d+\.\d\d \((95 % interval \[.*?\]|no interval, too few speakers); "
    r"n = [\d,]+ [a-z' ]+(, [a-z ]+)?; [\d,]+ speakers; "
    r"chance \d\.\d\d; original vectors (\d\.\d\d|not measured)\)\."
)


def audited(name: str, released: np.ndarray, labels: np.ndarray, who: np.ndarray) -> AuditResult:
    audit = Audit(("linear",), shuffles=19, seed=0, jobs=1)
    return audit.run(released, labels, who.astype(str), name=name)


@pytest.fixture(scope="module")
def run() -> tuple[AuditResult, AuditResult, Estimates, Estimates]:
    """An audit of gender and emotion, with and without the attacks on identity."""
    random, who = np.random.default_rng(0), np.repeat(np.arange(12), 8)
    gender, emotion = who % 2, np.tile([0, 1], 48)
    x = random.normal(size=(12, 5))[who] + random.normal(size=(96, 5))
    x[:, 0] += 3 * gender
    secret = audited("gender", x, np.array(["female", "male"])[gender], who)
    task = audited("emotion", x, np.array(["sad", "happy"])[emotion], who)
    attacks = SpeakerAttacks(
        {"released": identify(x, who, families=("linear",))},
        {"released": similarity.identify_by_cosine(x, who)},
        {"released": similarity.pair_trials(x, who)},
    )
    full, bare = (
        Estimates(measure_vectors([secret, task], "v.csv", speaker_attacks=item))
        for item in (attacks, None)
    )
    return secret, task, full, bare


@pytest.fixture(scope="module")
def assessment(run: tuple[AuditResult, AuditResult, Estimates, Estimates]) -> Assessment:
    secret, task, full, _ = run
    return assess([secret], [task], full, "v.csv")


def test_every_article_is_there_with_sentences(assessment: Assessment) -> None:
    names = [article.reference for article in assessment.articles]
    assert all(name.startswith(start) for name, start in zip(names, ARTICLES, strict=True))
    assert all(article.sentences for article in assessment.articles)


def test_every_sentence_has_its_figure(assessment: Assessment) -> None:
    assert [text for text in assessment.figures if not FIGURE.search(text)] == []


def test_each_figure_is_stated_once_and_articles_refer_to_it(assessment: Assessment) -> None:
    assert len(set(assessment.figures)) == len(assessment.figures)
    shown = words(assessment.html)
    assert all(shown.count(text[:60]) == 1 for text in assessment.figures)
    for text in (text for article in assessment.articles for text in article.sentences):
        value, number = re.findall(r": (-?\d\.\d\d); .*\(figure (\d+)\)\.$", text)[0]
        figure = assessment.figures[int(number) - 1]
        assert f": {value} (" in figure


def test_figures_are_those_of_the_estimates(
    assessment: Assessment, run: tuple[AuditResult, AuditResult, Estimates, Estimates]
) -> None:
    estimate = run[2].find(
        metric="linkability", target="speaker", attacker="best", condition="", release="released"
    )
    sentence = assessment.figures[1]
    assert f"with probability: {estimate.value:.2f} (95 % interval [{estimate.low:.2f}" in sentence
    assert f"n = {estimate.n} vectors; 12 speakers; chance 0.08" in sentence
    assert estimate.value > 0.3


def test_each_count_names_its_unit(assessment: Assessment) -> None:
    assert "n = 240 predicates, one for each speaker and draw" in assessment.figures[0]
    assert re.search(r"n = [\d,]+ pairs of vectors", assessment.figures[5])


def test_inference_states_the_reached_auc_and_the_power(assessment: Assessment) -> None:
    sentence = next(text for text in assessment.figures if text.startswith("Inference: "))
    assert "must reach an AUC of single utterances above 0." in sentence
    assert "of 20 at a best possible AUC of 0.60" in sentence


def test_an_absent_figure_is_not_measured(
    run: tuple[AuditResult, AuditResult, Estimates, Estimates],
) -> None:
    secret, _, _, bare = run
    section = assess([secret], [], bare, "v.csv")
    absent = [text for text in section.figures if text.endswith(": not measured.")]
    assert len(absent) == 8
    assert all(FIGURE.search(text) for text in section.figures if text not in absent)
    assert absent[-1] == "Recognition of an emotion from one vector: not measured."
    sentence = f"Recognition of emotion: not measured (figure {len(section.figures)})."
    assert section.articles[6].sentences == [sentence]


def test_no_sentence_draws_a_legal_conclusion(assessment: Assessment) -> None:
    text = words(assessment.html).lower()
    claims = ("complies", "compliant", "is anonymous", "anonymised", "lawful", "is prohibited")
    assert [claim for claim in claims if claim in text] == []
    assert "draws no legal conclusion" in text


def test_the_page_is_complete_and_self_contained(assessment: Assessment, tmp_path: Path) -> None:
    assessment.write(tmp_path / "new" / "a.html")
    html = (tmp_path / "new" / "a.html").read_text(encoding="utf-8")
    assert outside(html) == []
    assert BalanceParser(html).open == []
    assert "nan" not in words(html)


def test_the_document_has_the_text_of_the_page(assessment: Assessment, tmp_path: Path) -> None:
    docx = pytest.importorskip("docx")
    assessment.write(tmp_path / "a.docx")
    file = docx.Document(io.BytesIO((tmp_path / "a.docx").read_bytes()))
    texts = [paragraph.text for paragraph in file.paragraphs]
    expected = [*assessment.numbered]
    expected += [text for article in assessment.articles for text in article.sentences]
    assert [text for text in texts if text in expected] == expected
    assert texts[0] == "Impact assessment: measurements on v.csv"
    assert file.core_properties.author == "sordino"


def test_control_characters_of_a_name_are_escaped(
    run: tuple[AuditResult, AuditResult, Estimates, Estimates], tmp_path: Path
) -> None:
    docx = pytest.importorskip("docx")
    section = assess([run[0]], [], run[3], "v\x00\x1b.csv")
    section.write(tmp_path / "a.docx")
    file = docx.Document(io.BytesIO((tmp_path / "a.docx").read_bytes()))
    assert file.paragraphs[0].text.endswith(r"v\x00\x1b.csv")


def test_another_suffix_is_refused() -> None:
    with pytest.raises(StorageError, match=r"suffix \.pdf, expected \.html or \.docx: rename it"):
        check_path("a.pdf")


def test_names_are_shown_as_they_stand() -> None:
    article = Article("Art. 0", "Which?", ["infers **b** [x](#y) <i>"], "none")
    page = Assessment("t", ["a", "b"], ["f"], [article]).html
    assert "infers **b** [x](#y) &lt;i&gt;" in page
