//! Voices that a run has heard enter, the centre of each trial leaves: the mean of its source's other voices.
//!
//! Each source is a tenant. Its centre is what the tenant would have learnt of all its calls, whatever their lines and lengths, were the
//! trial's two speakers not among them: nobody is compared by a mean that knows them.

use std::collections::HashMap;

use peakstream::{Centre, ChannelType, ModelHash, Template};

use crate::embedding::ListenError;
use crate::metrics::Pair;

/// Sums of all voices of every source.
pub(super) struct Centres {
    model: ModelHash,
    sources: HashMap<(usize, ChannelType), Source>,
}

struct Source {
    all: Centre,
    speakers: HashMap<u32, Centre>,
}

impl Source {
    fn new(model: ModelHash, channel_type: ChannelType) -> Self {
        Self { all: Centre::new(model, channel_type), speakers: HashMap::new() }
    }

    /// Whether enough is left without any two of its speakers. Asked of a source, not of a trial: those of talkative people would be
    /// missing otherwise.
    fn is_ready(&self) -> bool {
        let mut most: Vec<&Centre> = self.speakers.values().collect();
        most.sort_unstable_by_key(|centre| std::cmp::Reverse(centre.voices()));
        most.into_iter().take(2).fold(self.all.clone(), Centre::without).is_ready()
    }
}

impl Centres {
    pub(super) fn new(model: ModelHash) -> Self {
        Self { model, sources: HashMap::new() }
    }

    /// Adds a voice of a source.
    ///
    /// # Errors
    /// [`ListenError::Foreign`]: it is of another network than the run's.
    pub(super) fn learn(&mut self, source: usize, speaker: u32, voice: &Template) -> Result<(), ListenError> {
        let channel_type = voice.channel_type();
        let own = self
            .sources
            .entry((source, channel_type))
            .or_insert_with(|| Source::new(self.model, channel_type));
        own.all.learn(voice)?;
        let of_speaker = own.speakers.entry(speaker).or_insert_with(|| Centre::new(self.model, channel_type));
        Ok(of_speaker.learn(voice)?)
    }

    /// Leaves out the sources that have too few voices.
    pub(super) fn ready(mut self) -> Self {
        self.sources.retain(|_, source| source.is_ready());
        self
    }

    /// The cosine of two voices without the centre that their source has when neither of them is known; `None` where it has too few
    /// other voices, or a voice is no different from the centre.
    pub(super) fn cosine(&self, source: usize, speakers: Pair, a: &Template, b: &Template) -> Option<f64> {
        let centred = |voice: &Template| {
            let own = self.sources.get(&(source, voice.channel_type()))?;
            let mut known = vec![speakers.0, speakers.1];
            known.dedup();
            let of_known = known.iter().filter_map(|speaker| own.speakers.get(speaker));
            of_known.fold(own.all.clone(), Centre::without).taken_from(voice).ok()
        };
        Some(centred(a)?.cosine(&centred(b)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::SplitMix;

    const MODEL: ModelHash = ModelHash::from_bytes([3; 28]);

    /// All voices point about the same way, and each somewhere else.
    fn voice(seed: u64) -> Template {
        let mut random = SplitMix::new(seed);
        let values = std::array::from_fn(|_| 0.5 + random.below(1 << 20) as f32 / (1 << 20) as f32);
        Template::new(MODEL, ChannelType::Telephone, values).expect("a direction")
    }

    /// So many speakers with two voices each.
    fn centres(speakers: u32) -> Centres {
        let mut centres = Centres::new(MODEL);
        for (speaker, recording) in (0..speakers).flat_map(|speaker| [(speaker, 0), (speaker, 1)]) {
            let learnt = centres.learn(0, speaker, &voice(u64::from(2 * speaker + recording)));
            learnt.expect("same network");
        }
        centres
    }

    #[test]
    fn a_centre_knows_neither_speaker_of_the_trial() {
        let mut others = Centre::new(MODEL, ChannelType::Telephone);
        (4..80).for_each(|seed| others.learn(&voice(seed)).expect("same network"));
        let (a, b) = (voice(0), voice(2));
        let centred = |voice| others.taken_from(voice).expect("a direction");
        let expected = centred(&a).cosine(&centred(&b));
        let found = centres(40).ready().cosine(0, Pair(0, 1), &a, &b).expect("76 other voices");
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        assert!(a.cosine(&b) > 0.8 && found < 0.5, "what all have in common is gone");
    }

    #[test]
    fn a_source_has_a_centre_if_fifty_voices_are_left_without_those_of_any_two_speakers() {
        let cosine = |centres: Centres| centres.ready().cosine(0, Pair(5, 5), &voice(10), &voice(11));
        assert!(cosine(centres(27)).is_some());
        assert!(cosine(centres(26)).is_none());
        // Whoever talks most counts, even in trials of others.
        let mut talkative = centres(27);
        talkative.learn(0, 0, &voice(1_000)).expect("same network");
        assert!(cosine(talkative).is_some());
        let mut talkative = centres(26);
        (0..9).for_each(|seed| talkative.learn(0, 0, &voice(seed)).expect("same network"));
        assert!(cosine(talkative).is_none());
    }

    #[test]
    fn sources_know_nothing_of_each_other() {
        let (a, b) = (voice(0), voice(2));
        let alone = centres(40).ready().cosine(0, Pair(0, 1), &a, &b);
        let mut several = centres(40);
        (500..600).for_each(|seed| several.learn(1, 7, &voice(seed)).expect("same network"));
        let several = several.ready();
        assert_eq!(several.cosine(0, Pair(0, 1), &a, &b), alone);
        assert_eq!(several.cosine(1, Pair(0, 1), &a, &b), None, "one speaker is nobody's centre but his own");
    }
}
