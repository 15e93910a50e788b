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
//! # What is forgotten
//! A thread that has seen something else is in another state, even where nothing can come of it. So the explorer is told two things.
//! Of a computation that hands on one value ([`sum_up`]) that value is kept, and not what was read for it. And at the head of a
//! loop that begins anew ([`Attempts::again`]) with all that it keeps as it was when it first came there, the attempts that lost
//! are forgotten. What the thread may still read stays. Neither is done where something was written that no other thread
//! looks at: it is written again only by running again. An end is thus reached if and only if it is without forgetting.
//!
//! A loop that can go round for ever comes back to a state that was. Such a circle is looked for at the end and is a fault, so that
//! what is explored to its end is also known to end, whoever is favoured.
//!
//! # Places
//! Places that one thread alone uses, or nobody writes, are no part of this: an access to them is nobody else's business.
//! They are found by exploring: whenever a second thread turns up, all begins anew with one place more.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::{DefaultHasher, Entry};
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

#[derive(Clone, Debug, Hash)]
enum Seen {
    Answer(Answer),
    Paused,
    /// A computation began of which only the value will be kept.
    Began,
    Sum(Sum),
}

/// What a computation came to.
#[derive(Clone, Debug)]
struct Sum {
    value: Rc<dyn Any>,
    /// Of the value.
    print: [u64; 2],
}

impl Hash for Sum {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.print.hash(state);
    }
}

/// How far a thread had come.
#[derive(Clone, Debug)]
struct Mark {
    next: usize,
    own: Vec<(usize, u128)>,
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
    log: Rc<[Seen]>,
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
    /// What was seen before, and what is new.
    log: Vec<Seen>,
    next: usize,
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

/// How a computation begins.
enum Begun {
    /// Nobody keeps what is seen.
    Unseen,
    Anew(Mark),
    /// It was done before and came to this.
    Known(Rc<dyn Any>),
}

/// Does a computation, and forgets what was read for it as soon as its value is known: the value must be all that the thread
/// takes along.
pub(crate) fn sum_up<A: Clone + Hash + 'static>(compute: impl FnOnce() -> A) -> A {
    if !is_on() {
        return compute();
    }
    let mark = match with(World::begin) {
        Begun::Unseen => return compute(),
        Begun::Known(value) => return value.downcast_ref::<A>().expect("it is the same computation").clone(),
        Begun::Anew(mark) => mark,
    };
    let value = compute();
    with(|world| {
        let Some(run) = &mut world.run else { return };
        if run.forget(&mark) {
            run.keep(Seen::Sum(Sum { value: Rc::new(value.clone()), print: prints(&value) }));
        }
    });
    value
}

/// The attempts of a loop that begins anew when another thread was faster.
pub(crate) struct Attempts(Option<Mark>);

impl Attempts {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// The head of the loop. All that the thread keeps must be as it was at the first of these calls.
    pub(crate) fn again(&mut self) {
        if !is_on() {
            return;
        }
        with(|world| {
            let Some(run) = &mut world.run else { return };
            match &self.0 {
                None => self.0 = Some(run.mark()),
                Some(first) => _ = run.forget(first),
            }
        });
    }
}

