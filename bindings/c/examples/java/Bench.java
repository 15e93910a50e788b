import com.sun.jna.Memory;
import haoyuan.Constants;
import haoyuan.Haoyuan;
import haoyuan.Haoyuan.Abi;
import java.util.Arrays;

/**
 * How many decisions a second from Java, one a call and 64 a call? JNA direct mapping, the structures kept in native memory and written
 * field by field, as a program on the hot path would. {@code bench.sh} runs it.
 */
public final class Bench {
    static final long OPENS = 1772492400000L;
    static final int PRACTITIONERS = 12, SLOTS = 8, SEATS = 40, PAIRS = PRACTITIONERS * SLOTS * SEATS, BATCH = 64;

    /** Where the fields are. */
    static final class WishAt extends Haoyuan.Wish {
        int of(String field) {
            return fieldOffset(field);
        }
    }

    static final class GrantAt extends Haoyuan.Grant {
        int of(String field) {
            return fieldOffset(field);
        }
    }

    static final class SettleAt extends Haoyuan.Settle {
        int of(String field) {
            return fieldOffset(field);
        }
    }

    static void check(int status) {
        if (status != 0) {
            throw new IllegalStateException(Haoyuan.nameOf(status));
        }
    }

    static Memory array(int size, int count) {
        Memory memory = new Memory((long) size * count);
        memory.clear();
        for (int i = 0; i < count; i++) {
            memory.setInt((long) i * size, size);
        }
        return memory;
    }

    public static void main(String[] arguments) {
        int turns = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 200;
        StringBuilder directory = new StringBuilder();
        directory.append("[[institution]]\ncode = \"H1\"\nname = \"H\"\ntier = \"tertiary\"\n");
        directory.append("[[department]]\ninstitution = \"H1\"\ncode = \"D\"\nname = \"D\"\n");
        StringBuilder roster = new StringBuilder();
        roster.append("code,institution,department,practitioner,date,from,to,grade,slot_minutes,seats_per_slot\n");
        for (int i = 0; i < PRACTITIONERS; i++) {
            directory.append("[[practitioner]]\ncode = \"P").append(i).append("\"\nname = \"P\"\nsites = [\"H1\"]\n");
            roster.append("S").append(i).append(",H1,D,P").append(i).append(",2026-03-10,08:00,12:00,ordinary,30,60\n");
        }
        Memory directoryText = Haoyuan.utf8(directory.toString());
        // What is cancelled is there again at once, also for who cancelled it: the next turn books the same seats.
        Memory policyText = Haoyuan.utf8("name = \"bench\"\nextends = \"jilin-2018\"\n[anti_scalping]\n"
                + "reappears_after = { least = \"0min\", most = \"0min\" }\nwindow_returns_online = true\n");
        Memory rosterText = Haoyuan.utf8(roster.toString());
        Haoyuan.Options options = new Haoyuan.Options();
        options.at = OPENS - 30L * 86_400_000;
        options.directory = directoryText;
        options.directory_length = directoryText.size();
        options.policy = policyText;
        options.policy_length = policyText.size();
        options.roster = rosterText;
        options.roster_length = rosterText.size();
        try (Haoyuan registry = new Haoyuan(options)) {
            run(registry.handle(), turns);
        }
    }

    static void run(long registry, int turns) {
        WishAt wishAt = new WishAt();
        GrantAt grantAt = new GrantAt();
        SettleAt settleAt = new SettleAt();
        int wishSize = wishAt.size(), grantSize = grantAt.size(), settleSize = settleAt.size();
        int settledSize = new Haoyuan.Settled().size();
        int session = wishAt.of("session"), slot = wishAt.of("slot"), wishTime = wishAt.of("at");
        int wishPatient = wishAt.of("patient"), settlePatient = settleAt.of("patient"), settleTime = settleAt.of("at");
        int asked = settleAt.of("booking"), granted = grantAt.of("booking");

        Memory wishes = array(wishSize, PAIRS), settles = array(settleSize, PAIRS);
        Memory grants = array(grantSize, PAIRS), settled = array(settledSize, PAIRS);
        for (int i = 0; i < PAIRS; i++) {
            long at = (long) i * wishSize, settle = (long) i * settleSize;
            wishes.setInt(at + session, i % PRACTITIONERS);
            wishes.setInt(at + slot, i / PRACTITIONERS % SLOTS);
            wishes.setLong(at + wishTime, OPENS);
            wishes.setByte(at + wishPatient, (byte) 0x5f);
            wishes.setInt(at + wishPatient + 12, i + 1);
            settles.setLong(settle + settleTime, OPENS);
            settles.setByte(settle + settlePatient, (byte) 0x5f);
            settles.setInt(settle + settlePatient + 12, i + 1);
        }
        double[] single = new double[turns], batch = new double[turns];
        for (int turn = 0; turn < turns; turn++) {
            long begun = System.nanoTime();
            for (int i = 0; i < PAIRS; i++) {
                check(Abi.haoyuan_hold(registry, wishes.share((long) i * wishSize), grants));
                settles.setLong((long) i * settleSize + asked, grants.getLong(granted));
                check(Abi.haoyuan_confirm(registry, settles.share((long) i * settleSize), settled));
            }
            single[turn] = 2e9 * PAIRS / (System.nanoTime() - begun);
            cancelAll(registry, settles, settled, settleSize, settledSize);

            begun = System.nanoTime();
            for (int i = 0; i < PAIRS; i += BATCH) {
                check(Abi.haoyuan_hold_batch(registry, wishes.share((long) i * wishSize), grants, BATCH));
                for (int k = 0; k < BATCH; k++) {
                    settles.setLong((long) (i + k) * settleSize + asked, grants.getLong((long) k * grantSize + granted));
                }
                check(Abi.haoyuan_confirm_batch(registry, settles.share((long) i * settleSize), settled, BATCH));
            }
            batch[turn] = 2e9 * PAIRS / (System.nanoTime() - begun);
            cancelAll(registry, settles, settled, settleSize, settledSize);
        }
        System.out.printf(
                "from Java %s, JNA direct mapping: %,.0f decisions/s one a call, %,.0f in batches of %d (median of %d turns)%n",
                System.getProperty("java.version"), median(single), median(batch), BATCH, turns);
    }

    static void cancelAll(long registry, Memory settles, Memory settled, int settleSize, int settledSize) {
        check(Abi.haoyuan_cancel_batch(registry, settles, settled, PAIRS));
        for (int i = 0; i < PAIRS; i++) {
            check(settled.getInt((long) i * settledSize + 4));
        }
    }

    static double median(double[] values) {
        // The first turns are the compiler's.
        double[] warm = Arrays.copyOfRange(values, values.length / 4, values.length);
        Arrays.sort(warm);
        return warm[warm.length / 2];
    }
}
