//! Chance that can be repeated: the same seed and the same place give the same number, in any order of asking.

/// A place from which numbers are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// A place of its own for what is called so.
    pub fn of(self, name: &str) -> Self {
        // FNV-1a: short names, and it never changes between builds as the standard hasher may.
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(mix(self.0 ^ hash))
    }

    /// A place of its own for the `number`th of many.
    pub fn at(self, number: u64) -> Self {
        Self(mix(self.0 ^ mix(number.wrapping_add(0x9e37_79b9))))
    }

    pub fn bits(self) -> u64 {
        self.0
    }

    /// From 0 up to but not including 1.
    pub fn share(self) -> f64 {
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 up to but not including `bound`, which must not be 0.
    pub fn below(self, bound: u64) -> u64 {
        self.0 % bound
    }

    /// One of them, which must not be none.
    pub fn pick<T>(self, of: &[T]) -> &T {
        &of[self.below(of.len() as u64) as usize]
    }
}

/// The finalizer of SplitMix64.
fn mix(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_always_gives_the_same_number_and_another_place_another() {
        let place = |seed| Chance::new(seed).of("checkout-2").at(7);
        assert_eq!(place(1), place(1));
        assert_ne!(place(1), place(2));
        assert_ne!(place(1), Chance::new(1).of("checkout-2").at(8));
        assert_ne!(place(1), Chance::new(1).of("checkout-3").at(7));
    }

    #[test]
    fn shares_are_spread_over_the_whole_of_nought_to_one() {
        let chance = Chance::new(3);
        let tenths: std::collections::BTreeSet<_> = (0..200).map(|n| (chance.at(n).share() * 10.0) as u8).collect();
        assert_eq!(tenths, (0..10).collect());
    }
}
