"""Which characters are expected beyond the labels'."""

import pytest

from train.config import TrialConfig
from train.data.texts.kinds import expected
from train.tasks.recognition import Recognition


@pytest.mark.parametrize(
    ("texts", "more"),
    [
        (["AB1", "AB1", "AB1"], ""),
        (["17", "11"], "02345689"),
        (["1A", "1A", "1B"], "CDEFGHIJKLMNOPQRSTUVWXYZ"),
        (["٣", "x", "x"], "٠١٢٤٥٦٧٨٩"),
        (["中", "文"], ""),
        ([], ""),
    ],
)
def test_a_rare_character_brings_its_kind(texts: list[str], more: str) -> None:
    assert expected(texts) == more


def test_only_what_the_model_knows_is_added_and_a_dictionary_says_it_itself() -> None:
    domain = TrialConfig(model="pp-ocrv6-tiny")
    assert Recognition.charset(domain, ["é7"]).characters == (*"0123456789", "é")
    assert Recognition.charset(domain, ["7"], ("8",)).characters == ("8", "7")
    alone = TrialConfig(model="crnn", engine="torch")
    assert Recognition.charset(alone, ["7"]).characters == ("7",)
