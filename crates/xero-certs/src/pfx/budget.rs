//! What one file may cost: everything is charged before it is done.

use crate::Error;

/// One file may ask for this many key-derivation rounds in sum: a second or two of work.
pub(crate) const MAX_ROUNDS: u64 = 3_000_000;
/// One derivation alone.
const MAX_ROUNDS_EACH: u64 = 1_000_000;
const MAX_DEPTH: usize = 24;
const MAX_ELEMENTS: usize = 20_000;

/// What a file has cost so far, with one way to read its password.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    rounds: u64,
    elements: usize,
}

impl Budget {
    /// Charges the rounds of one derivation, and gives them back as the number to do.
    pub(crate) fn derive(&mut self, rounds: u64) -> Result<u32, Error> {
        if rounds == 0 {
            return Err(Error::Damaged("it asks for zero key-derivation rounds"));
        }
        if rounds > MAX_ROUNDS_EACH {
            return Err(Error::TooManyIterations { found: rounds, limit: MAX_ROUNDS_EACH });
        }
        self.rounds += rounds;
        if self.rounds > MAX_ROUNDS {
            return Err(Error::TooManyIterations { found: self.rounds, limit: MAX_ROUNDS });
        }
        Ok(u32::try_from(rounds).expect("a million fits"))
    }

    /// Charges one element of the structure, `depth` levels down.
    pub(crate) fn element(&mut self, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(Error::Damaged("it is nested too deeply"));
        }
        self.elements += 1;
        if self.elements > MAX_ELEMENTS { Err(Error::Damaged("it has too many parts")) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derivation_and_the_sum_are_bounded() {
        let mut budget = Budget::default();
        for _ in 0..3 {
            assert_eq!(budget.derive(1_000_000).ok(), Some(1_000_000));
        }
        let refused = [budget.derive(1), Budget::default().derive(1_000_001), Budget::default().derive(0)];
        let refused = refused.map(|result| result.unwrap_err().to_string());
        assert_eq!(refused[0], "the file asks for 3000001 key-derivation rounds; the limit is 3000000");
        assert_eq!(refused[1], "the file asks for 1000001 key-derivation rounds; the limit is 1000000");
        assert_eq!(refused[2], "the file is damaged: it asks for zero key-derivation rounds");
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let mut budget = Budget::default();
        assert!(budget.element(MAX_DEPTH).is_ok() && budget.element(MAX_DEPTH + 1).is_err());
        assert!((1..MAX_ELEMENTS).all(|_| budget.element(0).is_ok()));
        assert!(budget.element(0).is_err());
    }
}
