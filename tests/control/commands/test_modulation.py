"""The command that copies a route."""

from pathlib import Path

from tests.support.desk import open_desk


def test_a_route_is_copied_to_the_first_free_one_or_to_another(tmp_path: Path) -> None:
    with open_desk(tmp_path, web="off") as desk:
        params = desk.engine.params
        off = [(f"/mod/{n}/{part}", value) for n in range(3, 13) for part, value in (("source", "off"), ("target", ""))]
        route = [
            ("/mod/1/source", "kick"),
            ("/mod/1/target", "/post/bloom"),
            ("/mod/1/amount", 0.5),
            ("/mod/1/mute", 1),
        ]
        params.set_many([*off, *route], by="test")
        assert desk.done("/mod/copy", 1) == ("/mod/copy", 1, 3)
        assert desk.done("/mod/copy", 1, 12) == ("/mod/copy", 1, 12)
        for n in (3, 12):
            got = [params.get(f"/mod/{n}/{part}") for part in ("source", "target", "amount", "mute")]
            assert got == ["kick", "/post/bloom", 0.5, True]
        for wrong in ((), (0,), (1, 13), ("kick",), (1, 2, 3)):
            assert desk.failed("/mod/copy", *wrong).startswith("takes a route")
        for _ in range(8):
            desk.done("/mod/copy", 1)
        assert desk.failed("/mod/copy", 1).startswith("all 12 routes are in use")
