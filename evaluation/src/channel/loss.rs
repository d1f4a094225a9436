//! A share of lost packets enters, which packets are lost leaves.

use crate::sound::random::Random;

/// What a packet holds, of every codec here.
pub(super) const PACKET_MS: u32 = 20;

/// Tells of one packet after the other whether it is lost.
///
/// The model of Gilbert (1960) and Elliott (1963) in its simple form: in the bad state every packet is lost, in the good one
/// none. When the mean burst is that of independent losses, it is one of independent losses.
#[derive(Clone, Debug)]
pub(super) struct Losses {
    random: Random,
    lost: bool,
    /// Probability that a burst begins, and that it ends.
    begin: f64,
    end: f64,
}

impl Losses {
    /// None is lost.
    pub(super) fn none() -> Self {
        Self { random: Random::new(0, 0), lost: false, begin: 0.0, end: 1.0 }
    }

    /// That share (0…0.5) of the packets, one independent of the other.
    pub(super) fn independent(share: f64, random: Random) -> Self {
        Self { random, lost: false, begin: share, end: 1.0 - share }
    }

    /// That share of the packets, in bursts that take so many packets in the mean (at least 1).
    pub(super) fn in_bursts(share: f64, packets: f64, random: Random) -> Self {
        let end = 1.0 / packets;
        Self { random, lost: false, begin: end * share / (1.0 - share), end }
    }

    /// Whether the next packet is lost. The first one never is: a call begins with a packet.
    pub(super) fn next(&mut self) -> bool {
        let lost = self.lost;
        let chance = self.random.uniform();
        self.lost = if lost { chance >= self.end } else { chance < self.begin };
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Share lost and mean length of a burst.
    fn observed(mut losses: Losses) -> (f64, f64) {
        let lost: Vec<_> = (0..200_000).map(|_| losses.next()).collect();
        let share = lost.iter().filter(|l| **l).count() as f64;
        let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count() as f64;
        (share / 2e5, share / bursts)
    }

    #[test]
    fn independent_losses_have_the_share_that_is_asked_for() {
        let (share, burst) = observed(Losses::independent(0.1, Random::new(1, 1)));
        assert!((share - 0.1).abs() < 0.005, "{share}");
        assert!((burst - 1.0 / 0.9).abs() < 0.03, "{burst}");
    }

    #[test]
    fn bursts_have_the_share_and_the_length_that_are_asked_for() {
        let (share, burst) = observed(Losses::in_bursts(0.05, 4.0, Random::new(1, 1)));
        assert!((share - 0.05).abs() < 0.005, "{share}");
        assert!((burst - 4.0).abs() < 0.2, "{burst}");
    }

    #[test]
    fn without_losses_none_is_lost() {
        assert_eq!(observed(Losses::none()).0, 0.0);
    }
}
