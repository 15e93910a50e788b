import haoyuan.Constants;
import haoyuan.Haoyuan;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;

/**
 * A morning at a hospital, in Java:
 *
 * <pre>
 * javac -cp jna.jar -d out haoyuan/*.java Morning.java
 * java -cp jna.jar:out -Djna.library.path=/opt/haoyuan/lib Morning scenario.jsonl
 * </pre>
 */
public final class Morning {
    /** 2026-03-03T07:00:00+08:00, when the public pool opens. */
    static final long OPENS = 1772492400000L;

    static final long MINUTE = 60000L;

    static Haoyuan.Wish fill(Haoyuan.Wish wish, int session, int number, int slot, int channel, long at) {
        wish.session = session;
        wish.slot = slot;
        wish.patient_class = Constants.CLASS_PUBLIC;
        wish.channel = channel;
        wish.at = at;
        patient(wish.patient, number);
        return wish;
    }

    static void patient(byte[] key, int number) {
        key[0] = 0x5f;
        key[15] = (byte) number;
    }

    static Haoyuan.Settle settle(int number, long booking, long at) {
        Haoyuan.Settle settle = new Haoyuan.Settle();
        settle.at = at;
        settle.booking = booking;
        patient(settle.patient, number);
        return settle;
    }

    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        try (Haoyuan registry = new Haoyuan(new Haoyuan.Options())) {
            for (String line : Files.readAllLines(Paths.get(arguments[0]), StandardCharsets.UTF_8)) {
                String answer = registry.execute(line);
                if (answer.contains("\"outcome\":\"error\"")) {
                    throw new IllegalStateException(answer);
                }
            }
            int session = registry.findSession("CARD-0310-AM");

            Haoyuan.Ask ask = new Haoyuan.Ask();
            ask.session = session;
            ask.channel = Constants.CHANNEL_APP;
            ask.at = OPENS - 1;
            int early = registry.availability(ask).status;
            out.printf(
                    "a millisecond early: %d %s / %s%n",
                    early, Haoyuan.textOf(early, Constants.ENGLISH), Haoyuan.textOf(early, Constants.CHINESE));

            Haoyuan.Wish first = fill(new Haoyuan.Wish(), session, 1, 0, Constants.CHANNEL_APP, OPENS);
            first.key[15] = (byte) 0xa1;
            Haoyuan.Grant held = registry.hold(first);
            Haoyuan.Grant again = registry.hold(first);
            out.printf(
                    "held: number %d, booking %016x, the same again: %s%n",
                    held.number, held.booking, again.booking == held.booking ? "yes" : "no");
            out.printf("confirmed: changed %d%n", registry.confirm(settle(1, held.booking, OPENS + MINUTE)).changed);
            Haoyuan.Grant more =
                    registry.book(fill(new Haoyuan.Wish(), session, 1, 5, Constants.CHANNEL_APP, OPENS + 2 * MINUTE));
            out.printf("once more: %d %s, limit %d%n", more.status, Haoyuan.nameOf(more.status), more.binding_value);

            Haoyuan.Wish[] wishes = Haoyuan.wishes(6);
            for (int i = 0; i < 6; i++) {
                fill(wishes[i], session, 2 + i, 1, Constants.CHANNEL_WECHAT, OPENS + 3 * MINUTE);
            }
            Haoyuan.Grant[] grants = registry.bookBatch(wishes);
            out.print("six at once:");
            for (Haoyuan.Grant grant : grants) {
                out.print(" " + grant.status);
            }
            out.printf(", bound by %s%n", registry.poolName(session, 1, (int) grants[5].binding_value));

            Haoyuan.Wish referred =
                    fill(new Haoyuan.Wish(), session, 0x14, 1, Constants.CHANNEL_STATION, OPENS + 4 * MINUTE);
            referred.patient_class = Constants.CLASS_REFERRAL_SECONDARY;
            referred.ticket[14] = (byte) 0xe0;
            referred.ticket[15] = 0x01;
            Haoyuan.Grant placed = registry.book(referred);
            out.printf("referred: number %d from %s%n", placed.number, registry.poolName(session, 1, placed.pool));
            out.printf(
                    "cancelled: changed %d%n", registry.cancel(settle(2, grants[0].booking, OPENS + 5 * MINUTE)).changed);

            Haoyuan.Search search = new Haoyuan.Search();
            search.channel = Constants.CHANNEL_WEB;
            search.order = Constants.ORDER_LEAST_LOADED;
            search.at = OPENS + 6 * MINUTE;
            search.first_day = search.last_day = OPENS + 7 * 24 * 60 * MINUTE;
            out.print("quiet slots:");
            for (Haoyuan.Found found : registry.search(search, 3)) {
                out.print(" " + found.slot);
            }
            out.println();
            Haoyuan.Day day = new Haoyuan.Day();
            day.at = search.at;
            day.day = search.first_day;
            Haoyuan.Load[] loads = registry.load(day);
            int live = 0, seats = 0;
            for (Haoyuan.Load load : loads) {
                live += load.live;
                seats += load.capacity;
            }
            out.printf("load: %d of %d seats in %d slots%n", live, seats, loads.length);

            String audit = registry.execute("{\"command\":\"audit\",\"at\":\"2026-03-03T07:06:00+08:00\"}");
            out.println("audit: " + (audit.contains("\"sound\":true") ? "sound" : "broken"));
            out.print("state_hash ");
            for (byte each : registry.stateHash()) {
                out.printf("%02x", each);
            }
            out.println();
        }
    }
}
