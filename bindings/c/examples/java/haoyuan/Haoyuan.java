package haoyuan;

import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import com.sun.jna.Structure.FieldOrder;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.LongByReference;
import java.nio.charset.StandardCharsets;
import java.util.Collections;

/**
 * haoyuan (号源), the engine that hands out outpatient numbers, for Java: its C ABI by JNA direct mapping, on 64-bit JVMs from 8 on. A
 * refusal is an answer: look at {@code status}. An error is a {@link Failure}. A registry may be used from any thread.
 */
public final class Haoyuan implements AutoCloseable {
    /** The functions of the header, as they are. Every {@code size_t} is a long. */
    public static final class Abi {
        static {
            // The texts of the library are UTF-8, whatever the platform's encoding is.
            Native.register(
                    Abi.class,
                    com.sun.jna.NativeLibrary.getInstance(
                            "haoyuan", Collections.singletonMap(Library.OPTION_STRING_ENCODING, "UTF-8")));
        }

        private Abi() {}

        public static native int haoyuan_abi_check(int version);
        public static native int haoyuan_open(Options options, LongByReference registry);
        public static native int haoyuan_close(long registry);
        public static native int haoyuan_status_text(int status, int language, byte[] buffer, long capacity, LongByReference needed);
        public static native int haoyuan_status_name(int status, byte[] buffer, long capacity, LongByReference needed);
        public static native int haoyuan_last_error(byte[] buffer, long capacity, LongByReference needed);
        public static native int haoyuan_last_answer(byte[] buffer, long capacity, LongByReference needed);
        public static native int haoyuan_find_session(long registry, byte[] code, long length, IntByReference session);
        public static native int haoyuan_pool_name(
                long registry, int session, int slot, int pool, byte[] buffer, long capacity, LongByReference needed);
        public static native int haoyuan_availability(long registry, Ask ask, Availability availability);
        public static native int haoyuan_hold(long registry, Pointer wish, Pointer grant);
        public static native int haoyuan_book(long registry, Pointer wish, Pointer grant);
        public static native int haoyuan_confirm(long registry, Pointer settle, Pointer settled);
        public static native int haoyuan_cancel(long registry, Pointer settle, Pointer settled);
        public static native int haoyuan_hold_batch(long registry, Pointer wishes, Pointer grants, long count);
        public static native int haoyuan_book_batch(long registry, Pointer wishes, Pointer grants, long count);
        public static native int haoyuan_confirm_batch(long registry, Pointer settles, Pointer settled, long count);
        public static native int haoyuan_cancel_batch(long registry, Pointer settles, Pointer settled, long count);
        public static native int haoyuan_wait(long registry, long[] acks, long count, long timeoutMs);
        public static native int haoyuan_search(long registry, Search search, Pointer found, long capacity, LongByReference count);
        public static native int haoyuan_load(long registry, Day day, Pointer loads, long capacity, LongByReference count);
        public static native int haoyuan_execute(
                long registry, byte[] json, long length, byte[] buffer, long capacity, LongByReference needed);
        public static native int haoyuan_state_hash(long registry, byte[] hash);
    }

    /** A structure of the ABI, which knows its size. */
    public abstract static class Sized extends Structure {
        public int struct_size;

        @Override
        public void write() {
            struct_size = size();
            super.write();
        }
    }

    @FieldOrder({
        "struct_size", "abi_version", "durability", "refusals", "hash", "window_ms", "window_records", "max_delay_us",
        "for_seats", "blocks", "seats", "sessions", "shapes", "patients", "entries", "reserved", "at", "folder",
        "folder_length", "directory", "directory_length", "policy", "policy_length", "roster", "roster_length", "log",
        "log_context"
    })
    public static class Options extends Sized {
        public int abi_version = Constants.ABI_VERSION, durability, refusals, hash, window_ms, window_records, max_delay_us;
        public int for_seats, blocks, seats, sessions, shapes, patients, entries, reserved;
        public long at;
        public Pointer folder;
        public long folder_length;
        public Pointer directory;
        public long directory_length;
        public Pointer policy;
        public long policy_length;
        public Pointer roster;
        public long roster_length;
        public Pointer log, log_context;
    }

    @FieldOrder({
        "struct_size", "session", "slot", "patient_class", "channel", "role", "reason", "reserved", "at", "actor",
        "contact", "patient", "ticket", "key"
    })
    public static class Wish extends Sized {
        public int session, slot, patient_class, channel, role, reason, reserved;
        public long at, actor, contact;
        public byte[] patient = new byte[16], ticket = new byte[16], key = new byte[16];
    }

