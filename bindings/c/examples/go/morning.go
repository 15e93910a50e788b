// A morning at a hospital, in Go: PKG_CONFIG_PATH=/opt/haoyuan/lib/pkgconfig go run . scenario.jsonl
package main

/*
#include <haoyuan.h>
*/
import "C"

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// 2026-03-03T07:00:00+08:00, when the public pool opens.
const opens, minute = 1772492400000, 60000

func patient(number uint8) (key [16]C.uint8_t) {
	key[0], key[15] = 0x5f, C.uint8_t(number)
	return
}

func wish(session uint32, number uint8, slot, channel uint32, at int64) Wish {
	return Wish{session: C.uint32_t(session), slot: C.uint32_t(slot), channel: C.uint32_t(channel), at: C.int64_t(at),
		patient: patient(number)}
}

func settle(number uint8, booking C.uint64_t, at int64) Settle {
	return Settle{at: C.int64_t(at), booking: booking, patient: patient(number)}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func get[T any](value T, err error) T {
	must(err)
	return value
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: morning SCRIPT")
		os.Exit(2)
	}
	registry := get(Open(Options{durability: C.uint32_t(Memory)}))
	script := get(os.Open(os.Args[1]))
	lines := bufio.NewScanner(script)
	for lines.Scan() {
		answer := get(registry.Execute(lines.Text()))
		if strings.Contains(answer, `"outcome":"error"`) {
			must(fmt.Errorf("%s", answer))
		}
	}
	must(lines.Err())
	session := get(registry.FindSession("CARD-0310-AM"))

	ask := Ask{session: C.uint32_t(session), channel: C.uint32_t(ChannelApp), at: opens - 1}
	early := int32(get(registry.Availability(ask)).status)
	fmt.Printf("a millisecond early: %d %s / %s\n", early, TextOf(early, English), TextOf(early, Chinese))

	first := wish(session, 1, 0, ChannelApp, opens)
	first.key[15] = 0xa1
	held, again := get(registry.Hold(first)), get(registry.Hold(first))
	same := map[bool]string{true: "yes", false: "no"}[held.booking == again.booking]
	fmt.Printf("held: number %d, booking %016x, the same again: %s\n", held.number, uint64(held.booking), same)
	confirmed := get(registry.Confirm(settle(1, held.booking, opens+minute)))
	fmt.Printf("confirmed: changed %d\n", confirmed.changed)
	more := get(registry.Book(wish(session, 1, 5, ChannelApp, opens+2*minute)))
	fmt.Printf("once more: %d %s, limit %d\n", more.status, NameOf(int32(more.status)), more.binding_value)

	var wishes []Wish
	for number := uint8(2); number < 8; number++ {
		wishes = append(wishes, wish(session, number, 1, ChannelWechat, opens+3*minute))
	}
	grants := get(registry.BookAll(wishes))
	fmt.Print("six at once:")
	for _, grant := range grants {
		fmt.Printf(" %d", grant.status)
	}
	fmt.Printf(", bound by %s\n", registry.PoolName(session, 1, uint32(grants[5].binding_value)))

	referred := wish(session, 0x14, 1, ChannelStation, opens+4*minute)
	referred.patient_class = C.uint32_t(ClassReferralSecondary)
	referred.ticket[14], referred.ticket[15] = 0xe0, 0x01
	placed := get(registry.Book(referred))
	fmt.Printf("referred: number %d from %s\n", placed.number, registry.PoolName(session, 1, uint32(placed.pool)))
	cancelled := get(registry.Cancel(settle(2, grants[0].booking, opens+5*minute)))
	fmt.Printf("cancelled: changed %d\n", cancelled.changed)

	const now, day = opens + 6*minute, opens + 7*24*60*minute
	search := Search{channel: C.uint32_t(ChannelWeb), grade: C.uint32_t(Any), order: C.uint32_t(OrderLeastLoaded),
		at: now, first_day: day, last_day: day}
	fmt.Print("quiet slots:")
	for _, found := range get(registry.Search(search, 3)) {
		fmt.Printf(" %d", found.slot)
	}
	fmt.Println()
	var live, seats uint32
	loads := get(registry.Load(Day{at: now, day: day}))
	for _, load := range loads {
		live, seats = live+uint32(load.live), seats+uint32(load.capacity)
	}
	fmt.Printf("load: %d of %d seats in %d slots\n", live, seats, len(loads))

	audit := get(registry.Execute(`{"command":"audit","at":"2026-03-03T07:06:00+08:00"}`))
	fmt.Println("audit:", map[bool]string{true: "sound", false: "broken"}[strings.Contains(audit, `"sound":true`)])
	fmt.Printf("state_hash %x\n", get(registry.StateHash()))
	must(registry.Close())
}