impl World {
    fn begin(&mut self) -> Begun {
        let Some(run) = self.run.as_mut().filter(|run| !run.stopped) else { return Begun::Unseen };
        let mark = run.mark();
        match run.log.get(run.next) {
            None => run.keep(Seen::Began),
            Some(Seen::Began) => run.next += 1,
            Some(Seen::Sum(sum)) => {
                run.next += 1;
                return Begun::Known(Rc::clone(&sum.value));
            }
            Some(_) => unreachable!("a thread does the same when it sees the same"),
        }
        Begun::Anew(mark)
    }

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
                run.stopped = true;
                return None;
            }
            return Some(answer);
        };
        match run.again()? {
            Some(Seen::Answer(answer)) => return Some(answer),
            Some(_) => unreachable!("a thread does the same when it sees the same"),
            None => {}
        }
        let answer = run.answer(shared, access);
        run.keep(Seen::Answer(answer));
        Some(answer)
    }

    fn pause(&mut self) -> Option<()> {
        let Some(run) = &mut self.run else { panic!("somebody waits, and nobody else is there") };
        if !run.stopped && run.again()?.is_none() {
            run.keep(Seen::Paused);
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
            return Some(Some(seen.clone()));
        }
        if self.done {
            self.stopped = true;
            return None;
        }
        self.done = true;
        Some(None)
    }

    fn keep(&mut self, seen: Seen) {
        self.log.push(seen);
        self.next = self.log.len();
    }

    fn mark(&self) -> Mark {
        let mut own = self.own.clone();
        own.sort_unstable();
        Mark { next: self.next, own }
    }

    /// Forgets what was seen since, unless it was seen again just now because something was written that is the thread's own.
    fn forget(&mut self, since: &Mark) -> bool {
        if self.stopped || self.mark().own != since.own {
            return false;
        }
        assert_eq!(self.next, self.log.len(), "what could be forgotten was forgotten at once");
        self.log.truncate(since.next);
        self.next = since.next;
        true
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
                        let paused = matches!(thread.status, Status::Paused(_));
                        (above(&thread.view), paused, self.can_go_on(thread)).hash(&mut hasher);
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
    let log = Vec::new();
    let thread =
        Thread { print: prints(&log), log: log.into(), view: [0; SHARED], status: Status::Ready, end: None };
    let first = State { threads: vec![Rc::new(thread); threads.len()], values: first };
    let mut explored = Explored { states: 1, places: first.values.len(), ..Explored::default() };
    let mut seen = HashMap::from([(first.print(kinds, memory), 0)]);
    let mut open = vec![(0, first)];
    let mut ways = Vec::new();
    while let Some((from, state)) = open.pop() {
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
                let number = u32::try_from(explored.states).expect("states are kept in memory");
                let to = match seen.entry(next.print(kinds, memory)) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(new) => {
                        explored.states += 1;
                        open.push((number, next));
                        *new.insert(number)
                    }
                };
                ways.push((from, to));
                choice += 1;
                if choice >= choices {
                    break;
                }
            }
        }
        assert!(!stuck, "everybody waits for somebody");
    }
    assert!(every_way_ends(explored.states, &ways), "somebody goes round for ever");
    Some(Explored { finished: true, ..explored })
}

