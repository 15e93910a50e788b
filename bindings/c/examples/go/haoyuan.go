package main

/*
#cgo pkg-config: haoyuan
#include <haoyuan.h>
*/
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"
)

// The structures of the ABI, by shorter names. Set StructSize through the functions below.
type (
	Options      = C.haoyuan_options_t
	Wish         = C.haoyuan_wish_t
	Grant        = C.haoyuan_grant_t
	Settle       = C.haoyuan_settle_t
	Settled      = C.haoyuan_settled_t
	Ask          = C.haoyuan_ask_t
	Availability = C.haoyuan_availability_t
	Search       = C.haoyuan_search_t
	Found        = C.haoyuan_found_t
	Day          = C.haoyuan_day_t
	Load         = C.haoyuan_load_t
)

// Error is what a caller or the world did wrong. A refusal is never one.
type Error struct {
	Status  int32
	Details string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s; %s", NameOf(e.Status), TextOf(e.Status, English), e.Details)
}

func checked(status C.int32_t) error {
	if status >= 0 {
		return nil
	}
	details, _ := text(func(b *C.char, c C.size_t, n *C.size_t) C.int32_t { return C.haoyuan_last_error(b, c, n) })
	return &Error{int32(status), details}
}

func text(call func(*C.char, C.size_t, *C.size_t) C.int32_t) (string, C.int32_t) {
	buffer := make([]byte, 256)
	var needed C.size_t
	status := call((*C.char)(unsafe.Pointer(&buffer[0])), C.size_t(len(buffer)), &needed)
	if status == C.HAOYUAN_BUFFER_TOO_SMALL {
		buffer = make([]byte, needed)
		status = call((*C.char)(unsafe.Pointer(&buffer[0])), needed, &needed)
	}
	if status != C.HAOYUAN_OK {
		return "", status
	}
	return string(buffer[:needed]), status
}

// NameOf is the stable word of a status or refusal.
func NameOf(status int32) string {
	name, _ := text(func(b *C.char, c C.size_t, n *C.size_t) C.int32_t {
		return C.haoyuan_status_name(C.int32_t(status), b, c, n)
	})
	return name
}

// TextOf is what a status or refusal means, for people.
func TextOf(status int32, language uint32) string {
	words, _ := text(func(b *C.char, c C.size_t, n *C.size_t) C.int32_t {
		return C.haoyuan_status_text(C.int32_t(status), C.uint32_t(language), b, c, n)
	})
	return words
}

// Registry is an open registry; any goroutine may use it. A refusal is an answer: look at its status.
type Registry struct{ handle C.haoyuan_t }

// Open opens a registry.
func Open(options Options) (*Registry, error) {
	if err := checked(C.haoyuan_abi_check(C.HAOYUAN_ABI_VERSION)); err != nil {
		return nil, err
	}
	options.struct_size = C.uint32_t(unsafe.Sizeof(options))
	options.abi_version = C.HAOYUAN_ABI_VERSION
	var registry Registry
	err := checked(C.haoyuan_open(&options, &registry.handle))
	return &registry, err
}

// Close waits until everything is durable.
func (r *Registry) Close() error { return checked(C.haoyuan_close(r.handle)) }

// FindSession is the number of a session.
func (r *Registry) FindSession(code string) (uint32, error) {
	bytes := []byte(code)
	var session C.uint32_t
	status := C.haoyuan_find_session(r.handle, (*C.char)(unsafe.Pointer(&bytes[0])), C.size_t(len(bytes)), &session)
	if status > 0 {
		return 0, fmt.Errorf("there is no session %s", code)
	}
	return uint32(session), checked(status)
}

// Availability is what the decision would say.
func (r *Registry) Availability(ask Ask) (answer Availability, err error) {
	ask.struct_size = C.uint32_t(unsafe.Sizeof(ask))
	answer.struct_size = C.uint32_t(unsafe.Sizeof(answer))
	err = checked(C.haoyuan_availability(r.handle, &ask, &answer))
	return
}

// Hold holds a seat.
func (r *Registry) Hold(wish Wish) (grant Grant, err error) {
	wish.struct_size = C.uint32_t(unsafe.Sizeof(wish))
	grant.struct_size = C.uint32_t(unsafe.Sizeof(grant))
	err = checked(C.haoyuan_hold(r.handle, &wish, &grant))
	return
}

// Book books a seat.
func (r *Registry) Book(wish Wish) (grant Grant, err error) {
	wish.struct_size = C.uint32_t(unsafe.Sizeof(wish))
	grant.struct_size = C.uint32_t(unsafe.Sizeof(grant))
	err = checked(C.haoyuan_book(r.handle, &wish, &grant))
	return
}

