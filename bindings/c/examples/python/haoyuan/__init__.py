"""haoyuan (号源), the engine that hands out outpatient numbers, for Python: a small typed layer over its C ABI.

A refusal is an answer: look at ``status``. An error raises :class:`Error`. A :class:`Registry` may be used from any thread;
``ctypes`` lets other threads run while it decides.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from ctypes import POINTER, Structure, byref, c_char_p, c_int32, c_int64, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p
from typing import Any, Callable, Iterable, Sequence

from . import constants as c

__all__ = [
    "Ask", "Availability", "Day", "Error", "Found", "Grant", "Load", "Options", "Registry", "Search", "Settle",
    "Settled", "Wish", "constants", "key", "name_of", "text_of",
]
constants = c

Key = c_uint8 * 16


def key(value: bytes | str | int) -> Any:
    """A key of 16 bytes, from bytes, up to 32 hexadecimal digits, or a number."""
    if isinstance(value, str):
        value = int(value, 16)
    if isinstance(value, int):
        value = value.to_bytes(16, "big")
    return Key(*value)


class _Sized(Structure):
    """A structure of the ABI, which knows its size."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(struct_size=ctypes.sizeof(type(self)), **fields)


class Options(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("abi_version", c_uint32), ("durability", c_uint32), ("refusals", c_uint32),
        ("hash", c_uint32), ("window_ms", c_uint32), ("window_records", c_uint32), ("max_delay_us", c_uint32),
        ("for_seats", c_uint32), ("blocks", c_uint32), ("seats", c_uint32), ("sessions", c_uint32),
        ("shapes", c_uint32), ("patients", c_uint32), ("entries", c_uint32), ("reserved", c_uint32), ("at", c_int64),
        ("folder", c_char_p), ("folder_length", c_size_t), ("directory", c_char_p), ("directory_length", c_size_t),
        ("policy", c_char_p), ("policy_length", c_size_t), ("roster", c_char_p), ("roster_length", c_size_t),
        ("log", c_void_p), ("log_context", c_void_p),
    ]


class Wish(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("session", c_uint32), ("slot", c_uint32), ("patient_class", c_uint32),
        ("channel", c_uint32), ("role", c_uint32), ("reason", c_uint32), ("reserved", c_uint32), ("at", c_int64),
        ("actor", c_uint64), ("contact", c_uint64), ("patient", Key), ("ticket", Key), ("key", Key),
    ]


class Grant(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("status", c_int32), ("booking", c_uint64), ("ack", c_uint64), ("from_", c_int64),
        ("to", c_int64), ("expires", c_int64), ("session", c_uint32), ("slot", c_uint32), ("number", c_uint32),
        ("pool", c_uint32), ("institution", c_uint32), ("standing", c_uint32), ("spill", c_uint32),
        ("sequence", c_uint32), ("retry", c_uint32), ("binding", c_uint32), ("retry_from", c_int64),
        ("binding_value", c_uint64),
    ]


class Settle(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("role", c_uint32), ("reason", c_uint32), ("reserved", c_uint32), ("at", c_int64),
        ("booking", c_uint64), ("actor", c_uint64), ("contact", c_uint64), ("patient", Key), ("key", Key),
    ]


class Settled(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("status", c_int32), ("booking", c_uint64), ("ack", c_uint64),
        ("sequence", c_uint32), ("changed", c_uint32), ("retry", c_uint32), ("binding", c_uint32),
        ("retry_from", c_int64), ("binding_value", c_uint64),
    ]


class Ask(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("session", c_uint32), ("slot", c_uint32), ("patient_class", c_uint32),
        ("channel", c_uint32), ("reserved", c_uint32), ("at", c_int64),
    ]


class Availability(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("status", c_int32), ("free", c_uint32), ("capacity", c_uint32),
        ("live", c_uint32), ("retry", c_uint32), ("binding", c_uint32), ("reserved", c_uint32),
        ("retry_from", c_int64), ("binding_value", c_uint64),
    ]


class Search(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("patient_class", c_uint32), ("channel", c_uint32), ("grade", c_uint32),
        ("order", c_uint32), ("reserved", c_uint32), ("at", c_int64), ("first_day", c_int64), ("last_day", c_int64),
        ("institution", c_char_p), ("institution_length", c_size_t), ("department", c_char_p),
        ("department_length", c_size_t), ("practitioner", c_char_p), ("practitioner_length", c_size_t),
    ]


class Found(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("session", c_uint32), ("slot", c_uint32), ("free", c_uint32), ("live", c_uint32),
        ("capacity", c_uint32), ("from_", c_int64), ("to", c_int64),
    ]


class Day(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("reserved", c_uint32), ("at", c_int64), ("day", c_int64),
        ("institution", c_char_p), ("institution_length", c_size_t), ("department", c_char_p),
        ("department_length", c_size_t),
    ]


