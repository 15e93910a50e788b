//! Runs one workload for a while, for a profiler to look at.
//!
//! ```text
//! cargo run --release -p haoyuan-benches --example profile -- hot|full|protected|rush|churn [--threads N] [--requests N] [--no-tickets]
//! ```

use haoyuan_benches::drive::{Client, How, Spent, rush, together};
use haoyuan_benches::hospital::{Hospital, LARGE, RUSH, Tickets, release};
use haoyuan_benches::trace::{PATIENTS, SEED, morning_rush, one_slot, uniform};
use haoyuan_core::terms::Class;
use std::hint::black_box;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, default: usize| {
        let value = arguments.iter().position(|a| a == name).and_then(|place| arguments.get(place + 1));
        value.map_or(default, |text| {
            text.parse().unwrap_or_else(|_| panic!("{name} needs a number, not `{text}`"))
        })
    };
    let (threads, requests) = (number("--threads", 1), number("--requests", 20_000_000));
    let tickets =
        if arguments.iter().any(|a| a == "--no-tickets") { Tickets::NotNeeded } else { Tickets::Shown };
    let share = PATIENTS / u32::try_from(threads).expect("a few threads");
    let part = |thread: usize| {
        let first = u32::try_from(thread).expect("a few threads") * share;
        first..first + share
    };
    let (spent, decisions) = match arguments.first().map(String::as_str) {
        Some("hot") => {
            let traces: Vec<_> = (0..threads).map(|thread| one_slot(SEED, part(thread))).collect();
            let views: Vec<_> = traces.iter().map(Vec::as_slice).collect();
            let hospital = Hospital::open(LARGE, 1, 1, tickets, &views);
            let mut clients: Vec<_> = traces.iter().map(|trace| Client::new(&hospital, trace)).collect();
            let spent = together(&mut clients, |client| client.churn(&hospital, requests / threads));
            (spent, clients.iter().map(|c| c.decisions).sum())
        }
        Some("churn") => {
            let traces: Vec<_> =
                (0..threads).map(|thread| uniform(SEED, 1 << 20, part(thread), 100, 20)).collect();
            let views: Vec<_> = traces.iter().map(Vec::as_slice).collect();
            let hospital = Hospital::open(LARGE, 100, 20, tickets, &views);
            let mut clients: Vec<_> = traces.iter().map(|trace| Client::new(&hospital, trace)).collect();
            let spent = together(&mut clients, |client| client.churn(&hospital, requests / threads));
            (spent, clients.iter().map(|c| c.decisions).sum())
        }
        Some("rush") => {
            let trace = morning_rush(SEED, PATIENTS, 100, 20);
            let mut spent = Spent::default();
            let mut decisions = 0u64;
            while decisions < requests as u64 {
                let hospital = Hospital::open(RUSH, 100, 20, tickets, &[&trace]);
                let (time, queues) = rush(&hospital, &trace, threads, How::Book);
                spent.wall += time.wall;
                spent.cpu += time.cpu;
                decisions += queues.iter().map(|q| q.decisions).sum::<u64>();
            }
            (spent, decisions)
        }
        Some(kind @ ("full" | "protected")) => {
            let mut trace = one_slot(SEED, 0..PATIENTS);
            let fill = if kind == "full" { 63 } else { 31 };
            trace.iter_mut().take(fill).for_each(|request| request.class = Class::Public);
            let hospital = Hospital::open(LARGE, 1, 1, Tickets::NotNeeded, &[]);
            if kind == "full" {
                let classes =
                    [(Class::ReferralSecondary, 19), (Class::ReferralPrimary, 10), (Class::OnSite, 3)];
                let reserved = classes.into_iter().flat_map(|(class, n)| std::iter::repeat_n(class, n));
                for (request, class) in trace.iter_mut().zip(reserved) {
                    request.class = class;
                }
            }
            for request in &trace[..fill] {
                hospital.engine.book(&request.wish(), release()).expect("the slot is not full yet");
            }
            for request in &mut trace {
                request.class = Class::Public;
            }
            let mut counts = vec![0u64; threads];
            let spent = together(&mut counts, |count| {
                for request in trace.iter().cycle().take(requests / threads) {
                    let answer = hospital.engine.book(&black_box(request.wish()), release());
                    *count += u64::from(black_box(answer).is_err());
                }
            });
            (spent, counts.iter().sum())
        }
        _ => {
            eprintln!("name a workload: hot, full, protected, rush or churn");
            std::process::exit(2);
        }
    };
    let each = |time: std::time::Duration| time.as_nanos() * 1_000 / u128::from(decisions.max(1));
    println!(
        "{decisions} decisions in {:?}: {} ps each, on processors {} ps",
        spent.wall,
        each(spent.wall),
        each(spent.cpu)
    );
}
