//! Sets of movies that grow together, and the pairs that joined them.

use super::groups::Likeness;

/// Sets that are joined pair by pair.
pub(super) struct Union {
    parents: Vec<usize>,
    /// What was joined, pair by pair.
    pub(super) links: Vec<(usize, usize, Likeness)>,
}

impl Union {
    pub(super) fn new(count: usize) -> Self {
        Self { parents: (0..count).collect(), links: Vec::new() }
    }

    pub(super) fn root(&mut self, mut index: usize) -> usize {
        while self.parents[index] != index {
            self.parents[index] = self.parents[self.parents[index]];
            index = self.parents[index];
        }
        index
    }

    /// Joins the sets of `a` and `b`; says whether they were two.
    pub(super) fn join(&mut self, a: usize, b: usize, likeness: Likeness) -> bool {
        let (one, other) = (self.root(a), self.root(b));
        if one == other {
            return false;
        }
        self.parents[one.max(other)] = one.min(other);
        self.links.push((a, b, likeness));
        true
    }
}