    @FieldOrder({
        "struct_size", "status", "booking", "ack", "from", "to", "expires", "session", "slot", "number", "pool",
        "institution", "standing", "spill", "sequence", "retry", "binding", "retry_from", "binding_value"
    })
    public static class Grant extends Sized {
        public int status;
        public long booking, ack, from, to, expires;
        public int session, slot, number, pool, institution, standing, spill, sequence, retry, binding;
        public long retry_from, binding_value;
    }

    @FieldOrder({
        "struct_size", "role", "reason", "reserved", "at", "booking", "actor", "contact", "patient", "key"
    })
    public static class Settle extends Sized {
        public int role, reason, reserved;
        public long at, booking, actor, contact;
        public byte[] patient = new byte[16], key = new byte[16];
    }

    @FieldOrder({
        "struct_size", "status", "booking", "ack", "sequence", "changed", "retry", "binding", "retry_from",
        "binding_value"
    })
    public static class Settled extends Sized {
        public int status;
        public long booking, ack;
        public int sequence, changed, retry, binding;
        public long retry_from, binding_value;
    }

    @FieldOrder({"struct_size", "session", "slot", "patient_class", "channel", "reserved", "at"})
    public static class Ask extends Sized {
        public int session, slot, patient_class, channel, reserved;
        public long at;
    }

    @FieldOrder({
        "struct_size", "status", "free", "capacity", "live", "retry", "binding", "reserved", "retry_from",
        "binding_value"
    })
    public static class Availability extends Sized {
        public int status, free, capacity, live, retry, binding, reserved;
        public long retry_from, binding_value;
    }

    @FieldOrder({
        "struct_size", "patient_class", "channel", "grade", "order", "reserved", "at", "first_day", "last_day",
        "institution", "institution_length", "department", "department_length", "practitioner", "practitioner_length"
    })
    public static class Search extends Sized {
        public int patient_class, channel, grade = Constants.ANY, order, reserved;
        public long at, first_day, last_day;
        public Pointer institution;
        public long institution_length;
        public Pointer department;
        public long department_length;
        public Pointer practitioner;
        public long practitioner_length;
    }

    @FieldOrder({"struct_size", "session", "slot", "free", "live", "capacity", "from", "to"})
    public static class Found extends Sized {
        public int session, slot, free, live, capacity;
        public long from, to;
    }

    @FieldOrder({
        "struct_size", "reserved", "at", "day", "institution", "institution_length", "department", "department_length"
    })
    public static class Day extends Sized {
        public int reserved;
        public long at, day;
        public Pointer institution;
        public long institution_length;
        public Pointer department;
        public long department_length;
    }

    @FieldOrder({"struct_size", "capacity", "live", "reserved", "from", "to"})
    public static class Load extends Sized {
        public int capacity, live, reserved;
        public long from, to;
    }

    /** What a caller or the world did wrong. A refusal is never one. */
    public static final class Failure extends RuntimeException {
        private static final long serialVersionUID = 1L;
        public final int status;

        Failure(int status) {
            super(nameOf(status) + ": " + textOf(status, Constants.ENGLISH) + "; " + text(Abi::haoyuan_last_error));
            this.status = status;
        }
    }

    private interface Text {
        int ask(byte[] buffer, long capacity, LongByReference needed);
    }

    private static String text(Text call) {
        LongByReference needed = new LongByReference();
        byte[] buffer = new byte[256];
        int status = call.ask(buffer, buffer.length, needed);
        if (status == Constants.BUFFER_TOO_SMALL) {
            buffer = new byte[(int) needed.getValue()];
            status = call.ask(buffer, buffer.length, needed);
        }
        return status == Constants.OK ? new String(buffer, 0, (int) needed.getValue(), StandardCharsets.UTF_8) : "";
    }

    public static String nameOf(int status) {
        return text((buffer, capacity, needed) -> Abi.haoyuan_status_name(status, buffer, capacity, needed));
    }

    public static String textOf(int status, int language) {
        return text((buffer, capacity, needed) -> Abi.haoyuan_status_text(status, language, buffer, capacity, needed));
    }

    private static int checked(int status) {
        if (status < 0) {
            throw new Failure(status);
        }
        return status;
    }

    private long handle;

    public Haoyuan(Options options) {
        checked(Abi.haoyuan_abi_check(Constants.ABI_VERSION));
        LongByReference opened = new LongByReference();
        checked(Abi.haoyuan_open(options, opened));
        handle = opened.getValue();
    }

    /** The handle, for {@link Abi}. */
    public long handle() {
        return handle;
    }

