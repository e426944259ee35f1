"""What an analysis is: a case in, findings in words out.

Every finding names its kind by a `code` ("grid_shifted", "no_grid"), so that the kind can be
counted: `forensics trace-rates` runs all analyses over untouched pictures, over innocently
processed ones and over altered ones, and writes into the analysis' card, by code, how often each
kind appears. At examination `forensics.prevalence` attaches those figures to the findings, adds
them to the sentence of a kind that is common among untouched pictures, and orders findings by how
telling they are. An analysis does nothing for that but give codes: two findings have one code
exactly where they observe the same, whatever the numbers in them. "Nothing was found" is a kind
too. A finding without a code is shown and not counted.
"""

from abc import ABC, abstractmethod

from forensics.case import Case
from forensics.plugins import Plugin
from forensics.schema import Evidence


class Analysis(Plugin, ABC):
    """Observes one aspect of a case. Its findings carry no score until it was benchmarked."""

    @abstractmethod
    def examine(self, case: Case) -> Evidence:
        """Return what was observed. Never raises on a damaged file: that is a finding too."""
