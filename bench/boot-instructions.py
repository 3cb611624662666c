#!/usr/bin/env python3
"""Counts what a boot costs, from a trace of KVM's entries and exits.

Reads the text of tracefs' `trace` on standard input, taken on a machine whose clock counts instructions
(kvmhost --icount; trace clock x86-tsc, one tick an instruction), with the events kvm_entry, kvm_exit and
kvm_userspace_exit. Sums the time between each entry and the exit that follows, up to the marker "ready",
and counts the exits by reason. KVM's own code between its two trace points runs in that time as well: the
shortest stay in the guest, which is hardly more than that code, is taken off each.
"""
import collections
import re
import sys

LINE = re.compile(r"\s(\d+):\s+(kvm_entry|kvm_exit|kvm_userspace_exit|tracing_mark_write)[: ](.*)")
REASON = re.compile(r"reason (\S+)")


def main():
    stays = []
    entered = None
    exits = collections.Counter()
    userspace = collections.Counter()
    for line in sys.stdin:
        match = LINE.search(line)
        if not match:
            continue
        when, event, rest = int(match[1]), match[2], match[3]
        if event == "kvm_entry":
            entered = when
        elif event == "kvm_exit" and entered is not None:
            stays.append(when - entered)
            entered = None
            exits[REASON.search(rest)[1]] += 1
        elif event == "kvm_userspace_exit":
            userspace[REASON.search(rest)[1]] += 1
        elif event == "tracing_mark_write" and "ready" in rest:
            break
    else:
        sys.exit("boot-instructions: the trace has no marker 'ready'")
    guest_ticks = sum(stays) - min(stays) * len(stays)
    print(f"guest instructions, kernel entry to agent ready  {guest_ticks / 1e6:10.2f} million")
    print(f"    taken off for KVM's code, {min(stays)} an exit          "
          f"{min(stays) * len(stays) / 1e6:10.2f} million")
    print(f"exits in all                                     {sum(exits.values()):10}")
    print(f"exits to user space                              {sum(userspace.values()):10}")
    for reason, count in exits.most_common():
        print(f"    {reason:<44} {count:10}")


if __name__ == "__main__":
    main()
