//! An explorer of interleavings that remembers where it has been, for the protocols that loom cannot finish.
//!
//! loom runs each interleaving from its beginning and knows nothing of the others; with three threads and no bound on
//! preemptions that takes days. Here a state is what each thread has seen so far (which determines what it does next) and what
//! it may still read; two interleavings that lead to the same state go on from there once. No bound is needed: every
//! interleaving of the threads' accesses is covered, with every value that acquire and release let a load return.
//!
//! # The memory
//! The usual view machine of release and acquire (Kang, Hur, Lahav, Vafeiadis, Dreyer 2017, without promises): each place has
//! the list of its values, each value the view of the thread that wrote it, each thread a view: the oldest value of each place
//! that it may still read. A load takes any value from there on, and with `Acquire` the value's view; an exchange that
//! succeeds takes the newest value. Stores take their place in the order in which they happen. What is not modelled: loads
//! and stores that a compiler moves across other accesses of their thread (`Relaxed` here only means that no view goes along).
//!
//! # How a thread is stopped and continued
//! It is run again from its beginning, its accesses answered as before, until it comes to a new one; that one is done, and at
//! the next the run is unwound. So threads must be functions of what they read, and have no effect but on these atomics.
//!
//! Places that one thread alone uses, or nobody writes, are no part of this: an access to them is nobody else's business.
//! They are found by exploring: whenever a second thread turns up, all begins anew with one place more.

use std::cell::RefCell;
use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::atomic::Ordering;

/// Places that threads share, at most.
const SHARED: usize = 24;

/// The oldest value of each shared place that may still be read.
type View = [u8; SHARED];

/// A place in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(usize);

/// What is done to a place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Access {
    Load(Ordering),
    Store(u128, Ordering),
    Exchange { current: u128, new: u128, success: Ordering, failure: Ordering },
    Add(u128, Ordering),
}

/// What an access was answered: as `compare_exchange` says it.
type Answer = Result<u128, u128>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Seen {
    Answer(Answer),
    Paused,
}

#[derive(Clone, Debug)]
struct Value {
    bits: u128,
    view: View,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Ready,
    /// Waits for another value than it has seen; so many there were.
    Paused(usize),
    Done,
}

#[derive(Clone, Debug)]
struct Thread<R> {
    log: Rc<Vec<Seen>>,
    view: View,
    status: Status,
    /// What it will do from here follows from this.
    print: [u64; 2],
    /// What it wrote to places of its own, and what it returned.
    end: Option<(Vec<(usize, u128)>, R)>,
}

#[derive(Clone, Debug)]
struct State<R> {
    threads: Vec<Rc<Thread<R>>>,
    values: Values,
}

/// By shared place, what it has held, oldest first.
type Values = Vec<Rc<Vec<Value>>>;

/// A run of one thread up to its next access.
struct Run {
    thread: usize,
    log: Rc<Vec<Seen>>,
    next: usize,
    /// The answer to the new access.
    new: Option<Seen>,
    memory: Memory,
    view: View,
    values: Values,
    own: Vec<(usize, u128)>,
    /// Which of the possible answers the new access gets, and how many there were.
    choice: usize,
    choices: usize,
    done: bool,
    paused: bool,
    /// Being unwound: nothing that is done counts.
    stopped: bool,
}

