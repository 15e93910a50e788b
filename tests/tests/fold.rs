//! The fold of the core against the model's, and the invariants of pool trees.
//!
//! Exhaustive where the space is small, by proptest for trees of up to 16 nodes and 63 seats.

use haoyuan_core::ids::NodeIndex;
use haoyuan_core::pool::{Fence, Node, PoolTree, Protection, Route, Routes, TreeError};
use haoyuan_core::refusal::Code;
use haoyuan_core::terms::{Channel, Class};
use haoyuan_tests::check::{
    Finding, Fold, i3_outsiders, i4_redeemable, i5_order_free, i6_undone, i7_privilege, i8_capacity,
    i9_release, i10_never_rises, i10_no_event, i11_window, i23_binding,
};
use haoyuan_tests::fold::Core;
use haoyuan_tests::generate::{any_tree, config, edges};
use haoyuan_tests::model::{Counts, Pools};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

fn node(v: usize) -> NodeIndex {
    NodeIndex::all().nth(v).expect("at most 16 nodes")
}

/// So many live seats at the first nodes.
fn counts(seats: &[u32]) -> Counts {
    std::array::from_fn(|v| seats.get(v).copied().unwrap_or(0))
}

/// Makes every node bookable, so that each can be asked about: classes and channels are routed to them in turn.
fn with_all_routes(mut pools: Pools) -> Pools {
    let last = (pools.nodes.len() - 1).min(14);
    let mut next = 0;
    for class in Class::ALL {
        for channel in Channel::ALL {
            pools.routes.set(*class, *channel, Route::one(node(1 + next % last)));
            next += 1;
        }
    }
    pools
}

/// Everything that is said of one state at one time.
fn check_state(core: &Core, b: &Counts, t: i64) -> Finding {
    i3_outsiders(&core.pools, b, t)?;
    i4_redeemable(core, b, t)?;
    i7_privilege(core, b, t)?;
    i11_window(core, b, t)?;
    i23_binding(core, b, t)
}

/// A route's decision, by the model and by the core.
fn check_routes(core: &Core, b: &Counts, t: i64) -> Finding {
    for class in Class::ALL {
        for channel in Channel::ALL {
            let said = core.tree.decide(core.live(b), *class, *channel, t);
            let expected = core.pools.decide(b, *class, *channel, t, false);
            let same = match (&said, &expected) {
                (Ok(permit), Ok(accepted)) => {
                    (permit.node.index(), permit.spill) == (accepted.node, accepted.spill)
                }
                (Err(denial), Err(denied)) => {
                    denial.code == denied.code
                        && denied.because.contains(&(denial.node.index(), denial.loosens()))
                }
                _ => false,
            };
            if !same {
                return Err(format!(
                    "{class} by {channel} at {t}: {said:?}, and the model says {expected:?}"
                ));
            }
            let free = core.free(b, *class, *channel, t);
            let expected = core.pools.free(b, *class, *channel, t, core.pools.capacity);
            if free != expected {
                return Err(format!(
                    "{class} by {channel} at {t}: {free} free, and the model says {expected}"
                ));
            }
        }
    }
    Ok(())
}

// ---- exhaustive ------------------------------------------------------------------------------------------------------

/// Every way to put `seats` or fewer live seats on nodes 1 to `nodes`.
fn every_count(nodes: usize, seats: u32) -> Vec<Counts> {
    let mut all = vec![Counts::default()];
    for v in 1..=nodes {
        all = all
            .into_iter()
            .flat_map(|b| {
                let left = seats - b.iter().sum::<u32>();
                (0..=left).map(move |more| {
                    let mut b = b;
                    b[v] = more;
                    b
                })
            })
            .collect();
    }
    all
}

/// Every list of `len` numbers below `below`.
fn every_list(len: usize, below: u8) -> Vec<Vec<u8>> {
    (0..len).fold(vec![vec![]], |lists, _| {
        lists.into_iter().flat_map(|list| (0..below).map(move |x| [list.clone(), vec![x]].concat())).collect()
    })
}

