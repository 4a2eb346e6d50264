"""Engines that want the same device: one at a time, in order of creation, whoever dies."""

from __future__ import annotations

import os
import signal

from engine.runs.evidence import assess
from engine.runs.launch import create_run, stop_engine
from engine.runs.paths import home
from engine.runs.queue import DeviceSlot


def test_engines_wait_in_order_and_the_dead_are_skipped(start_fake, wait_for_state):
    runs = [create_run(slug=name, model="m", model_path="m", created=1e9 + n) for n, name in enumerate("abcd")]
    a, b, c, d = runs
    _, holder = start_fake("queued", a)
    wait_for_state(a, "running")
    _, second = start_fake("queued", b)
    wait_for_state(b, "queued")
    assert assess(b).reason == f"queued behind {a.id} for test-device"
    # The younger one comes first, and still waits behind the older one.
    _, fourth = start_fake("queued", d)
    wait_for_state(d, "queued")
    _, third = start_fake("queued", c)
    wait_for_state(c, "queued")
    assert assess(c).reason == f"queued behind {b.id} for test-device"

    os.kill(second.pid, signal.SIGKILL)
    wait_for_state(b, "killed")
    os.kill(holder.pid, signal.SIGKILL)
    wait_for_state(c, "running")
    assert assess(d).state == "queued"
    assert assess(d).reason == f"queued behind {c.id} for test-device"

    stop_engine(d)
    assert fourth.wait(20) == 0
    assert assess(d).state == "stopped"
    stop_engine(c)
    assert third.wait(20) == 0
    slots = home() / "slots"
    assert not list(slots.glob("*.waiting/*"))
    assert not list(slots.glob("*.json"))


def test_a_free_device_is_taken_without_a_word():
    run = create_run(slug="free", model="m", model_path="m")
    slot = DeviceSlot("free-device")
    said: list[str] = []
    assert slot.wait(run, said.append)
    assert said == []
    other = DeviceSlot("free-device", poll_seconds=0.01)
    later = create_run(slug="later", model="m", model_path="m")
    assert not other.wait(later, said.append, should_stop=lambda: bool(said))
    assert said == [f"queued behind {run.id} for free-device"]
    slot.release()
    assert other.wait(later, said.append)
    other.release()