#[derive(Default)]
struct World {
    /// Before the threads begin, and after they end.
    memory: Vec<u128>,
    /// The number of a place among the shared ones.
    shared: Vec<Option<usize>>,
    /// By place: which threads read, which wrote it.
    users: Vec<(u8, u8)>,
    /// A place that has to be shared and is not.
    missing: Option<usize>,
    run: Option<Run>,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// The end of a run that is not the end of its thread.
struct Stop;

fn with<A>(act: impl FnOnce(&mut World) -> A) -> A {
    WORLD.with(|world| act(world.borrow_mut().as_mut().expect("an exploration is going on")))
}

/// Whether an exploration is going on in this thread.
pub(crate) fn is_on() -> bool {
    WORLD.with(|world| world.borrow().is_some())
}

/// A new place.
pub(crate) fn place(bits: u128) -> Place {
    with(|world| {
        assert!(world.run.is_none(), "threads that are explored make no places");
        world.memory.push(bits);
        world.shared.push(None);
        world.users.push((0, 0));
        Place(world.memory.len() - 1)
    })
}

const fn acquires(order: Ordering) -> bool {
    matches!(order, Ordering::Acquire | Ordering::AcqRel | Ordering::SeqCst)
}

const fn releases(order: Ordering) -> bool {
    matches!(order, Ordering::Release | Ordering::AcqRel | Ordering::SeqCst)
}

/// What an access does to a value that nobody else touches: the answer and what is written.
fn plainly(access: Access, bits: u128) -> (Answer, Option<u128>) {
    match access {
        Access::Load(_) => (Ok(bits), None),
        Access::Store(new, _) => (Ok(bits), Some(new)),
        Access::Exchange { current, new, .. } if bits == current => (Ok(bits), Some(new)),
        Access::Exchange { .. } => (Err(bits), None),
        Access::Add(more, _) => (Ok(bits), Some(bits.wrapping_add(more))),
    }
}

/// One access of whoever runs.
pub(crate) fn access(place: Place, access: Access) -> Answer {
    let answer = with(|world| world.access(place.0, access));
    answer.unwrap_or_else(|| resume_unwind(Box::new(Stop)))
}

/// Lets others go on.
pub(crate) fn pause() {
    if with(World::pause).is_none() {
        resume_unwind(Box::new(Stop));
    }
}

impl World {
    fn access(&mut self, place: usize, access: Access) -> Option<Answer> {
        let Some(run) = &mut self.run else {
            let (answer, written) = plainly(access, self.memory[place]);
            self.memory[place] = written.unwrap_or(self.memory[place]);
            return Some(answer);
        };
        if run.stopped {
            return Some(match access {
                Access::Exchange { current, .. } => Ok(current),
                _ => Ok(0),
            });
        }
        let Some(shared) = self.shared[place] else {
            let bits = run.own.iter().find(|own| own.0 == place).map_or(self.memory[place], |own| own.1);
            let (answer, written) = plainly(access, bits);
            if let Some(bits) = written {
                run.own.retain(|own| own.0 != place);
                run.own.push((place, bits));
            }
            let (read, wrote) = &mut self.users[place];
            *read |= 1 << run.thread;
            *wrote |= u8::from(written.is_some()) << run.thread;
            if *wrote != 0 && (*read | *wrote).count_ones() > 1 {
                self.missing = Some(place);
            }
            return Some(answer);
        };
        match run.again()? {
            Some(Seen::Answer(answer)) => return Some(answer),
            Some(Seen::Paused) => unreachable!("a thread does the same when it sees the same"),
            None => {}
        }
        let answer = run.answer(shared, access);
        run.new = Some(Seen::Answer(answer));
        Some(answer)
    }

    fn pause(&mut self) -> Option<()> {
        let Some(run) = &mut self.run else { panic!("somebody waits, and nobody else is there") };
        if !run.stopped && run.again()?.is_none() {
            run.new = Some(Seen::Paused);
            run.paused = true;
        }
        Some(())
    }
}

impl Run {
    /// What was answered before; `Some(None)` if this access is the new one, `None` if the run ends before it.
    fn again(&mut self) -> Option<Option<Seen>> {
        if let Some(seen) = self.log.get(self.next) {
            self.next += 1;
            return Some(Some(*seen));
        }
        if self.done {
            self.stopped = true;
            return None;
        }
        (self.done, self.next) = (true, self.next + 1);
        Some(None)
    }

    /// Does an access to a shared place.
    fn answer(&mut self, shared: usize, access: Access) -> Answer {
        let values = &self.values[shared];
        let newest = values.len() - 1;
        let oldest = match self.memory {
            Memory::Released => usize::from(self.view[shared]),
            Memory::Sequential => newest,
        };
        // An exchange that fails is a load; one that finds what it expects is one of the newest value.
        let possible: Vec<usize> = match access {
            Access::Load(_) => (oldest..=newest).collect(),
            Access::Exchange { current, .. } => {
                (oldest..=newest).filter(|n| *n == newest || values[*n].bits != current).collect()
            }
            Access::Store(..) | Access::Add(..) => vec![newest],
        };
        self.choices = possible.len();
        let read = possible[self.choice];
        let Value { bits, view } = values[read].clone();
        let (answer, written) = plainly(access, bits);
        let order = match access {
            Access::Load(order) | Access::Store(_, order) | Access::Add(_, order) => order,
            Access::Exchange { success, failure, .. } => {
                if written.is_some() {
                    success
                } else {
                    failure
                }
            }
        };
        let is_store = matches!(access, Access::Store(..));
        if !is_store {
            self.see(shared, read);
            if acquires(order) {
                join(&mut self.view, &view);
            }
        }
        if let Some(bits) = written {
            self.see(shared, newest + 1);
            // What continues an exchange carries on the view of what it read.
            let mut carried = if is_store { [0; SHARED] } else { view };
            carried[shared] = self.view[shared];
            if releases(order) {
                join(&mut carried, &self.view);
            }
            Rc::make_mut(&mut self.values[shared]).push(Value { bits, view: carried });
        }
        answer
    }