#[test]
fn the_fold_is_the_models_for_every_state_of_every_small_tree() {
    const NODES: usize = 3;
    let (mut trees, mut states) = (0, 0);
    for capacity in 1..=3u8 {
        let counts = every_count(NODES, u32::from(capacity));
        for shape in every_list(NODES - 1, 3).into_iter().filter(|s| s[0] < 2) {
            for extra in every_list(NODES, 2) {
                for guarantee in every_list(NODES, capacity + 1) {
                    for caps in [[None; NODES], [Some(1), None, None], [None, Some(2), Some(1)]] {
                        let mut nodes = vec![Node::plain("ROOT", NodeIndex::ROOT)];
                        for v in 0..NODES {
                            let parent = if v == 0 { 0 } else { usize::from(shape[v - 1]) };
                            nodes.push(Node {
                                protection: [Protection::Guarantee, Protection::Extra][usize::from(extra[v])],
                                guarantee: guarantee[v],
                                cap: caps[v],
                                ..Node::plain(&format!("P{v}"), node(parent))
                            });
                        }
                        let pools = with_all_routes(Pools {
                            capacity: u32::from(capacity),
                            nodes,
                            routes: Routes::default(),
                        });
                        let fits = pools.minima() <= pools.capacity;
                        let tree = PoolTree::new(capacity, pools.nodes.clone(), pools.routes);
                        if let Err(TreeError::AboveCap(_)) = tree {
                            continue;
                        }
                        assert_eq!(tree.is_ok(), fits, "{pools:?}: {tree:?}");
                        let Ok(tree) = tree else { continue };
                        let core = Core::new(tree);
                        trees += 1;
                        for b in &counts {
                            states += 1;
                            let over = |v: usize| {
                                caps[v - 1].is_some_and(|cap| core.pools.totals(b)[v] > u32::from(cap))
                            };
                            let fits = core.pools.occupied(b, &core.pools.kept(0)) <= core.pools.capacity;
                            let reachable = fits && !(1..=NODES).any(over);
                            for u in 1..=NODES {
                                let (said, expected) =
                                    (core.claim(b, u, 0), core.pools.decide_at(b, u, 0, false));
                                match (&said, &expected) {
                                    (Ok(said), Ok(expected)) => assert_eq!(said, expected, "{pools:?} {b:?}"),
                                    (Err((code, _)), Err(denied)) => {
                                        assert_eq!(*code, denied.code, "{pools:?} {b:?}");
                                    }
                                    _ => panic!("{said:?}, not {expected:?}: {pools:?} {b:?}"),
                                }
                            }
                            if reachable {
                                let verdict = check_state(&core, b, 0);
                                assert_eq!(verdict, Ok(()), "{pools:?} {b:?}");
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(trees > 1_000 && states > 10_000, "{trees} trees, {states} states");
}

/// Two classes under one root: class 1 at a node with a minimum, the public at a plain one.
fn two_classes(capacity: u8, protection: Protection, minimum: u8) -> Core {
    let reserve = Node { protection, guarantee: minimum, ..Node::plain("RESERVE", NodeIndex::ROOT) };
    let nodes = vec![Node::plain("ROOT", NodeIndex::ROOT), reserve, Node::plain("PUBLIC", NodeIndex::ROOT)];
    let mut routes = Routes::default();
    routes.set_all(Class::ReferralSecondary, Route::one(node(1)));
    routes.set_all(Class::Public, Route::one(node(2)));
    Core::new(PoolTree::new(capacity, nodes, routes).expect("the minimum fits"))
}

#[test]
fn a_guarantee_of_two_classes_is_own_pool_first_then_public() {
    for capacity in 1..=8u8 {
        for minimum in 0..=capacity {
            let core = two_classes(capacity, Protection::Guarantee, minimum);
            for b in every_count(2, u32::from(capacity)) {
                let (c, r, b1, b2) = (u32::from(capacity), u32::from(minimum), b[1], b[2]);
                if r.max(b1) + b2 > c {
                    continue; // the public can never have got so many
                }
                assert_eq!(core.free(&b, Class::Public, Channel::App, 0), c - r.max(b1) - b2);
                assert_eq!(core.free(&b, Class::ReferralSecondary, Channel::App, 0), c - b1 - b2);
            }
        }
    }
}

#[test]
fn an_extra_reserve_of_two_classes_is_open_first_counters() {
    for capacity in 1..=8u8 {
        for minimum in 0..=capacity {
            let core = two_classes(capacity, Protection::Extra, minimum);
            for requests in every_list(8, 2) {
                // Labelled counters: open seats for both, reserved ones for the class after the open are gone.
                let (mut open, mut reserved) = (capacity - minimum, minimum);
                let mut b = core.pools.empty();
                for class in requests {
                    let granted = if open > 0 {
                        open -= 1;
                        true
                    } else if class == 0 && reserved > 0 {
                        reserved -= 1;
                        true
                    } else {
                        false
                    };
                    let u = 1 + usize::from(class);
                    assert_eq!(core.claim(&b, u, 0).is_ok(), granted, "{capacity} {minimum} {b:?} {u}");
                    b[u] += u32::from(granted);
                }
            }
        }
    }
}

// ---- by proptest -----------------------------------------------------------------------------------------------------

/// What a random walk does: a claim at a bookable node, a return of a live seat, or time passing to an edge.
#[derive(Clone, Copy, Debug)]
enum Move {
    Claim(usize),
    Return(usize),
    Wait,
}

fn any_walk() -> impl Strategy<Value = Vec<Move>> {
    vec(
        prop_oneof![
            6 => (0..64usize).prop_map(Move::Claim),
            2 => (0..64usize).prop_map(Move::Return),
            1 => Just(Move::Wait),
        ],
        1..60,
    )
}

/// Walks through reachable states of a tree, from before everything opens, and looks at each.
fn walk(core: &Core, moves: &[Move], mut look: impl FnMut(&Counts, i64, &[usize]) -> Finding) -> Finding {
    let times = edges(&core.pools);
    let bookable = core.bookable();
    let mut b = core.pools.empty();
    let mut admitted: Vec<usize> = Vec::new();
    let mut place = 0;
    for step in moves {
        match step {
            Move::Claim(choice) => {
                let u = bookable[choice % bookable.len()];
                if core.claim(&b, u, times[place]).is_ok() {
                    b[u] += 1;
                    admitted.push(u);
                }
            }
            Move::Return(choice) => {
                if !admitted.is_empty() {
                    let u = admitted.remove(choice % admitted.len());
                    b[u] -= 1;
                }
            }
            Move::Wait => place = (place + 1).min(times.len() - 1),
        }
        look(&b, times[place], &admitted)?;
    }
    Ok(())
}

fn verdict(finding: Finding) -> Result<(), TestCaseError> {
    finding.map_err(TestCaseError::fail)
}

fn any_core() -> impl Strategy<Value = Core> {
    prop_oneof![3 => 1..=8u8, 1 => 1..=63u8]
        .prop_flat_map(|capacity| any_tree(capacity, 16))
        .prop_map(Core::new)
}

/// The same pools, with every node bookable.
fn all_bookable(core: &Core) -> Core {
    Core::of(&with_all_routes(core.pools.clone())).expect("routes do not change what fits")
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn every_route_is_decided_as_the_model_does(core in any_core(), moves in any_walk()) {
        verdict(walk(&core, &moves, |b, t, _| check_routes(&core, b, t)))?;
    }

    #[test]
    fn guarantees_windows_and_privileges_hold_and_denials_name_what_binds(core in any_core(), moves in any_walk()) {
        let core = all_bookable(&core);
        verdict(walk(&core, &moves, |b, t, _| check_state(&core, b, t)))?;
    }

    #[test]
    fn availability_does_not_depend_on_the_order_of_bookings(core in any_core(), moves in any_walk(), turn in 0..60usize) {
        verdict(walk(&core, &moves, |_, t, admitted| {
            let mut other = admitted.to_vec();
            let places = other.len().max(1);
            other.rotate_left(turn % places);
            other.reverse();
            i5_order_free(&core, admitted, &other, t)
        }))?;
    }

    #[test]
    fn cancelling_undoes_booking(core in any_core(), moves in any_walk()) {
        // I6: the counters are as before, whatever else was admitted in between.
        verdict(walk(&core, &moves, |b, t, _| {
            let live = core.live(b);
            for u in core.bookable() {
                if let Ok(permit) = core.tree.decide_at(live, node(u), t) {
                    let counter = core.tree.counter(node(u)).expect("bookable");
                    assert_eq!(permit.live.minus(counter), Some(live));
                }
            }
            Ok(())
        }))?;
    }

    #[test]
    fn more_capacity_never_harms(core in any_core(), moves in any_walk()) {
        let core = all_bookable(&core);
        let Some(larger) = Core::of(&Pools { capacity: core.pools.capacity + 1, ..core.pools.clone() }) else {
            return Ok(()); // 63 seats is the most
        };
        verdict(walk(&core, &moves, |b, t, _| i8_capacity(&core, &larger, b, t)))?;
    }

    #[test]
    fn a_lower_minimum_never_harms_outsiders(core in any_core(), moves in any_walk(), choice in 0..64usize) {
        let core = all_bookable(&core);
        let v = 1 + choice % (core.pools.nodes.len() - 1);
        let mut lowered = core.pools.clone();
        lowered.nodes[v].guarantee = lowered.nodes[v].guarantee.saturating_sub(1);
        for fence in &mut lowered.nodes[v].fences {
            fence.seats = fence.seats.saturating_sub(1);
        }
        let lowered = Core::of(&lowered).expect("lower minima fit");
        verdict(walk(&core, &moves, |b, t, _| i9_release(&core, &lowered, v, b, t)))?;
    }

    #[test]
    fn minima_are_step_functions_of_time_that_never_rise(core in any_core()) {
        // I10: asked twice, or in any order, the answer is the same: there is nothing that runs.
        let times = edges(&core.pools);
        for v in 0..core.pools.nodes.len() {
            let minima: Vec<u8> = times.iter().map(|t| core.tree.guarantee(node(v), *t)).collect();
            prop_assert!(minima.windows(2).all(|pair| pair[0] >= pair[1]), "{minima:?}");
            for (t, minimum) in times.iter().zip(&minima).rev() {
                prop_assert_eq!(core.pools.guarantee(v, *t), u32::from(*minimum));
            }
        }
        let known: Vec<i64> = core.tree.breakpoints().collect();
        prop_assert!(known.windows(2).all(|pair| pair[0] < pair[1]), "breakpoints are in order: {known:?}");
    }

    #[test]
    fn nothing_changes_between_two_breakpoints(core in any_core(), moves in any_walk()) {
        let known: Vec<i64> = core.tree.breakpoints().collect();
        verdict(walk(&core, &moves, |b, t, _| {
            let next = known.iter().copied().find(|edge| *edge > t).unwrap_or(t + 2);
            for class in Class::ALL {
                let (now, then) = (core.free(b, *class, Channel::App, t), core.free(b, *class, Channel::App, next - 1));
                if now != then {
                    return Err(format!("{class}: {now} free at {t} and {then} at {}", next - 1));
                }
            }
            Ok(())
        }))?;
    }

    #[test]
    fn in_a_tree_of_guarantees_a_fence_only_gives(core in any_core(), moves in any_walk()) {
        let mut pools = with_all_routes(core.pools.clone());
        for node in &mut pools.nodes {
            node.protection = Protection::Guarantee;
            (node.opens, node.closes) = (i64::MIN, i64::MAX);
        }
        // As guarantees the minima may nest in a way that fits no better; then there is nothing to look at.
        let Some(core) = Core::of(&pools) else { return Ok(()) };
        let times = edges(&core.pools);
        verdict(walk(&core, &moves, |b, t, _| {
            for later in times.iter().filter(|later| **later > t) {
                for u in core.bookable() {
                    if core.claim(b, u, t).is_ok() && core.claim(b, u, *later).is_err() {
                        return Err(format!("node {u} is admitted at {t} and refused at {later}"));
                    }
                }
            }
            Ok(())
        }))?;
    }

    #[test]
    fn a_tree_is_built_exactly_if_its_minima_fit(core in any_core(), choice in 0..64usize, more in 0..8u8) {
        let mut pools = core.pools.clone();
        let v = 1 + choice % (pools.nodes.len() - 1);
        let raised = pools.nodes[v].guarantee.saturating_add(more);
        pools.nodes[v].guarantee = raised;
        let caps: Vec<u8> = pools.upwards(v).filter_map(|a| pools.nodes[a].cap).collect();
        let capacity = u8::try_from(pools.capacity).expect("at most 63");
        let built = PoolTree::new(capacity, pools.nodes.clone(), pools.routes);
        if caps.iter().any(|cap| raised > *cap) {
            prop_assert!(matches!(built, Err(TreeError::AboveCap(_))), "{built:?}");
        } else {
            prop_assert_eq!(built.is_ok(), pools.minima() <= pools.capacity, "{:?}", built);
        }
    }

    #[test]
    fn a_second_choice_never_harms(core in any_core(), moves in any_walk(), choice in any::<(usize, usize)>()) {
        // I7 for routes: who may book at one node more is admitted wherever somebody without it is.
        let core = all_bookable(&core);
        let bookable = core.bookable();
        let (first, second) = (bookable[choice.0 % bookable.len()], bookable[choice.1 % bookable.len()]);
        let mut pools = core.pools.clone();
        pools.routes.set_all(Class::Public, Route::one(node(first)));
        pools.routes.set_all(Class::Revisit, Route::two(node(second), node(first)));
        pools.routes.set_all(Class::Green, Route::two(node(first), node(second)));
        let core = Core::of(&pools).expect("routes do not change what fits");
        verdict(walk(&core, &moves, |b, t, _| {
            let admitted = |class| core.tree.decide(core.live(b), class, Channel::App, t).is_ok();
            for privileged in [Class::Revisit, Class::Green] {
                if admitted(Class::Public) && !admitted(privileged) {
                    return Err(format!("{privileged} is refused where the public is admitted at {t}"));
                }
            }
            Ok(())
        }))?;
    }
}

#[test]
fn the_named_node_of_a_closed_window_is_one_whose_window_is_closed() {
    // A pool that is always open inside one that opens at 10: before 10 it is the outer one that binds.
    let outer = Node { opens: 10, closes: 20, ..Node::plain("OUTER", NodeIndex::ROOT) };
    let nodes = vec![Node::plain("ROOT", NodeIndex::ROOT), outer, Node::plain("INNER", node(1))];
    let mut routes = Routes::default();
    routes.set_all(Class::Public, Route::one(node(2)));
    let core = Core::new(PoolTree::new(1, nodes, routes).expect("it fits"));
    let b = core.pools.empty();
    for (t, code) in [(9, Code::NotOpen), (20, Code::Closed)] {
        assert_eq!(core.claim(&b, 2, t), Err((code, 1)), "at {t}");
    }
    assert!(core.claim(&b, 2, 10).is_ok() && core.claim(&b, 2, 19).is_ok());
}

#[test]
fn a_pool_that_can_never_open_is_rejected_or_explained() {
    // INNER closes before OUTER opens. Either that is no tree, or the refusal names a node whose window is shut.
    let outer = Node { opens: 10, ..Node::plain("OUTER", NodeIndex::ROOT) };
    let inner = Node { closes: 5, ..Node::plain("INNER", node(1)) };
    let mut routes = Routes::default();
    routes.set_all(Class::Public, Route::one(node(2)));
    let built = PoolTree::new(1, vec![Node::plain("ROOT", NodeIndex::ROOT), outer, inner], routes);
    let Ok(core) = built.map(Core::new) else { return };
    for (t, shut) in [(3, 1), (7, 1), (7, 2), (12, 2)] {
        let named = core.claim(&core.pools.empty(), 2, t).map_err(|(_, v)| v);
        assert!(named == Err(shut) || t == 7 && named == Err(3 - shut), "at {t} node {named:?} is named");
    }
}

#[test]
fn lowering_a_minimum_can_send_its_own_members_behind_an_extra_reserve() {
    // The reason why I9 speaks of outsiders where there are extra reserves: 10 seats, 5 guaranteed to A, 1 extra for E.
    // 5 outsiders (one of them E) and 4 of A are in. A's fifth redeems; once A's minimum is 4, it has to leave E its seat.
    let tree = |minimum| {
        let a = Node { guarantee: minimum, ..Node::plain("A", NodeIndex::ROOT) };
        let e = Node { protection: Protection::Extra, guarantee: 1, ..Node::plain("E", NodeIndex::ROOT) };
        let nodes = vec![Node::plain("ROOT", NodeIndex::ROOT), a, e, Node::plain("P", NodeIndex::ROOT)];
        let pools = with_all_routes(Pools { capacity: 10, nodes, routes: Routes::default() });
        Core::of(&pools).expect("it fits")
    };
    let b = counts(&[0, 4, 1, 4]);
    assert!(tree(5).claim(&b, 1, 0).is_ok());
    assert_eq!(tree(4).claim(&b, 1, 0), Err((Code::Protected, 2)));
    assert!(tree(4).claim(&b, 2, 0).is_ok());
}

#[test]
fn a_claim_from_before_a_fence_is_told_which_guarantee_binds() {
    // Callers' clocks differ: 2 of 2 are reserved until 10, one was sold after 10, and then somebody of the reserve asks with
    // a 9. The reserve wants 2 of the 1 that is left.
    let reserve = Node {
        guarantee: 2,
        fences: vec![Fence { from: 10, seats: 0 }],
        ..Node::plain("RESERVE", NodeIndex::ROOT)
    };
    let nodes = vec![Node::plain("ROOT", NodeIndex::ROOT), Node::plain("PUBLIC", NodeIndex::ROOT), reserve];
    let core =
        Core::of(&with_all_routes(Pools { capacity: 2, nodes, routes: Routes::default() })).expect("it fits");
    let b = counts(&[0, 1]);
    assert_eq!(core.claim(&b, 2, 9), Err((Code::Protected, 2)));
    assert_eq!(i23_binding(&core, &b, 9), Ok(()));
    assert!(core.claim(&b, 2, 10).is_ok());
}

#[test]
fn fences_take_effect_at_their_instant() {
    let falls = vec![Fence { from: 10, seats: 1 }, Fence { from: 20, seats: 0 }];
    let reserve = Node { guarantee: 2, fences: falls, ..Node::plain("RESERVE", NodeIndex::ROOT) };
    let nodes = vec![Node::plain("ROOT", NodeIndex::ROOT), reserve, Node::plain("PUBLIC", NodeIndex::ROOT)];
    let pools = with_all_routes(Pools { capacity: 2, nodes, routes: Routes::default() });
    let core = Core::of(&pools).expect("it fits");
    for (t, taken, expected) in [
        (9, 0, Err((Code::Protected, 1))),
        (10, 0, Ok(())),
        (10, 1, Err((Code::Protected, 1))),
        (20, 1, Ok(())),
    ] {
        assert_eq!(core.claim(&counts(&[0, 0, taken]), 2, t).map(|_| ()), expected, "{taken} taken at {t}");
    }
}

#[test]
fn outsiders_within_a_minimum_and_a_minimum_that_rises_are_found() {
    let mut nodes = vec![Node::plain("ROOT", NodeIndex::ROOT), Node::plain("KEPT", NodeIndex::ROOT)];
    nodes[1].guarantee = 2;
    nodes[1].fences = vec![Fence { from: 100, seats: 1 }];
    nodes.push(Node::plain("PUBLIC", NodeIndex::ROOT));
    let mut pools = Pools { capacity: 5, nodes, routes: Routes::default() };
    // Three of five seats are for outsiders; from the fence on four are.
    assert_eq!(i3_outsiders(&pools, &counts(&[0, 0, 3]), 99), Ok(()));
    assert!(i3_outsiders(&pools, &counts(&[0, 0, 4]), 99).is_err_and(|found| found.starts_with("I3")));
    assert_eq!(i3_outsiders(&pools, &counts(&[0, 0, 4]), 100), Ok(()));
    assert!(i3_outsiders(&pools, &counts(&[0, 0, 5]), 100).is_err());
    assert_eq!(i10_never_rises(&pools, &[99, 100, 101]), Ok(()));
    pools.nodes[1].fences[0].seats = 3;
    assert!(i10_never_rises(&pools, &[99, 100, 101]).is_err_and(|found| found.starts_with("I10")));
    assert!(i10_no_event(&[1], &[2]).is_err_and(|found| found.starts_with("I10")));
    assert!(i6_undone(&[1], &[2]).is_err_and(|found| found.starts_with("I6")));
}
