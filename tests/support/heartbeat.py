"""Did the machine stand still? A virtual machine can be stopped for seconds or minutes; clocks go on, and whatever was timed then shows nothing."""
import threading
import time


class Heartbeat:
    """A thread that beats every 50 ms and remembers when it was late by more than `least` seconds."""

    def __init__(self, least=1.0):
        self.least = least
        self.gaps = []  # (monotonic time of waking, seconds)
        threading.Thread(target=self.beat, daemon=True).start()

    def beat(self):
        last = time.monotonic()
        while True:
            time.sleep(0.05)
            now = time.monotonic()
            if now - last > self.least:
                self.gaps.append((now, now - last))
            last = now

    def stood_still_since(self, began):
        """How many seconds in all, since that monotonic time. A gap that ends just now is seen a beat later, so this waits for one."""
        time.sleep(0.1)
        return sum(seconds for woken, seconds in list(self.gaps) if woken >= began)