/// Whether no way comes back to a state that it has passed: states without a way to them are taken away until none is left
/// (Kahn 1962).
fn every_way_ends(states: usize, ways: &[(u32, u32)]) -> bool {
    let mut into = vec![0u32; states];
    let mut after = vec![0usize; states + 1];
    for (from, to) in ways {
        into[*to as usize] += 1;
        after[*from as usize + 1] += 1;
    }
    for state in 0..states {
        after[state + 1] += after[state];
    }
    let mut sorted = ways.to_vec();
    sorted.sort_unstable();
    let mut open: Vec<usize> = (0..states).filter(|state| into[*state] == 0).collect();
    let mut left = states;
    while let Some(state) = open.pop() {
        left -= 1;
        for (_, to) in &sorted[after[state]..after[state + 1]] {
            let to = *to as usize;
            into[to] -= 1;
            if into[to] == 0 {
                open.push(to);
            }
        }
    }
    left == 0
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
            log: thread.log.to_vec(),
            next: 0,
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
    let print = end.as_ref().map_or_else(|| prints(&run.log), prints);
    next.threads[number] = Rc::new(Thread { log: run.log.into(), view: run.view, status, print, end });
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

    /// What two threads that do the same may return, and in how many states; or nothing if one of them goes on for ever.
    fn ends_of(act: impl Fn(&[AtomicU64; 3], usize) -> u64) -> Option<(BTreeSet<[u64; 2]>, usize)> {
        let mut ends = BTreeSet::new();
        let three = || std::array::from_fn(|_| AtomicU64::new(0));
        let threads: [&dyn Fn(&[AtomicU64; 3]) -> u64; 2] =
            [&|places| act(places, 1), &|places| act(places, 2)];
        let explored = catch_unwind(AssertUnwindSafe(|| {
            explore((Memory::Released, 10_000), three, (&threads, &[0, 1]), |_, both| {
                ends.insert([both[0], both[1]]);
            })
        }));
        WORLD.with(|world| *world.borrow_mut() = None);
        let explored = explored.ok().filter(|explored| explored.finished)?;
        Some((ends, explored.states))
    }

    /// Adds three times; an attempt is counted in a place of the thread's own if it counts them.
    fn adds(places: &[AtomicU64; 3], own: usize, (forgets, counts): (bool, bool)) -> u64 {
        let mut answer = 0;
        for _ in 0..3 {
            let mut attempts = Attempts::new();
            loop {
                if forgets {
                    attempts.again();
                }
                if counts {
                    places[own].fetch_add(1, Relaxed);
                }
                let read = || places[0].load(Acquire);
                let seen = if forgets { sum_up(read) } else { read() };
                if places[0].compare_exchange(seen, seen + 1, AcqRel, Relaxed).is_ok() {
                    answer = answer * 10 + seen;
                    break;
                }
            }
        }
        if counts { places[own].load(Relaxed) } else { answer }
    }

    #[test]
    fn attempts_that_lost_are_forgotten_and_nothing_else() {
        let (ends, states) = ends_of(|places, own| adds(places, own, (false, false))).unwrap();
        let (same, fewer) = ends_of(|places, own| adds(places, own, (true, false))).unwrap();
        assert_eq!(ends.len(), 20, "three of six places in the order");
        assert_eq!(same, ends);
        assert!(fewer < states, "{fewer} {states}");
    }

    #[test]
    fn an_attempt_that_leaves_something_of_its_own_is_remembered() {
        let (ends, states) = ends_of(|places, own| adds(places, own, (false, true))).unwrap();
        let (same, as_many) = ends_of(|places, own| adds(places, own, (true, true))).unwrap();
        assert!(ends.contains(&[3, 3]) && ends.contains(&[3, 6]), "{ends:?}");
        assert_eq!(same, ends);
        assert!(as_many <= states, "{as_many} {states}");
    }

    #[test]
    fn of_what_was_read_for_one_value_only_the_value_is_kept() {
        // One thread writes twice; the other reads twice and takes along only whether there was anything.
        let act = |sums: bool| {
            move |[a, b, c]: &[AtomicU64; 3], own: usize| {
                if own == 1 {
                    (1..=3).for_each(|n| a.store(n, Release));
                    return b.load(Acquire);
                }
                let read = || a.load(Acquire) + a.load(Acquire) > 0;
                let any = if sums { sum_up(read) } else { read() };
                b.store(1 + u64::from(any), Release);
                c.store(1, Relaxed);
                u64::from(sum_up(|| any))
            }
        };
        let (ends, states) = ends_of(act(false)).unwrap();
        let (same, fewer) = ends_of(act(true)).unwrap();
        assert_eq!(ends, BTreeSet::from([[0, 0], [0, 1], [1, 0], [2, 1]]));
        assert_eq!(same, ends);
        assert!(fewer < states, "{fewer} {states}");
    }

    #[test]
    fn who_goes_round_for_ever_is_found() {
        let spins = |[a, b, _]: &[AtomicU64; 3], own: usize| {
            if own == 2 {
                a.store(0, Relaxed);
                b.store(1, Release);
                a.store(1, Release);
                return 0;
            }
            let mut attempts = Attempts::new();
            while b.load(Acquire) != 0 {
                attempts.again();
                if a.load(Acquire) != 0 {
                    return 1;
                }
            }
            0
        };
        assert_eq!(ends_of(spins), None);
    }

    #[test]
    fn what_was_added_is_counted() {
        let add = |[a, _]: &Two| a.fetch_add(1, Relaxed);
        returns(Memory::Released, [&add, &add], &[[0, 1], [1, 0]]);
    }
}