class Load(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("capacity", c_uint32), ("live", c_uint32), ("reserved", c_uint32),
        ("from_", c_int64), ("to", c_int64),
    ]


def _load_library() -> ctypes.CDLL:
    name = os.environ.get("HAOYUAN_LIBRARY") or ctypes.util.find_library("haoyuan") or f"libhaoyuan.so.{c.ABI_MAJOR}"
    library = ctypes.CDLL(name)
    text = [c_void_p, c_size_t, POINTER(c_size_t)]
    signatures: dict[str, list[Any]] = {
        "abi_check": [c_uint32],
        "open": [POINTER(Options), POINTER(c_uint64)],
        "close": [c_uint64],
        "status_text": [c_int32, c_uint32, *text],
        "status_name": [c_int32, *text],
        "last_error": text,
        "last_answer": text,
        "find_session": [c_uint64, c_char_p, c_size_t, POINTER(c_uint32)],
        "pool_name": [c_uint64, c_uint32, c_uint32, c_uint32, *text],
        "availability": [c_uint64, POINTER(Ask), POINTER(Availability)],
        "hold": [c_uint64, POINTER(Wish), POINTER(Grant)],
        "book": [c_uint64, POINTER(Wish), POINTER(Grant)],
        "confirm": [c_uint64, POINTER(Settle), POINTER(Settled)],
        "cancel": [c_uint64, POINTER(Settle), POINTER(Settled)],
        "hold_batch": [c_uint64, POINTER(Wish), POINTER(Grant), c_size_t],
        "book_batch": [c_uint64, POINTER(Wish), POINTER(Grant), c_size_t],
        "confirm_batch": [c_uint64, POINTER(Settle), POINTER(Settled), c_size_t],
        "cancel_batch": [c_uint64, POINTER(Settle), POINTER(Settled), c_size_t],
        "wait": [c_uint64, POINTER(c_uint64), c_size_t, c_int64],
        "search": [c_uint64, POINTER(Search), POINTER(Found), c_size_t, POINTER(c_size_t)],
        "load": [c_uint64, POINTER(Day), POINTER(Load), c_size_t, POINTER(c_size_t)],
        "execute": [c_uint64, c_char_p, c_size_t, *text],
        "snapshot": [c_uint64, *text],
        "state_hash": [c_uint64, c_void_p],
    }
    for name, arguments in signatures.items():
        function = getattr(library, f"haoyuan_{name}")
        function.argtypes, function.restype = arguments, c_int32
    return library


_library = _load_library()


def _text(call: Callable[..., int], capacity: int = 256) -> tuple[int, str]:
    """Asks ``call(buffer, capacity, needed)`` for a text, twice if it is long."""
    needed = c_size_t()
    buffer = ctypes.create_string_buffer(capacity)
    status = call(buffer, capacity, byref(needed))
    if status == c.BUFFER_TOO_SMALL:
        buffer = ctypes.create_string_buffer(needed.value)
        status = call(buffer, needed.value, byref(needed))
    return status, buffer.raw[: needed.value].decode() if status == c.OK else ""


def name_of(status: int) -> str:
    """The stable word of a status or refusal."""
    return _text(lambda *text: _library.haoyuan_status_name(status, *text))[1]


def text_of(status: int, language: int = c.ENGLISH) -> str:
    """What a status or refusal means, for people."""
    return _text(lambda *text: _library.haoyuan_status_text(status, language, *text))[1]


class Error(Exception):
    """What a caller or the world did wrong. A refusal is never one."""

    def __init__(self, status: int) -> None:
        self.status = status
        details = _text(_library.haoyuan_last_error)[1]
        super().__init__(f"{name_of(status)}: {text_of(status)}" + (f"; {details}" if details else ""))


def _checked(status: int) -> int:
    if status < 0:
        raise Error(status)
    return status


