"""EDA: new texts fill the small classes, are never empty, and keep what they don't change."""

import numpy as np
import pytest
from problems import classes_of, one_hot, some_targets
from test_samplers import rows_of

from ballast.project import params
from ballast.project.errors import UserError
from ballast.samplers import eda
from ballast.samplers._rewording import NearWords, Rewording
from ballast.setup import demo

CITIES = [
    "Lyon",
    "Nantes",
    "Lille",
    "Brest",
    "Dijon",
    "Tours",
    "Metz",
    "Caen",
    "Pau",
    "Reims",
    "Nice",
]
# Words in distinct contexts, so that vectors of few texts separate them.
TEXTS = [
    f"{the} {noun} {verb} {adverb} à {city}."
    for the in ("Le", "Ce")
    for noun in ("groupe", "fonds", "client")
    for verb in ("achète", "vend", "cède", "reprend")
    for adverb in ("vite", "tard", "bien")
    for city in CITIES
]


class Known(NearWords):
    """Predefined near words."""

    def __init__(self, **near):
        self.near = near

    def of(self, word):
        return self.near.get(word.lower(), [])


def rewording(alpha=0.1, seed=0, **near) -> Rewording:
    return Rewording(Known(**near), alpha, np.random.default_rng(seed))


@pytest.fixture
def targets() -> np.ndarray:
    return some_targets(np.random.default_rng(3), 90, 4)


def plan_of(targets, seed=0, **options):
    return eda.sample(rows_of(targets), classes_of(targets), seed, **options)


@pytest.mark.parametrize("ratio", [0.1, 0.25, 0.5, 1.0])
def test_small_classes_are_filled_up_to_a_share_of_the_largest(ratio, targets):
    plan = plan_of(targets, ratio=ratio)
    sizes = targets.sum(axis=0, dtype=int)
    np.testing.assert_array_equal(plan.rows, np.arange(90 + len(plan.texts)))
    assert (plan.times == 1).all()
    labels = np.concatenate([targets, targets[[source for source, _ in plan.texts]]])
    wanted = np.maximum(sizes, np.round(ratio * sizes.max()).astype(int))
    np.testing.assert_array_equal(plan.targets(labels).sum(axis=0), wanted)


def test_rows_take_turns_as_the_source(targets):
    sources = np.array([source for source, _ in plan_of(targets).texts])
    for column in targets.T[1:]:
        drawn = np.bincount(sources, minlength=90)[column == 1]
        assert drawn.max() - drawn.min() <= 1
    assert not targets[sources, targets.sum(axis=0).argmax()].any()


def test_the_seed_makes_the_texts(targets):
    one, same, other = (plan_of(targets, seed).texts for seed in (5, 5, 6))
    assert one == same
    assert one != other
    assert [source for source, _ in one] == [source for source, _ in other]


def test_what_was_added_is_said_and_nothing_where_nothing_was(targets):
    assert plan_of(targets).distortion
    equal = plan_of(one_hot([0, 1, 0, 1], 2))
    assert not equal.distortion
    assert not equal.texts


def test_texts_of_the_demo_corpus_change_and_stay_clean():
    pairs = demo.generate(400)
    names = demo.labels()
    targets = one_hot([names.index(label) for _, label in pairs], 9)
    rows = rows_of(targets)
    texts = [text for text, _ in pairs]
    rows = type(rows)(targets, texts, rows.numbers)
    new = eda.sample(rows, classes_of(targets), 0).texts
    assert len(new) > 1000
    for source, text in new:
        assert text.strip() == text
        assert "  " not in text
        assert 0.5 < len(text) / len(texts[source]) < 2
    # A deletion that meets no word, or a replacement where no word has near ones, changes nothing.
    changed = [text != texts[source] for source, text in new]
    assert 0.9 < np.mean(changed) < 1
    assert len({text for _, text in new}) > 0.9 * len(new)