    fn see(&mut self, shared: usize, number: usize) {
        let number = u8::try_from(number).expect("few values");
        self.view[shared] = self.view[shared].max(number);
    }
}

fn join(view: &mut View, other: &View) {
    for (mine, other) in view.iter_mut().zip(other) {
        *mine = (*mine).max(*other);
    }
}

impl<R: Hash> State<R> {
    fn count(&self) -> usize {
        self.values.iter().map(|values| values.len()).sum()
    }

    fn newest(&self) -> View {
        let mut view = [0; SHARED];
        for (place, values) in view.iter_mut().zip(&self.values) {
            *place = u8::try_from(values.len() - 1).expect("few values");
        }
        view
    }

    fn can_go_on(&self, thread: &Thread<R>) -> bool {
        match thread.status {
            Status::Ready => true,
            Status::Paused(count) => self.count() > count || thread.view != self.newest(),
            Status::Done => false,
        }
    }

    /// 128 bits that tell this state from any other: what nobody can read any more is left out, and threads that do the same
    /// are told apart by what they have seen only. By chance two of a billion states share them with a probability of 2^-69.
    fn print(&self, kinds: &[usize], memory: Memory) -> u128 {
        let mut floor = self.newest();
        if memory == Memory::Released {
            for thread in self.threads.iter().filter(|thread| thread.status != Status::Done) {
                for (least, seen) in floor.iter_mut().zip(&thread.view) {
                    *least = (*least).min(*seen);
                }
            }
        }
        let above = |view: &View| {
            let mut above = *view;
            above.iter_mut().zip(&floor).for_each(|(seen, least)| *seen = seen.saturating_sub(*least));
            above
        };
        let half = |salt: usize| {
            let mut threads: Vec<(usize, u64)> = self
                .threads
                .iter()
                .zip(kinds)
                .map(|(thread, kind)| {
                    let mut hasher = DefaultHasher::new();
                    (thread.print[salt], thread.status == Status::Done).hash(&mut hasher);
                    if thread.status != Status::Done {
                        (above(&thread.view), self.can_go_on(thread)).hash(&mut hasher);
                    }
                    (*kind, hasher.finish())
                })
                .collect();
            threads.sort_unstable();
            let mut hasher = DefaultHasher::new();
            (salt, threads).hash(&mut hasher);
            for (values, least) in self.values.iter().zip(floor) {
                for value in &values[usize::from(least)..] {
                    (value.bits, above(&value.view)).hash(&mut hasher);
                }
                u64::MAX.hash(&mut hasher);
            }
            hasher.finish()
        };
        u128::from(half(0)) << 64 | u128::from(half(1))
    }
}

fn prints(what: &impl Hash) -> [u64; 2] {
    [0u64, 1].map(|salt| {
        let mut hasher = DefaultHasher::new();
        (salt, what).hash(&mut hasher);
        hasher.finish()
    })
}

/// What a load may return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    /// Whatever acquire and release allow.
    Released,
    /// The newest value: every interleaving, and no access overtakes another.
    Sequential,
}

/// How much was explored.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Explored {
    /// Different states.
    pub(crate) states: usize,
    /// Accesses done: ways from a state to the next.
    pub(crate) steps: usize,
    /// Different states in which all threads had ended.
    pub(crate) ends: usize,
    /// Places that threads shared.
    pub(crate) places: usize,
    /// Whether that is all there is.
    pub(crate) finished: bool,
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, steps, ends, places, finished } = self;
        let all = if *finished { "finished" } else { "NOT FINISHED" };
        write!(f, "{states} states, {steps} accesses, {ends} ends, {places} shared places, {all}")
    }
}

/// Explores every interleaving of `threads` over what `make` makes; `finish` judges what each left and returned. Without a
/// bound on preemptions.
/// Threads of one kind do the same, and are not told apart. Stops unfinished after so many states.
pub(crate) fn explore<S, R: Clone + Hash>(
    (memory, most): (Memory, usize),
    make: impl Fn() -> S,
    (threads, kinds): (&[&dyn Fn(&S) -> R], &[usize]),
    mut finish: impl FnMut(&S, &[R]),
) -> Explored {
    WORLD.with(|world| *world.borrow_mut() = Some(World::default()));
    let subject = make();
    let explored = loop {
        match through(&subject, (memory, most), (threads, kinds), &mut finish) {
            Some(explored) => break explored,
            None => with(|world| {
                let place = world.missing.take().expect("a place is missing");
                let number = world.shared.iter().flatten().count();
                assert!(number < SHARED, "more places are shared than there is room for");
                world.shared[place] = Some(number);
            }),
        }
    };
    WORLD.with(|world| *world.borrow_mut() = None);
    explored
}

