"""The page on the body shows case files that could be run."""

import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from fibertwin.meshes import AnatomySource, RegionRule, SurfaceSelector

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "anatomy.md"
BLOCKS = [part.split("```")[0] for part in PAGE.read_text(encoding="utf-8").split("```toml\n")[1:]]
FAMILIES = {"anatomy": AnatomySource, "surfaces": SurfaceSelector, "regions": RegionRule}


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_blocks_use_members_and_their_fields(block):
    shown = tomllib.loads(block)
    assert shown
    for section, content in shown.items():
        family = FAMILIES[section]
        tables = [content] if section == "anatomy" else list(content.values())
        for table in [t for entry in tables for t in (entry if isinstance(entry, list) else [entry])]:
            member = family.members()[table.pop(family.key)]
            assert set(table) <= {field.name for field in fields(member)}


@pytest.mark.parametrize("family", FAMILIES.values())
def test_the_page_names_every_member(family):
    text = PAGE.read_text(encoding="utf-8")
    for name in family.members():
        assert f"`{name}`" in text