    /** Waits until everything is durable. Closing again does nothing. */
    @Override
    public void close() {
        long open = handle;
        handle = 0;
        if (open != 0) {
            checked(Abi.haoyuan_close(open));
        }
    }

    public int findSession(String code) {
        byte[] bytes = code.getBytes(StandardCharsets.UTF_8);
        IntByReference session = new IntByReference();
        if (checked(Abi.haoyuan_find_session(handle, bytes, bytes.length, session)) != Constants.OK) {
            throw new IllegalArgumentException("there is no session " + code);
        }
        return session.getValue();
    }

    public Availability availability(Ask ask) {
        Availability answer = new Availability();
        checked(Abi.haoyuan_availability(handle, ask, answer));
        return answer;
    }

    private interface Decision {
        int decide(long registry, Pointer asked, Pointer answer);
    }

    private <T extends Structure> T decide(Decision decision, Structure asked, T answer) {
        asked.write();
        answer.write();
        checked(decision.decide(handle, asked.getPointer(), answer.getPointer()));
        answer.read();
        return answer;
    }

    public Grant hold(Wish wish) {
        return decide(Abi::haoyuan_hold, wish, new Grant());
    }

    public Grant book(Wish wish) {
        return decide(Abi::haoyuan_book, wish, new Grant());
    }

    public Settled confirm(Settle settle) {
        return decide(Abi::haoyuan_confirm, settle, new Settled());
    }

    public Settled cancel(Settle settle) {
        return decide(Abi::haoyuan_cancel, settle, new Settled());
    }

    /** An array in one piece of memory, as a batch wants it: fill it and pass it to {@link #bookBatch}. */
    public static Wish[] wishes(int count) {
        return (Wish[]) new Wish().toArray(count);
    }

    public Grant[] bookBatch(Wish[] wishes) {
        Grant[] grants = (Grant[]) new Grant().toArray(wishes.length);
        for (int i = 0; i < wishes.length; i++) {
            wishes[i].write();
            grants[i].write();
        }
        checked(Abi.haoyuan_book_batch(handle, wishes[0].getPointer(), grants[0].getPointer(), wishes.length));
        for (Grant grant : grants) {
            grant.read();
        }
        return grants;
    }

    /** Whether all are durable; false when the time is up. */
    public boolean await(long timeoutMs, long... acks) {
        int status = Abi.haoyuan_wait(handle, acks, acks.length, timeoutMs);
        return status != Constants.PENDING && checked(status) == Constants.OK;
    }

    public Found[] search(Search search, int most) {
        Found[] found = (Found[]) new Found().toArray(most);
        for (Found each : found) {
            each.write();
        }
        LongByReference count = new LongByReference();
        checked(Abi.haoyuan_search(handle, search, found[0].getPointer(), most, count));
        for (Found each : found) {
            each.read();
        }
        return java.util.Arrays.copyOf(found, (int) count.getValue());
    }

    public Load[] load(Day day) {
        LongByReference count = new LongByReference();
        int status = Abi.haoyuan_load(handle, day, null, 0, count);
        if (status != Constants.BUFFER_TOO_SMALL) {
            checked(status);
            return new Load[0];
        }
        Load[] loads = (Load[]) new Load().toArray((int) count.getValue());
        for (Load each : loads) {
            each.write();
        }
        checked(Abi.haoyuan_load(handle, day, loads[0].getPointer(), loads.length, count));
        for (Load each : loads) {
            each.read();
        }
        return loads;
    }

    public String poolName(int session, int slot, int pool) {
        return text(
                (buffer, capacity, needed) ->
                        Abi.haoyuan_pool_name(handle, session, slot, pool, buffer, capacity, needed));
    }

    /** One command of the JSON language in, its answer out. */
    public String execute(String line) {
        byte[] bytes = line.getBytes(StandardCharsets.UTF_8);
        byte[] buffer = new byte[4096];
        LongByReference needed = new LongByReference();
        int status = Abi.haoyuan_execute(handle, bytes, bytes.length, buffer, buffer.length, needed);
        if (status == Constants.BUFFER_TOO_SMALL) {
            // It was carried out; only its answer did not fit.
            return text(Abi::haoyuan_last_answer);
        }
        checked(status);
        return new String(buffer, 0, (int) needed.getValue(), StandardCharsets.UTF_8);
    }

    public byte[] stateHash() {
        byte[] hash = new byte[32];
        checked(Abi.haoyuan_state_hash(handle, hash));
        return hash;
    }

    /** A text for a field of {@link Options}; keep it until the call is over. */
    public static Memory utf8(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        Memory memory = new Memory(Math.max(1, bytes.length));
        memory.write(0, bytes, 0, bytes.length);
        return memory;
    }
}
