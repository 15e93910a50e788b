"""A morning at a hospital, in Python: ``python3 morning.py scenario.jsonl``, with libhaoyuan where the system looks for it, or named by
the variable ``HAOYUAN_LIBRARY``."""

import json
import sys

from haoyuan import Ask, Day, Registry, Search, Settle, Wish, constants as c, key, name_of, text_of

# 2026-03-03T07:00:00+08:00, when the public pool opens.
OPENS = 1772492400000
MINUTE = 60000


def patient(number: int) -> object:
    return key(0x5F << 120 | number)


def main(script: str) -> None:
    with Registry() as registry, open(script, encoding="utf-8") as lines:
        for line in lines:
            answer = json.loads(registry.execute(line))
            assert answer["outcome"] != "error", answer
        session = registry.find_session("CARD-0310-AM")

        def wish(number: int, slot: int, channel: int, at: int, **more: object) -> Wish:
            return Wish(session=session, slot=slot, channel=channel, at=at, patient=patient(number), **more)

        early = registry.availability(Ask(session=session, slot=0, channel=c.CHANNEL_APP, at=OPENS - 1)).status
        print(f"a millisecond early: {early} {text_of(early)} / {text_of(early, c.CHINESE)}")

        first = wish(1, 0, c.CHANNEL_APP, OPENS, key=key("a1"))
        held, again = registry.hold(first), registry.hold(first)
        same = "yes" if again.booking == held.booking else "no"
        print(f"held: number {held.number}, booking {held.booking:016x}, the same again: {same}")
        confirmed = registry.confirm(Settle(at=OPENS + MINUTE, booking=held.booking, patient=patient(1)))
        print(f"confirmed: changed {confirmed.changed}")
        more = registry.book(wish(1, 5, c.CHANNEL_APP, OPENS + 2 * MINUTE))
        print(f"once more: {more.status} {name_of(more.status)}, limit {more.binding_value}")

        grants = registry.book_batch([wish(n, 1, c.CHANNEL_WECHAT, OPENS + 3 * MINUTE) for n in range(2, 8)])
        statuses = " ".join(str(grant.status) for grant in grants)
        print(f"six at once: {statuses}, bound by {registry.pool_name(session, 1, grants[5].binding_value)}")

        placed = registry.book(
            wish(0x14, 1, c.CHANNEL_STATION, OPENS + 4 * MINUTE, patient_class=c.CLASS_REFERRAL_SECONDARY, ticket=key("e001"))
        )
        print(f"referred: number {placed.number} from {registry.pool_name(session, 1, placed.pool)}")
        cancelled = registry.cancel(Settle(at=OPENS + 5 * MINUTE, booking=grants[0].booking, patient=patient(2)))
        print(f"cancelled: changed {cancelled.changed}")

        now, day = OPENS + 6 * MINUTE, OPENS + 7 * 24 * 60 * MINUTE
        search = Search(channel=c.CHANNEL_WEB, grade=c.ANY, order=c.ORDER_LEAST_LOADED, at=now, first_day=day, last_day=day)
        print("quiet slots:", *(found.slot for found in registry.search(search, 3)))
        loads = registry.load(Day(at=now, day=day))
        live, seats = sum(load.live for load in loads), sum(load.capacity for load in loads)
        print(f"load: {live} of {seats} seats in {len(loads)} slots")

        audit = json.loads(registry.execute('{"command":"audit","at":"2026-03-03T07:06:00+08:00"}'))
        print("audit:", "sound" if audit["sound"] else "broken")
        print("state_hash", registry.state_hash().hex())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: morning.py SCRIPT")
    main(sys.argv[1])
