//! The core's fold as something that the checkers can ask.

use crate::check::{
    Finding, Fold, i5_order_free, i7_privilege, i8_capacity, i9_release, i11_window, i23_binding,
};
use crate::model::{Accepted, Counts, Pools, one_more};
use haoyuan_core::ids::NodeIndex;
use haoyuan_core::pool::PoolTree;
use haoyuan_core::refusal::Code;
use haoyuan_core::terms::{Channel, Class};
use haoyuan_core::word::Live;

/// The core's fold, asked through its public face.
pub struct Core {
    /// The tree.
    pub tree: PoolTree,
    /// The same as data.
    pub pools: Pools,
}

impl Core {
    /// A tree, and the same as data.
    #[must_use]
    pub fn new(tree: PoolTree) -> Self {
        Self { pools: Pools::from(&tree), tree }
    }

    /// The tree that these pools make, if they make one.
    #[must_use]
    pub fn of(pools: &Pools) -> Option<Self> {
        let capacity = u8::try_from(pools.capacity).ok()?;
        PoolTree::new(capacity, pools.nodes.clone(), pools.routes).ok().map(Self::new)
    }

    /// The counters of these bookings.
    #[must_use]
    pub fn live(&self, b: &Counts) -> Live {
        let mut live = Live::default();
        for (node, seats) in NodeIndex::all().zip(b) {
            for _ in 0..*seats {
                let counter = self.tree.counter(node).expect("only bookable nodes have bookings");
                live = live.plus(counter).expect("at most 63 seats");
            }
        }
        live
    }

    /// The nodes that can be asked for, each of which must have a counter.
    #[must_use]
    pub fn bookable(&self) -> Vec<usize> {
        let bookable = self.pools.bookable();
        assert!(
            bookable.iter().all(|v| self.tree.counter(node(*v)).is_some()),
            "a routed node has a counter"
        );
        bookable
    }
}

fn node(v: usize) -> NodeIndex {
    NodeIndex::all().nth(v).expect("at most 16 nodes")
}

impl Fold for Core {
    fn pools(&self) -> &Pools {
        &self.pools
    }

    fn claim(&self, b: &Counts, u: usize, t: i64) -> Result<Accepted, (Code, usize)> {
        let live = self.live(b);
        match self.tree.decide_at(live, node(u), t) {
            Ok(permit) => {
                assert_eq!(
                    permit.live,
                    self.live(&one_more(b, u)),
                    "a permit holds the counters after the claim"
                );
                Ok(Accepted { node: permit.node.index(), spill: permit.spill })
            }
            Err(denial) => Err((denial.code, denial.node.index())),
        }
    }

    fn free(&self, b: &Counts, class: Class, channel: Channel, t: i64) -> u32 {
        u32::from(self.tree.free(self.live(b), class, channel, t, u8::MAX))
    }

    fn with(&self, pools: Pools) -> Option<Self> {
        Self::of(&pools)
    }
}

impl Core {
    /// What holds for these bookings at this time, whatever came before: I5, I7, I8, I9, I11, I23.
    ///
    /// # Errors
    /// The first that does not.
    pub fn said(&self, b: &Counts, t: i64) -> Finding {
        let admitted: Vec<usize> =
            b.iter().enumerate().flat_map(|(v, seats)| (0..*seats).map(move |_| v)).collect();
        let reversed: Vec<usize> = admitted.iter().rev().copied().collect();
        i5_order_free(self, &admitted, &reversed, t)?;
        i7_privilege(self, b, t)?;
        i11_window(self, b, t)?;
        i23_binding(self, b, t)?;
        let larger = Pools { capacity: self.pools.capacity + 1, ..self.pools.clone() };
        if let Some(larger) = Self::of(&larger) {
            i8_capacity(self, &larger, b, t)?;
        }
        for v in 1..self.pools.nodes.len() {
            let lowered = crate::check::relaxed(&self.pools, Code::Protected, v, t);
            if let Some(lowered) = Self::of(&lowered) {
                i9_release(self, &lowered, v, b, t)?;
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.pools.fmt(f)
    }
}
