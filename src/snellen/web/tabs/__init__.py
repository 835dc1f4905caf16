"""The explicit table of the page's tabs. A later tab adds itself by one entry in :data:`TABS`."""

from __future__ import annotations

from collections.abc import Mapping

from snellen.web.tabs import attack, classify, evaluate, features, learn, probe, report, stress
from snellen.web.tabs.base import Asked, Plan, Tab

TABS: Mapping[str, Tab] = {
    "classify": classify.TAB,
    "features": features.TAB,
    "attack": attack.TAB,
    "stress": stress.TAB,
    "evaluate": evaluate.TAB,
    "learn": learn.TAB,
    "probe": probe.TAB,
    "report": report.TAB,
}
"""Every tab by its name, in the order in which the page shows them."""

__all__ = ["TABS", "Asked", "Plan", "Tab"]