def test_near_words_are_those_of_the_same_place():
    words = NearWords(TEXTS, 3, 0)
    near = words.of("Lyon")
    assert len(near) == 3
    assert set(near) <= {city.lower() for city in CITIES} - {"lyon"}
    assert near == NearWords(TEXTS, 3, 0).of("LYON")
    # In more than a tenth of the texts, and never seen.
    assert words.of("achète") == words.of("groupe") == words.of("Paris") == []


def test_texts_with_no_word_often_enough_have_no_near_words():
    for texts in (["", "!"], ["un texte", "autre chose"], ["東京は晴れ", "3 5 %"]):
        assert NearWords(texts, 5, 0).of("texte") == []


def test_replacement_keeps_case_accents_punctuation_and_elisions():
    text = "L’Entreprise\xa0: « aujourd'hui, l'ENTREPRISE… d’entreprise »  (Éric)"
    changed = rewording(alpha=0.9, entreprise=["société"]).replace(text)
    assert changed == "L’Société\xa0: « aujourd'hui, l'SOCIÉTÉ… d’société »  (Éric)"


def test_replacement_changes_a_share_of_the_words_at_least_one():
    near = {"mot": ["terme"]}
    for alpha, count in [(0.01, 1), (0.1, 2), (0.5, 10)]:
        assert rewording(alpha, **near).replace("mot " * 20).split().count("terme") == count


def test_replacement_without_near_words_leaves_the_text():
    assert rewording().replace("rien à  faire") == "rien à  faire"
    assert rewording().insert("rien à faire") == "rien à faire"


def test_insertion_adds_near_words_and_keeps_the_rest_in_order():
    changed = rewording(alpha=0.4, mot=["terme"]).insert("le Mot juste, enfin trouvé")
    assert changed.split().count("terme") == 2
    assert [word for word in changed.split() if word != "terme"] == [
        "le",
        "Mot",
        "juste,",
        "enfin",
        "trouvé",
    ]


def test_swapping_keeps_the_words():
    text = "un deux trois quatre cinq six sept huit neuf dix."
    for seed in range(20):
        changed = rewording(seed=seed).swap(text).split()
        assert sorted(changed) == sorted(text.split())
        assert sum(a != b for a, b in zip(changed, text.split(), strict=True)) == 2


def test_deletion_leaves_words_out_with_the_chance_alpha():
    text = " ".join(map(str, range(20_000)))
    left = rewording(alpha=0.1).delete(text).split()
    assert abs(len(left) / 20_000 - 0.9) < 0.01
    assert left == sorted(left, key=int)


@pytest.mark.parametrize("text", ["mot", "Mot.", "un mot", "…", "東京は晴れ", "a b", "🎉"])
def test_no_operation_empties_a_text(text):
    for seed in range(50):
        words = rewording(alpha=0.99, seed=seed, mot=["terme"])
        for vary in (words.replace, words.insert, words.swap, words.delete, words.vary):
            assert vary(text).strip()


def test_an_empty_text_stays_as_it_is():
    for seed in range(10):
        assert rewording(seed=seed, mot=["terme"]).vary(" ") == " "


def test_rows_without_text_or_with_many_labels_are_refused(targets):
    with pytest.raises(UserError, match=r"sampler: eda.*text"):
        eda.sample(rows_of(targets, numeric=True), classes_of(targets), 0)
    many = some_targets(np.random.default_rng(0), 20, 3, multilabel=True)
    with pytest.raises(UserError, match=r"sampler: eda.*multi-label"):
        eda.sample(rows_of(many), classes_of(many, True), 0)


@pytest.mark.parametrize("option", [{"alpha": 0}, {"alpha": 1}, {"ratio": 2}, {"neighbours": 0}])
def test_options_out_of_range_are_refused(option):
    with pytest.raises(UserError, match=next(iter(option))):
        params.options(eda.sample, option, "samplers.eda")
