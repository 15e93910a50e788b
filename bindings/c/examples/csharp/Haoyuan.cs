using System;
using System.Runtime.InteropServices;
using System.Text;

namespace Haoyuan
{
    /// <summary>A key of 16 bytes, in the order of its hexadecimal digits.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Key
    {
        private ulong high, low;

        public Key(ulong high, ulong low)
        {
            this.high = BigEndian(high);
            this.low = BigEndian(low);
        }

        private static ulong BigEndian(ulong value)
        {
            if (!BitConverter.IsLittleEndian) return value;
            ulong swapped = 0;
            for (int i = 0; i < 8; i++) swapped |= ((value >> (8 * i)) & 0xff) << (56 - 8 * i);
            return swapped;
        }
    }

    // The structures of the header, field by field. All are blittable: nothing is copied on the way.

    [StructLayout(LayoutKind.Sequential)]
    public struct Options
    {
        public uint StructSize, AbiVersion, Durability, Refusals, Hash, WindowMs, WindowRecords, MaxDelayUs;
        public uint ForSeats, Blocks, Seats, Sessions, Shapes, Patients, Entries, Reserved;
        public long At;
        public IntPtr Folder;
        public UIntPtr FolderLength;
        public IntPtr Directory;
        public UIntPtr DirectoryLength;
        public IntPtr Policy;
        public UIntPtr PolicyLength;
        public IntPtr Roster;
        public UIntPtr RosterLength;
        public IntPtr Log, LogContext;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Wish
    {
        public uint StructSize, Session, Slot, PatientClass, Channel, Role, Reason, Reserved;
        public long At;
        public ulong Actor, Contact;
        public Key Patient, Ticket, Key;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Grant
    {
        public uint StructSize;
        public int Status;
        public ulong Booking, Ack;
        public long From, To, Expires;
        public uint Session, Slot, Number, Pool, Institution, Standing, Spill, Sequence, Retry, Binding;
        public long RetryFrom;
        public ulong BindingValue;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Settle
    {
        public uint StructSize, Role, Reason, Reserved;
        public long At;
        public ulong Booking, Actor, Contact;
        public Key Patient, Key;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Settled
    {
        public uint StructSize;
        public int Status;
        public ulong Booking, Ack;
        public uint Sequence, Changed, Retry, Binding;
        public long RetryFrom;
        public ulong BindingValue;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Ask
    {
        public uint StructSize, Session, Slot, PatientClass, Channel, Reserved;
        public long At;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Availability
    {
        public uint StructSize;
        public int Status;
        public uint Free, Capacity, Live, Retry, Binding, Reserved;
        public long RetryFrom;
        public ulong BindingValue;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Search
    {
        public uint StructSize, PatientClass, Channel, Grade, Order, Reserved;
        public long At, FirstDay, LastDay;
        public IntPtr Institution;
        public UIntPtr InstitutionLength;
        public IntPtr Department;
        public UIntPtr DepartmentLength;
        public IntPtr Practitioner;
        public UIntPtr PractitionerLength;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Found
    {
        public uint StructSize, Session, Slot, Free, Live, Capacity;
        public long From, To;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Day
    {
        public uint StructSize, Reserved;
        public long At, TheDay;
        public IntPtr Institution;
        public UIntPtr InstitutionLength;
        public IntPtr Department;
        public UIntPtr DepartmentLength;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Load
    {
        public uint StructSize, Capacity, Live, Reserved;
        public long From, To;
    }

    /// <summary>The functions of the header, as they are.</summary>
    public static class Abi
    {
        private const string Library = "haoyuan";

        [DllImport(Library)] public static extern int haoyuan_abi_check(uint version);
        [DllImport(Library)] public static extern int haoyuan_open(ref Options options, out ulong registry);
        [DllImport(Library)] public static extern int haoyuan_close(ulong registry);
        [DllImport(Library)] public static extern int haoyuan_status_text(int status, uint language, byte[] buffer, UIntPtr capacity, out UIntPtr needed);
        [DllImport(Library)] public static extern int haoyuan_status_name(int status, byte[] buffer, UIntPtr capacity, out UIntPtr needed);
        [DllImport(Library)] public static extern int haoyuan_last_error(byte[] buffer, UIntPtr capacity, out UIntPtr needed);
        [DllImport(Library)] public static extern int haoyuan_last_answer(byte[] buffer, UIntPtr capacity, out UIntPtr needed);
        [DllImport(Library)] public static extern int haoyuan_find_session(ulong registry, byte[] code, UIntPtr length, out uint session);
        [DllImport(Library)] public static extern int haoyuan_pool_name(ulong registry, uint session, uint slot, uint pool, byte[] buffer, UIntPtr capacity, out UIntPtr needed);
        [DllImport(Library)] public static extern int haoyuan_availability(ulong registry, ref Ask ask, ref Availability availability);
        [DllImport(Library)] public static extern int haoyuan_hold(ulong registry, ref Wish wish, ref Grant grant);
        [DllImport(Library)] public static extern int haoyuan_book(ulong registry, ref Wish wish, ref Grant grant);
        [DllImport(Library)] public static extern int haoyuan_confirm(ulong registry, ref Settle settle, ref Settled settled);
        [DllImport(Library)] public static extern int haoyuan_cancel(ulong registry, ref Settle settle, ref Settled settled);
        [DllImport(Library)] public static extern int haoyuan_book_batch(ulong registry, [In] Wish[] wishes, [In, Out] Grant[] grants, UIntPtr count);
        [DllImport(Library)] public static extern int haoyuan_wait(ulong registry, [In] ulong[] acks, UIntPtr count, long timeoutMs);
        [DllImport(Library)] public static extern int haoyuan_search(ulong registry, ref Search search, [In, Out] Found[] found, UIntPtr capacity, out UIntPtr count);
        [DllImport(Library)] public static extern int haoyuan_load(ulong registry, ref Day day, [In, Out] Load[] loads, UIntPtr capacity, out UIntPtr count);
        [DllImport(Library)] public static extern int haoyuan_execute(ulong registry, byte[] json, UIntPtr length, byte[] buffer, UIntPtr capacity, out UIntPtr needed);
        [DllImport(Library)] public static extern int haoyuan_state_hash(ulong registry, byte[] hash);
    }

    /// <summary>What a caller or the world did wrong. A refusal is never one.</summary>
    public sealed class Failure : Exception
    {
        public readonly int Status;

        public Failure(int status)
            : base(Registry.NameOf(status) + ": " + Registry.TextOf(status, Constants.ENGLISH) + "; " + Registry.LastError())
        {
            Status = status;
        }
    }

    /// <summary>An open registry, usable from any thread. A refusal is an answer: look at its status.</summary>
    public sealed class Registry : IDisposable
    {
        private ulong handle;

        public Registry(Options options)
        {
            Checked(Abi.haoyuan_abi_check(Constants.ABI_VERSION));
            options.StructSize = Size<Options>();
            options.AbiVersion = Constants.ABI_VERSION;
            Checked(Abi.haoyuan_open(ref options, out handle));
        }

        /// <summary>Waits until everything is durable. Closing again does nothing.</summary>
        public void Dispose()
        {
            ulong open = handle;
            handle = 0;
            if (open != 0) Checked(Abi.haoyuan_close(open));
        }

        public uint FindSession(string code)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(code);
            uint session;
            if (Checked(Abi.haoyuan_find_session(handle, bytes, Length(bytes), out session)) != Constants.OK)
                throw new ArgumentException("there is no session " + code);
            return session;
        }

        public Availability Availability(Ask ask)
        {
            var answer = new Availability { StructSize = Size<Availability>() };
            ask.StructSize = Size<Ask>();
            Checked(Abi.haoyuan_availability(handle, ref ask, ref answer));
            return answer;
        }

        private delegate int Decision<TAsked, TAnswer>(ulong registry, ref TAsked asked, ref TAnswer answer);

        private Grant Claim(Decision<Wish, Grant> decide, Wish wish)
        {
            var grant = new Grant { StructSize = Size<Grant>() };
            wish.StructSize = Size<Wish>();
            Checked(decide(handle, ref wish, ref grant));
            return grant;
        }

        private Settled Settle(Decision<Settle, Settled> decide, Settle settle)
        {
            var settled = new Settled { StructSize = Size<Settled>() };
            settle.StructSize = Size<Settle>();
            Checked(decide(handle, ref settle, ref settled));
            return settled;
        }

        public Grant Hold(Wish wish) { return Claim(Abi.haoyuan_hold, wish); }
        public Grant Book(Wish wish) { return Claim(Abi.haoyuan_book, wish); }
        public Settled Confirm(Settle settle) { return Settle(Abi.haoyuan_confirm, settle); }
        public Settled Cancel(Settle settle) { return Settle(Abi.haoyuan_cancel, settle); }

        public Grant[] Book(Wish[] wishes)
        {
            var grants = new Grant[wishes.Length];
            for (int i = 0; i < wishes.Length; i++)
            {
                wishes[i].StructSize = Size<Wish>();
                grants[i].StructSize = Size<Grant>();
            }
            Checked(Abi.haoyuan_book_batch(handle, wishes, grants, (UIntPtr)wishes.Length));
            return grants;
        }

        /// <summary>Whether all are durable; false when the time is up.</summary>
        public bool Wait(ulong[] acks, long timeoutMs)
        {
            int status = Abi.haoyuan_wait(handle, acks, (UIntPtr)acks.Length, timeoutMs);
            return status != Constants.PENDING && Checked(status) == Constants.OK;
        }

        public Found[] Search(Search search, int most)
        {
            var found = new Found[most];
            for (int i = 0; i < most; i++) found[i].StructSize = Size<Found>();
            search.StructSize = Size<Search>();
            UIntPtr count;
            Checked(Abi.haoyuan_search(handle, ref search, found, (UIntPtr)most, out count));
            Array.Resize(ref found, (int)count);
            return found;
        }

        public Load[] Load(Day day)
        {
            day.StructSize = Size<Day>();
            UIntPtr count;
            int status = Abi.haoyuan_load(handle, ref day, null, UIntPtr.Zero, out count);
            if (status != Constants.BUFFER_TOO_SMALL) Checked(status);
            var loads = new Load[(int)count];
            for (int i = 0; i < loads.Length; i++) loads[i].StructSize = Size<Load>();
            if (loads.Length > 0) Checked(Abi.haoyuan_load(handle, ref day, loads, count, out count));
            return loads;
        }

        public string PoolName(uint session, uint slot, uint pool)
        {
            return Text((byte[] buffer, UIntPtr capacity, out UIntPtr needed) =>
                Abi.haoyuan_pool_name(handle, session, slot, pool, buffer, capacity, out needed));
        }

        /// <summary>One command of the JSON language in, its answer out.</summary>
        public string Execute(string line)
        {
            byte[] json = Encoding.UTF8.GetBytes(line), buffer = new byte[4096];
            UIntPtr needed;
            int status = Abi.haoyuan_execute(handle, json, Length(json), buffer, Length(buffer), out needed);
            // It was carried out; only its answer did not fit.
            if (status == Constants.BUFFER_TOO_SMALL) return Text(Abi.haoyuan_last_answer);
            Checked(status);
            return Encoding.UTF8.GetString(buffer, 0, (int)needed);
        }

        public byte[] StateHash()
        {
            var hash = new byte[32];
            Checked(Abi.haoyuan_state_hash(handle, hash));
            return hash;
        }

        private delegate int TextCall(byte[] buffer, UIntPtr capacity, out UIntPtr needed);

        private static string Text(TextCall call)
        {
            var buffer = new byte[256];
            UIntPtr needed;
            int status = call(buffer, Length(buffer), out needed);
            if (status == Constants.BUFFER_TOO_SMALL)
            {
                buffer = new byte[(int)needed];
                status = call(buffer, Length(buffer), out needed);
            }
            return status == Constants.OK ? Encoding.UTF8.GetString(buffer, 0, (int)needed) : "";
        }

        public static string LastError() { return Text(Abi.haoyuan_last_error); }

        public static string NameOf(int status)
        {
            return Text((byte[] buffer, UIntPtr capacity, out UIntPtr needed) =>
                Abi.haoyuan_status_name(status, buffer, capacity, out needed));
        }

        public static string TextOf(int status, uint language)
        {
            return Text((byte[] buffer, UIntPtr capacity, out UIntPtr needed) =>
                Abi.haoyuan_status_text(status, language, buffer, capacity, out needed));
        }

        private static uint Size<T>() { return (uint)Marshal.SizeOf(typeof(T)); }
        private static UIntPtr Length(byte[] bytes) { return (UIntPtr)bytes.Length; }

        private static int Checked(int status)
        {
            if (status < 0) throw new Failure(status);
            return status;
        }
    }
}
