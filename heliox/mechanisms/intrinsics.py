"""Calls with an effect or a memory outside the function: events and random streams.

Mechanism files import them so that their text is complete Python. In a simulation the generator puts HelioX's
own code in their place; called in plain Python, the random ones ask the stream object they are given and the
events say that they need a simulation.
"""

from heliox.errors import MechanismError


def _needs_simulation(name):
    raise MechanismError(
        f"{name} acts on the event queue of a simulation; it does nothing in plain Python", function=name
    )


def net_send(delay, flag):
    """Send this instance an event after `delay` ms, received with `flag`."""
    _needs_simulation("net_send")


def net_send_at(t, flag):
    """Send this instance an event at time `t` (ms), received with `flag`."""
    _needs_simulation("net_send_at")


def net_event(t):
    """Emit a spike at time `t` (ms)."""
    _needs_simulation("net_event")


def net_move(t):
    """Move this instance's pending flag-1 event to time `t` (ms)."""
    _needs_simulation("net_move")


def watch(k, flag):
    """Arm condition ``watch_<k>``: when it comes true, this instance receives an event with `flag`."""
    _needs_simulation("watch")


def for_connections():
    """Run the block `receive_each` for every connection to this instance, in their order of creation."""
    _needs_simulation("for_connections")


def item(numbers, k):
    """Entry `k` of a list of the instance; 0 where there is none."""
    return float(numbers[int(k)]) if 0 <= k < len(numbers) else 0.0


def length(numbers):
    """Number of entries of a list of the instance."""
    return float(len(numbers))


def random_uniform(stream):
    """Uniform on (0, 1)."""
    return stream.uniform()


def random_negexp(stream, mean):
    """Exponential with the given mean."""
    return stream.negexp(mean)


def random_normal(stream, mean, std):
    """Normal, by the polar method."""
    return stream.normal(mean, std)


def random_ipick(stream):
    """The next 32-bit word, as a float."""
    return stream.ipick()


def random_set_seq(stream, seq):
    """Continue the stream at word `seq` (sequence*4 + which)."""
    stream.set_seq(seq)