class Registry:
    """An open registry. Use it with ``with``, so that it is closed."""

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        durability: int | None = None,
        for_seats: int = 0,
        at: int = 0,
        directory: str | None = None,
        policy: str | None = None,
        roster: str | None = None,
    ) -> None:
        _checked(_library.haoyuan_abi_check(c.ABI_VERSION))
        if durability is None:
            durability = c.MEMORY if folder is None else c.SYNCED
        options = Options(abi_version=c.ABI_VERSION, durability=durability, for_seats=for_seats, at=at)
        texts = {
            "folder": None if folder is None else os.fspath(folder),
            "directory": directory,
            "policy": policy,
            "roster": roster,
        }
        for field, value in texts.items():
            if value is not None:
                encoded = value.encode()
                setattr(options, field, encoded)
                setattr(options, f"{field}_length", len(encoded))
        handle = c_uint64()
        _checked(_library.haoyuan_open(byref(options), byref(handle)))
        self._handle = handle.value

    def __enter__(self) -> "Registry":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Waits until everything is durable. Closing again does nothing."""
        handle, self._handle = self._handle, 0
        if handle:
            _checked(_library.haoyuan_close(handle))

    def find_session(self, code: str) -> int:
        session = c_uint32()
        encoded = code.encode()
        if _checked(_library.haoyuan_find_session(self._handle, encoded, len(encoded), byref(session))):
            raise KeyError(code)
        return session.value

    def availability(self, ask: Ask) -> Availability:
        answer = Availability()
        _checked(_library.haoyuan_availability(self._handle, byref(ask), byref(answer)))
        return answer

    def hold(self, wish: Wish) -> Grant:
        return self._decide(_library.haoyuan_hold, wish, Grant())

    def book(self, wish: Wish) -> Grant:
        return self._decide(_library.haoyuan_book, wish, Grant())

    def confirm(self, settle: Settle) -> Settled:
        return self._decide(_library.haoyuan_confirm, settle, Settled())

    def cancel(self, settle: Settle) -> Settled:
        return self._decide(_library.haoyuan_cancel, settle, Settled())

    def hold_batch(self, wishes: Sequence[Wish]) -> list[Grant]:
        return self._decide_all(_library.haoyuan_hold_batch, Wish, Grant, wishes)

    def book_batch(self, wishes: Sequence[Wish]) -> list[Grant]:
        return self._decide_all(_library.haoyuan_book_batch, Wish, Grant, wishes)

    def confirm_batch(self, settles: Sequence[Settle]) -> list[Settled]:
        return self._decide_all(_library.haoyuan_confirm_batch, Settle, Settled, settles)

    def cancel_batch(self, settles: Sequence[Settle]) -> list[Settled]:
        return self._decide_all(_library.haoyuan_cancel_batch, Settle, Settled, settles)

    def wait(self, acks: Iterable[int], timeout_ms: int = -1) -> bool:
        """Whether all are durable; ``False`` when the time is up."""
        numbers = list(acks)
        array = (c_uint64 * len(numbers))(*numbers)
        status = _library.haoyuan_wait(self._handle, array, len(numbers), timeout_ms)
        if status == c.PENDING:
            return False
        return _checked(status) == c.OK

    def search(self, search: Search, most: int = 50) -> list[Found]:
        array = (Found * most)(*[Found() for _ in range(most)])
        count = c_size_t()
        _checked(_library.haoyuan_search(self._handle, byref(search), array, most, byref(count)))
        return list(array[: count.value])

    def load(self, day: Day) -> list[Load]:
        capacity, count = 64, c_size_t()
        while True:
            array = (Load * capacity)(*[Load() for _ in range(capacity)])
            status = _library.haoyuan_load(self._handle, byref(day), array, capacity, byref(count))
            if status != c.BUFFER_TOO_SMALL:
                _checked(status)
                return list(array[: count.value])
            capacity = count.value

    def pool_name(self, session: int, slot: int, pool: int) -> str:
        status, name = _text(lambda *text: _library.haoyuan_pool_name(self._handle, session, slot, pool, *text))
        _checked(status)
        return name

    def execute(self, line: str) -> str:
        """One command of the JSON language in, its answer out."""
        encoded = line.encode()
        needed = c_size_t()
        buffer = ctypes.create_string_buffer(4096)
        status = _library.haoyuan_execute(self._handle, encoded, len(encoded), buffer, 4096, byref(needed))
        if status == c.BUFFER_TOO_SMALL:
            # It was carried out; only its answer did not fit.
            status, answer = _text(_library.haoyuan_last_answer, needed.value)
            _checked(status)
            return answer
        _checked(status)
        return buffer.raw[: needed.value].decode()

    def snapshot(self) -> str:
        """Writes a snapshot; the name of its file."""
        status, name = _text(lambda *text: _library.haoyuan_snapshot(self._handle, *text))
        _checked(status)
        return name

    def state_hash(self) -> bytes:
        answer = (c_uint8 * 32)()
        _checked(_library.haoyuan_state_hash(self._handle, answer))
        return bytes(answer)

    def _decide(self, function: Any, asked: Any, answer: Any) -> Any:
        _checked(function(self._handle, byref(asked), byref(answer)))
        return answer

    def _decide_all(self, function: Any, asked_type: Any, answer_type: Any, asked: Sequence[Any]) -> Any:
        count = len(asked)
        array = (asked_type * count)(*asked)
        answers = (answer_type * count)(*[answer_type() for _ in range(count)])
        _checked(function(self._handle, array, answers, count))
        return list(answers)
