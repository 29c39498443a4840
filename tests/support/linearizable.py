"""
Is a history of concurrent calls linearizable? Independent of the gateway's code: it sees only when each call began and ended on a caller's clock, and
what came back. After Wing and Gong (1993), with Lowe's memory of what was tried: a set of calls and the state behind them.

    history = [Call(begin, end, 'withdraw', True), Call(begin, end, 'ask', False), ..]
    check(history, False, step)   # None, or a text that says which call has no place
"""
from collections import namedtuple

# `end` is infinity for a call that nobody heard the end of: it may have happened at any time after its beginning, or never.
Call = namedtuple('Call', 'begin end what result')


def permit(state, call):
    """A consent that is given and withdrawn; `ask` is whether something left. Returns the state after the call, or None where it can't have been."""
    if call.what == 'ask':
        return state if call.result == state else None
    return call.what == 'give'


def check(history, state, step=permit):
    """None when there is one order, in which each call stands between its beginning and its end, and each result is right."""
    calls = sorted(history)
    done_all = (1 << len(calls)) - 1
    must_end = sum(1 << i for i, call in enumerate(calls) if call.end != float('inf'))
    stack, seen, best = [(0, state)], set(), 0
    while stack:
        done, now = stack.pop()
        if done & must_end == must_end:
            return None
        best = max(best, done, key=lambda set_: bin(set_).count('1'))
        # No call may come before one that ended before it began.
        first_end = min(call.end for i, call in enumerate(calls) if not done >> i & 1)
        for i, call in enumerate(calls):
            if call.begin > first_end:
                break
            if done >> i & 1:
                continue
            after = step(now, call)
            if after is not None and (done | 1 << i, after) not in seen:
                seen.add((done | 1 << i, after))
                stack.append((done | 1 << i, after))
    stuck = [call for i, call in enumerate(calls) if not best >> i & 1]
    return f'no order of {len(calls)} calls explains the results; the first that has no place: {stuck[0]} of {done_all.bit_length()}'
