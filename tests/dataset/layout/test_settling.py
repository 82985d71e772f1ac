"""Settling: random values for the options of a site that the user did not give."""

from dataclasses import replace

import pytest

from engine.dataset.layout.recipe_1 import describe_recipe_1
from engine.dataset.layout.settling import settle
from engine.dataset.options import SceneOptions
from engine.errors import UsageError
from tests.dataset.layout.scenes import SMALL
from tests.support.cases import cases_of
from tests.support.long_form import IS_SOAK

RANGES: dict[str, tuple[float, float]] = cases_of(__file__)["ranges"]
OF_LAYOUT = {"num_clusters": True, "num_rows": False, "piles_per_row": False, "row_spacing": False}


@pytest.mark.parametrize(
    "base", [SceneOptions(), SceneOptions(terrain_size=60, num_bags=3, num_machinery=2)]
)
def test_giving_an_option_with_its_random_value_changes_nothing(base: SceneOptions) -> None:
    for seed in range(60 if IS_SOAK else 20):
        found = settle(base, seed)
        for field in RANGES:
            if (
                getattr(base, field) is None
                and OF_LAYOUT.get(field, found.use_clusters) == found.use_clusters
            ):
                assert settle(replace(base, **{field: getattr(found, field)}), seed) == found, (
                    field,
                    seed,
                )


@pytest.mark.parametrize(
    ("options", "field", "message"),
    [
        (
            replace(SMALL, num_rows=80),
            "num_rows",
            "--num-rows 80: 29 rows fit on a site of 194 x 106 m",
        ),
        (
            SceneOptions(piles_per_row=90),
            "piles_per_row",
            "--piles-per-row 90: 54 piles fit along a site of 194 x",
        ),
        (
            SceneOptions(num_clusters=5, cluster_size=50),
            "num_clusters",
            "--num-clusters 5: 2 clusters fit on a site",
        ),
        (
            SceneOptions(num_clusters=2, max_piles_per_cluster=900),
            "max_piles_per_cluster",
            "--max-piles-per-cluster 900: 108 piles fit in a cluster at --cluster-size 30",
        ),
        (
            SceneOptions(num_terraces=50, terrace_height=3),
            "num_terraces",
            "--num-terraces 50: 17 terraces fit on a",
        ),
    ],
)
def test_impossible_numbers_are_refused_with_how_many_fit(
    options: SceneOptions, field: str, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        settle(options, 0)
    assert str(caught.value).startswith(message)
    fit = int(str(caught.value).split(":")[1].split()[0])
    most = replace(options, num_bags=0, num_machinery=0, **{field: fit})
    assert getattr(settle(most, 0), field) == fit
    assert len(describe_recipe_1(most, 0).piles) > 0
    with pytest.raises(UsageError, match=f"{fit} .* fit"):
        settle(replace(most, **{field: fit + 1}), 0)


def test_a_site_smaller_than_a_cluster_and_a_cluster_larger_than_any_site_are_refused() -> None:
    with pytest.raises(UsageError, match="--cluster-size 500: 0 clusters fit"):
        settle(SceneOptions(cluster_size=500), 1)
    with pytest.raises(
        UsageError, match=r"--cluster-size 30: 0 clusters fit on a site of 34 x 34 m"
    ):
        settle(SceneOptions(use_clusters=True, terrain_size=40), 0)
    assert not any(settle(SceneOptions(terrain_size=40), seed).use_clusters for seed in range(20))


def test_an_option_of_one_layout_chooses_it() -> None:
    for seed in range(30):
        assert settle(SceneOptions(num_clusters=2), seed).use_clusters
        assert not settle(SceneOptions(row_spacing=3.2), seed).use_clusters
    both = [
        settle(SceneOptions(num_clusters=2, num_rows=12), seed).use_clusters for seed in range(30)
    ]
    assert set(both) == {True, False}


def test_an_option_without_effect_or_out_of_range_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--num-rows: 0 is not 1 to 1000"):
        settle(SceneOptions(num_rows=0), 0)
    with pytest.raises(
        UsageError, match=r"--width 16384 --height 64: the camera sees a strip of 0\.8 m"
    ):
        settle(SceneOptions(width=16384, height=64), 0)
    with pytest.raises(UsageError, match=r"--num-rows 12: has no effect with --use-clusters"):
        settle(SceneOptions(use_clusters=True, num_rows=12), 0)
    with pytest.raises(UsageError, match=r"--num-clusters 2: has no effect with --no-use-clusters"):
        settle(SceneOptions(use_clusters=False, num_clusters=2), 0)
