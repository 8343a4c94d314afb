"""Widths of lines, tried on a sample by the network that reads lines as wide as they are."""

from pathlib import Path

import pytest

from search.preflight.probing.widths import choose_widths, read_at
from tests.real_lines import config, few_lines
from train.loop import assemble
from train.steps.validation import evaluate


def test_a_network_reads_resampled_lines_as_if_it_resampled_them_itself(data_dir: Path) -> None:
    data = few_lines(data_dir, train=8, val=8)
    ranks = {}
    for width in (256, 320):
        engine, task = assemble(config(fit_width=width), data.train)
        ranks[width] = evaluate(engine, task, data.val)[0].rank
    engine, task = assemble(config(), data.train)
    for width, rank in ranks.items():
        assert read_at(engine, task, data.val, width) == pytest.approx(rank, abs=0.01)
    best = max(ranks, key=lambda width: ranks[width])
    assert choose_widths(config(), data, [320, 256, 0], untrained=False) == [0, best]
    assert choose_widths(config(), data, [320, 256, 0], untrained=True) == [0, 256, 320]
