"""What an analysis is: a case in, findings in words out."""

from abc import ABC, abstractmethod

from forensics.case import Case
from forensics.plugins import Plugin
from forensics.schema import Evidence


class Analysis(Plugin, ABC):
    """Observes one aspect of a case. Its findings carry no score until it was benchmarked."""

    @abstractmethod
    def examine(self, case: Case) -> Evidence:
        """Return what was observed. Never raises on a damaged file: that is a finding too."""