/// Runs `alone` by itself, over what `make` makes.
pub(crate) fn alone<S, A>(make: impl Fn() -> S, alone: impl FnOnce(&S) -> A) -> A {
    WORLD.with(|world| *world.borrow_mut() = Some(World::default()));
    let subject = make();
    let answer = alone(&subject);
    drop(subject);
    WORLD.with(|world| *world.borrow_mut() = None);
    answer
}

/// `None` if a place turned out to be shared.
fn through<S, R: Clone + Hash>(
    subject: &S,
    (memory, most): (Memory, usize),
    (threads, kinds): (&[&dyn Fn(&S) -> R], &[usize]),
    finish: &mut impl FnMut(&S, &[R]),
) -> Option<Explored> {
    let first = with(|world| {
        let mut values = vec![Vec::new(); world.shared.iter().flatten().count()];
        for (place, number) in world.shared.iter().enumerate() {
            if let Some(number) = number {
                values[*number].push(Value { bits: world.memory[place], view: [0; SHARED] });
            }
        }
        values.into_iter().map(Rc::new).collect::<Values>()
    });
    let log = Rc::new(Vec::new());
    let thread = Thread { print: prints(&*log), log, view: [0; SHARED], status: Status::Ready, end: None };
    let first = State { threads: vec![Rc::new(thread); threads.len()], values: first };
    let mut explored = Explored { states: 1, places: first.values.len(), ..Explored::default() };
    let mut seen = HashSet::from([first.print(kinds, memory)]);
    let mut open = vec![first];
    while let Some(state) = open.pop() {
        if explored.states > most {
            return Some(explored);
        }
        if state.threads.iter().all(|thread| thread.status == Status::Done) {
            explored.ends += 1;
            end(subject, &state, finish);
            continue;
        }
        let mut stuck = true;
        for number in (0..threads.len()).filter(|number| state.can_go_on(&state.threads[*number])) {
            stuck = false;
            let mut choice = 0;
            loop {
                let (next, choices) = step(subject, threads[number], &state, (number, choice, memory));
                if with(|world| world.missing.is_some()) {
                    return None;
                }
                explored.steps += 1;
                if seen.insert(next.print(kinds, memory)) {
                    explored.states += 1;
                    open.push(next);
                }
                choice += 1;
                if choice >= choices {
                    break;
                }
            }
        }
        assert!(!stuck, "everybody waits for somebody");
    }
    Some(Explored { finished: true, ..explored })
}

/// One thread does its next access, with one of the answers that it may get.
fn step<S, R: Clone + Hash>(
    subject: &S,
    act: &dyn Fn(&S) -> R,
    state: &State<R>,
    (number, choice, memory): (usize, usize, Memory),
) -> (State<R>, usize) {
    let thread = &state.threads[number];
    // After a pause a thread sees what is newest.
    let view = if matches!(thread.status, Status::Paused(_)) { state.newest() } else { thread.view };
    with(|world| {
        world.run = Some(Run {
            thread: number,
            log: Rc::clone(&thread.log),
            next: 0,
            new: None,
            memory,
            view,
            values: state.values.clone(),
            own: Vec::new(),
            choice,
            choices: 1,
            done: false,
            paused: false,
            stopped: false,
        });
    });
    let ended = catch_unwind(AssertUnwindSafe(|| act(subject)));
    let run = with(|world| world.run.take()).expect("it ran");
    let (status, end) = match ended {
        Ok(returned) => {
            let mut own = run.own;
            own.sort_unstable();
            (Status::Done, Some((own, returned)))
        }
        Err(stop) if stop.is::<Stop>() => (Status::Ready, None),
        Err(panic) => {
            WORLD.with(|world| *world.borrow_mut() = None);
            resume_unwind(panic)
        }
    };
    let mut next = State { threads: state.threads.clone(), values: run.values };
    let status = if run.paused && end.is_none() { Status::Paused(next.count()) } else { status };
    let log: Vec<Seen> = run.log.iter().copied().chain(run.new).collect();
    let print = end.as_ref().map_or_else(|| prints(&log), prints);
    next.threads[number] = Rc::new(Thread { log: Rc::new(log), view: run.view, status, print, end });
    (next, run.choices)
}

