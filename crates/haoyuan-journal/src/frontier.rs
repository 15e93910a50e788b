//! How far each block's history goes.
//!
//! Invariant: `get(block)` is the sequence of the last transition of the gap-free prefix; 0 for a block without any.

use crate::entry::Place;
use std::collections::HashMap;

/// Blocks are numbered densely from 0, so a table serves nearly all; a number above this bound goes into a map, and a
/// hostile file cannot make the table large.
const DENSE: u32 = 1 << 24;
const PAGE: usize = 4096;

/// The last sequence of every block.
#[derive(Clone, Debug, Default)]
pub struct Frontier {
    /// Pages are either empty or whole.
    pages: Vec<Box<[u32]>>,
    sparse: HashMap<u32, u32>,
}

impl Frontier {
    /// The last sequence of the block's gap-free history; 0 if it has none.
    #[must_use]
    #[inline]
    pub fn get(&self, block: u32) -> u32 {
        if block < DENSE {
            let block = block as usize;
            self.pages.get(block / PAGE).and_then(|page| page.get(block % PAGE)).copied().unwrap_or(0)
        } else {
            self.sparse.get(&block).copied().unwrap_or(0)
        }
    }

    /// Says how far the block's history goes now.
    #[inline]
    pub fn set(&mut self, block: u32, sequence: u32) {
        if block < DENSE {
            let (page, index) = (block as usize / PAGE, block as usize % PAGE);
            if self.pages.get(page).is_none_or(|page| page.is_empty()) {
                if self.pages.len() <= page {
                    self.pages.resize_with(page + 1, Box::default);
                }
                self.pages[page] = vec![0; PAGE].into_boxed_slice();
            }
            self.pages[page][index] = sequence;
        } else {
            self.sparse.insert(block, sequence);
        }
    }

    /// Every block that has a history, with its last sequence; in order of blocks.
    pub fn iter(&self) -> impl Iterator<Item = Place> {
        let dense = self.pages.iter().enumerate().flat_map(|(page, sequences)| {
            sequences.iter().enumerate().map(move |(index, sequence)| Place {
                block: u32::try_from(page * PAGE + index).unwrap_or(u32::MAX),
                sequence: *sequence,
            })
        });
        let mut sparse: Vec<Place> = self
            .sparse
            .iter()
            .map(|(block, sequence)| Place { block: *block, sequence: *sequence })
            .collect();
        sparse.sort_unstable();
        dense.chain(sparse).filter(|place| place.sequence != 0)
    }
}

impl FromIterator<Place> for Frontier {
    fn from_iter<T: IntoIterator<Item = Place>>(places: T) -> Self {
        let mut frontier = Self::default();
        for place in places {
            frontier.set(place.block, place.sequence);
        }
        frontier
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_is_found_in_order_whether_dense_or_not() {
        let places = [(0, 3), (4096, 1), (DENSE - 1, 9), (DENSE, 4), (u32::MAX, u32::MAX)]
            .map(|(block, sequence)| Place { block, sequence });
        let frontier: Frontier = places.into_iter().rev().collect();
        assert_eq!(frontier.iter().collect::<Vec<_>>(), places);
        assert_eq!((frontier.get(1), frontier.get(DENSE - 2), frontier.get(DENSE + 1)), (0, 0, 0));
    }
}
