// A morning at a hospital, in C#: mcs -out:morning.exe *.cs && mono morning.exe scenario.jsonl
// On .NET the same sources are an ordinary console project; libhaoyuan is found like any native library.
using System;
using System.IO;
using System.Text;
using Haoyuan;

public static class Morning
{
    // 2026-03-03T07:00:00+08:00, when the public pool opens.
    private const long Opens = 1772492400000, Minute = 60000;

    private static Key Patient(ulong number) { return new Key(0x5f00000000000000, number); }

    private static Wish Wish(uint session, ulong number, uint slot, uint channel, long at)
    {
        return new Wish { Session = session, Slot = slot, Channel = channel, At = at, Patient = Patient(number) };
    }

    private static Settle Settle(ulong number, ulong booking, long at)
    {
        return new Settle { At = at, Booking = booking, Patient = Patient(number) };
    }

    public static int Main(string[] arguments)
    {
        var print = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false)) { NewLine = "\n" };
        using (print)
        using (var registry = new Registry(new Options { Durability = Constants.MEMORY }))
        {
            foreach (string line in File.ReadAllLines(arguments[0], Encoding.UTF8))
            {
                string answer = registry.Execute(line);
                if (answer.Contains("\"outcome\":\"error\"")) throw new InvalidDataException(answer);
            }
            uint session = registry.FindSession("CARD-0310-AM");

            int early = registry.Availability(new Ask { Session = session, Channel = Constants.CHANNEL_APP, At = Opens - 1 }).Status;
            print.WriteLine("a millisecond early: {0} {1} / {2}", early,
                Registry.TextOf(early, Constants.ENGLISH), Registry.TextOf(early, Constants.CHINESE));

            Wish first = Wish(session, 1, 0, Constants.CHANNEL_APP, Opens);
            first.Key = new Key(0, 0xa1);
            Grant held = registry.Hold(first), again = registry.Hold(first);
            print.WriteLine("held: number {0}, booking {1:x16}, the same again: {2}", held.Number, held.Booking,
                again.Booking == held.Booking ? "yes" : "no");
            print.WriteLine("confirmed: changed {0}", registry.Confirm(Settle(1, held.Booking, Opens + Minute)).Changed);
            Grant more = registry.Book(Wish(session, 1, 5, Constants.CHANNEL_APP, Opens + 2 * Minute));
            print.WriteLine("once more: {0} {1}, limit {2}", more.Status, Registry.NameOf(more.Status), more.BindingValue);

            var wishes = new Wish[6];
            for (uint i = 0; i < 6; i++) wishes[i] = Wish(session, 2 + i, 1, Constants.CHANNEL_WECHAT, Opens + 3 * Minute);
            Grant[] grants = registry.Book(wishes);
            print.Write("six at once:");
            foreach (Grant grant in grants) print.Write(" {0}", grant.Status);
            print.WriteLine(", bound by {0}", registry.PoolName(session, 1, (uint)grants[5].BindingValue));

            Wish referred = Wish(session, 0x14, 1, Constants.CHANNEL_STATION, Opens + 4 * Minute);
            referred.PatientClass = Constants.CLASS_REFERRAL_SECONDARY;
            referred.Ticket = new Key(0, 0xe001);
            Grant placed = registry.Book(referred);
            print.WriteLine("referred: number {0} from {1}", placed.Number, registry.PoolName(session, 1, placed.Pool));
            print.WriteLine("cancelled: changed {0}", registry.Cancel(Settle(2, grants[0].Booking, Opens + 5 * Minute)).Changed);

            long now = Opens + 6 * Minute, day = Opens + 7 * 24 * 60 * Minute;
            var search = new Search
            {
                Channel = Constants.CHANNEL_WEB, Grade = Constants.ANY, Order = Constants.ORDER_LEAST_LOADED,
                At = now, FirstDay = day, LastDay = day
            };
            print.Write("quiet slots:");
            foreach (Found found in registry.Search(search, 3)) print.Write(" {0}", found.Slot);
            print.WriteLine();
            Load[] loads = registry.Load(new Day { At = now, TheDay = day });
            uint live = 0, seats = 0;
            foreach (Load load in loads)
            {
                live += load.Live;
                seats += load.Capacity;
            }
            print.WriteLine("load: {0} of {1} seats in {2} slots", live, seats, loads.Length);

            string audit = registry.Execute("{\"command\":\"audit\",\"at\":\"2026-03-03T07:06:00+08:00\"}");
            print.WriteLine("audit: {0}", audit.Contains("\"sound\":true") ? "sound" : "broken");
            print.WriteLine("state_hash {0}", BitConverter.ToString(registry.StateHash()).Replace("-", "").ToLowerInvariant());
        }
        return 0;
    }
}
