"""The contract room: what every optimizer keeps, built in or a contributor's, as checks that say what was measured.

``optcompare check FILE.py`` runs them on a file, each in a process that can be killed. In tests of your own::

    from optcompare.contract import CHECKS, run_check

    @pytest.mark.parametrize("check", CHECKS)
    def test_mine(check):
        assert run_check(check, MyOptimizer()).is_kept
"""

from __future__ import annotations

from .suite import CHECKS, check_source, run_check
from .trial import Broken, Finding

__all__ = ["CHECKS", "Broken", "Finding", "check_source", "run_check"]