// BookAll books many seats in one call.
func (r *Registry) BookAll(wishes []Wish) ([]Grant, error) {
	grants := make([]Grant, len(wishes))
	if len(wishes) == 0 {
		return grants, nil
	}
	for i := range wishes {
		wishes[i].struct_size = C.uint32_t(unsafe.Sizeof(wishes[i]))
		grants[i].struct_size = C.uint32_t(unsafe.Sizeof(grants[i]))
	}
	err := checked(C.haoyuan_book_batch(r.handle, &wishes[0], &grants[0], C.size_t(len(wishes))))
	return grants, err
}

// Confirm makes a booking of a hold.
func (r *Registry) Confirm(settle Settle) (settled Settled, err error) {
	settle.struct_size = C.uint32_t(unsafe.Sizeof(settle))
	settled.struct_size = C.uint32_t(unsafe.Sizeof(settled))
	err = checked(C.haoyuan_confirm(r.handle, &settle, &settled))
	return
}

// Cancel gives a hold or booking back.
func (r *Registry) Cancel(settle Settle) (settled Settled, err error) {
	settle.struct_size = C.uint32_t(unsafe.Sizeof(settle))
	settled.struct_size = C.uint32_t(unsafe.Sizeof(settled))
	err = checked(C.haoyuan_cancel(r.handle, &settle, &settled))
	return
}

// Wait waits until all are durable; false when the time is up.
func (r *Registry) Wait(acks []uint64, timeoutMs int64) (bool, error) {
	if len(acks) == 0 {
		return true, nil
	}
	status := C.haoyuan_wait(r.handle, (*C.uint64_t)(unsafe.Pointer(&acks[0])), C.size_t(len(acks)), C.int64_t(timeoutMs))
	if status == C.HAOYUAN_PENDING {
		return false, nil
	}
	return status == C.HAOYUAN_OK, checked(status)
}

// Search lists slots that the decision would grant.
func (r *Registry) Search(search Search, most int) ([]Found, error) {
	found := make([]Found, most)
	for i := range found {
		found[i].struct_size = C.uint32_t(unsafe.Sizeof(found[i]))
	}
	search.struct_size = C.uint32_t(unsafe.Sizeof(search))
	var count C.size_t
	err := checked(C.haoyuan_search(r.handle, &search, &found[0], C.size_t(most), &count))
	return found[:count], err
}

// Load is how full the slots of a day are.
func (r *Registry) Load(day Day) ([]Load, error) {
	day.struct_size = C.uint32_t(unsafe.Sizeof(day))
	var count C.size_t
	status := C.haoyuan_load(r.handle, &day, nil, 0, &count)
	if status != C.HAOYUAN_BUFFER_TOO_SMALL {
		return nil, checked(status)
	}
	loads := make([]Load, count)
	for i := range loads {
		loads[i].struct_size = C.uint32_t(unsafe.Sizeof(loads[i]))
	}
	err := checked(C.haoyuan_load(r.handle, &day, &loads[0], count, &count))
	return loads[:count], err
}

// PoolName is what the policy calls a pool.
func (r *Registry) PoolName(session, slot, pool uint32) string {
	name, _ := text(func(b *C.char, c C.size_t, n *C.size_t) C.int32_t {
		return C.haoyuan_pool_name(r.handle, C.uint32_t(session), C.uint32_t(slot), C.uint32_t(pool), b, c, n)
	})
	return name
}

// Execute carries out one command of the JSON language.
func (r *Registry) Execute(line string) (string, error) {
	// An answer that did not fit is kept for the thread, and so is the text of an error.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	json := append([]byte(line), 0)
	buffer := make([]byte, 4096)
	var needed C.size_t
	status := C.haoyuan_execute(r.handle, (*C.char)(unsafe.Pointer(&json[0])), C.size_t(len(line)),
		(*C.char)(unsafe.Pointer(&buffer[0])), C.size_t(len(buffer)), &needed)
	if status == C.HAOYUAN_BUFFER_TOO_SMALL {
		// It was carried out; only its answer did not fit.
		buffer = make([]byte, needed)
		status = C.haoyuan_last_answer((*C.char)(unsafe.Pointer(&buffer[0])), needed, &needed)
	}
	if status != C.HAOYUAN_OK {
		return "", checked(status)
	}
	return string(buffer[:needed]), nil
}

// StateHash is equal wherever the state is equal.
func (r *Registry) StateHash() ([32]byte, error) {
	var hash [32]byte
	err := checked(C.haoyuan_state_hash(r.handle, (*C.uint8_t)(unsafe.Pointer(&hash[0]))))
	return hash, err
}
