"""Ctrl-C while a study runs: once, what is under way may end and is stored; twice, everything stops now."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

GRACE = 5.0  # seconds that runs under way have to end after the first Ctrl-C


class Stop:
    """How often the user has asked to stop. Executors give out no more tasks once ``is_set``."""

    def __init__(self) -> None:
        self.n_asked = 0

    @property
    def is_set(self) -> bool:
        """Whether to stop."""
        return self.n_asked > 0

    def check_untouched(self) -> None:
        """Raise KeyboardInterrupt where one was raised before: a run that swallowed it has no answer worth keeping."""
        if self.n_asked > 1:
            raise KeyboardInterrupt


@contextmanager
def stop_on_interrupt() -> Iterator[Stop]:
    """Yield a Stop that the first Ctrl-C sets; a second one, or ``GRACE`` seconds, raise KeyboardInterrupt.

    Where another thread drives, or the program has a handler of its own (or ignores the signal), nothing is changed.
    """
    stop = Stop()
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield stop
        return
    timer = _SecondSignal(threading.get_ident())

    def on_interrupt(number: int, frame: Any) -> None:
        stop.n_asked += 1
        if stop.n_asked > 1:
            raise KeyboardInterrupt
        timer.start()
        with suppress(RuntimeError, OSError):  # the signal may have come while something was being printed
            print(
                f"\nstopping: runs under way have {GRACE:g} s to end and are stored; Ctrl-C again stops now",
                file=sys.stderr,
            )

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield stop
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, signal.default_int_handler)


class _SecondSignal:
    """Sends the second Ctrl-C when the time is over; a real signal, since it must end a sleep as well."""

    def __init__(self, thread: int) -> None:
        self._thread = thread
        self._is_over = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._wait, daemon=True).start()

    def cancel(self) -> None:
        self._is_over.set()

    def _wait(self) -> None:
        if not self._is_over.wait(GRACE):
            signal.pthread_kill(self._thread, signal.SIGINT)