/// Judges an end.
fn end<S, R: Clone + Hash>(subject: &S, state: &State<R>, finish: &mut impl FnMut(&S, &[R])) {
    let before = with(|world| {
        let before = world.memory.clone();
        for (place, number) in world.shared.iter().enumerate() {
            if let Some(number) = number {
                world.memory[place] = state.values[*number].last().expect("it has a value").bits;
            }
        }
        for (own, _) in state.threads.iter().filter_map(|thread| thread.end.as_ref()) {
            for (place, bits) in own {
                world.memory[*place] = *bits;
            }
        }
        before
    });
    let returned: Vec<R> =
        state.threads.iter().filter_map(|thread| thread.end.as_ref().map(|end| end.1.clone())).collect();
    finish(subject, &returned);
    with(|world| world.memory = before);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::AtomicU64;
    use std::collections::BTreeSet;
    use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

    type Two = [AtomicU64; 2];

    fn two() -> Two {
        [AtomicU64::new(0), AtomicU64::new(0)]
    }

    /// What two threads may return.
    #[track_caller]
    fn returns(memory: Memory, threads: [&dyn Fn(&Two) -> u64; 2], expected: &[[u64; 2]]) {
        let mut seen = BTreeSet::new();
        let explored = explore((memory, usize::MAX), two, (&threads, &[0, 1]), |_, ends| {
            seen.insert([ends[0], ends[1]]);
        });
        assert!(explored.finished);
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_message_is_seen_with_what_came_before_it_if_it_is_released_and_acquired() {
        let sends = |order| {
            move |[data, flag]: &Two| {
                data.store(1, Relaxed);
                flag.store(1, order);
                0
            }
        };
        let receives = |order| move |[data, flag]: &Two| 2 * flag.load(order) + data.load(Relaxed);
        let sound = [[0, 0], [0, 1], [0, 3]];
        let stale = [[0, 0], [0, 1], [0, 2], [0, 3]];
        returns(Memory::Released, [&sends(Release), &receives(Acquire)], &sound);
        returns(Memory::Released, [&sends(Relaxed), &receives(Acquire)], &stale);
        returns(Memory::Released, [&sends(Release), &receives(Relaxed)], &stale);
        returns(Memory::Sequential, [&sends(Relaxed), &receives(Relaxed)], &sound);
    }

    #[test]
    fn both_may_miss_what_the_other_has_stored() {
        let first = |[a, b]: &Two| {
            a.store(1, Release);
            b.load(Acquire)
        };
        let second = |[a, b]: &Two| {
            b.store(1, Release);
            a.load(Acquire)
        };
        returns(Memory::Released, [&first, &second], &[[0, 0], [0, 1], [1, 0], [1, 1]]);
        returns(Memory::Sequential, [&first, &second], &[[0, 1], [1, 0], [1, 1]]);
    }

    #[test]
    fn of_two_exchanges_one_succeeds_and_of_two_loads_and_stores_both_may() {
        let exchange = |[a, _]: &Two| u64::from(a.compare_exchange(0, 1, AcqRel, Relaxed).is_ok());
        returns(Memory::Released, [&exchange, &exchange], &[[0, 1], [1, 0]]);
        // The canary: what every peer does wrong, check and then write.
        let check_then_write = |[a, _]: &Two| {
            let free = a.load(Acquire) == 0;
            if free {
                a.store(1, Release);
            }
            u64::from(free)
        };
        returns(Memory::Sequential, [&check_then_write, &check_then_write], &[[0, 1], [1, 0], [1, 1]]);
    }

    #[test]
    fn who_waits_goes_on_when_there_is_something_new() {
        let waits = |[a, _]: &Two| {
            while a.load(Acquire) == 0 {
                pause();
            }
            1
        };
        let wakes = |[a, _]: &Two| {
            a.store(1, Release);
            0
        };
        returns(Memory::Released, [&waits, &wakes], &[[1, 0]]);
        let stuck = catch_unwind(AssertUnwindSafe(|| {
            explore((Memory::Released, usize::MAX), two, (&[&waits], &[0]), |_, _: &[u64]| {});
        }));
        WORLD.with(|world| *world.borrow_mut() = None);
        assert!(stuck.is_err(), "nobody wakes it");
    }

    #[test]
    fn what_was_added_is_counted() {
        let add = |[a, _]: &Two| a.fetch_add(1, Relaxed);
        returns(Memory::Released, [&add, &add], &[[0, 1], [1, 0]]);
    }
}
