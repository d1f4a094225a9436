//! Session state machine of one registration or verification.
//!
//! In: [`Input`]s (audio came, speech was found, a measurement is done, the client went away, the server stops) and the
//! passing of time. Out: [`Output`]s (an event for the client, a command) and one deadline.
//!
//! The one rule: state changes only in [`Machine::handle`] and [`Machine::handle_timeout`]. After either, drain
//! [`Machine::poll_output`] until it is empty, then wait until [`Machine::deadline`]. No clock, no task, no channel is
//! in here; `Instant`s are arguments. Whatever inputs come in whatever order, at most one terminal event leaves, and it is
//! the last event; without [`Input::ClientGone`] exactly one leaves.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use peakstream::Threshold;

use crate::session::error::{AudioFault, EngineFault, MIN_SPEECH_SECONDS, SessionError};
use crate::session::event::{Event, Finding, Measurement, Progress};

/// The times a session may take. All of them are configuration; the defaults are in [`crate::config`].
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// From readiness to the first audio connection.
    pub audio_start: Duration,
    /// Between two pieces of audio on a live connection.
    pub audio_idle: Duration,
    /// Audio received (not wall time) without enough speech in it.
    pub max_stream: Duration,
    /// From the start of the session to the beginning of its decision.
    pub max_age: Duration,
    /// How long a session waits for another audio connection after the first ended early.
    pub reattach_grace: Duration,
    /// From the collected speech to its measurement.
    pub decision: Duration,
}

/// What the machine has to know about its session.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Net speech to collect, in seconds.
    pub wanted: f64,
    /// The least score that passes; only a verification uses it.
    pub score: Threshold,
    /// Whether an early end with at least [`MIN_SPEECH_SECONDS`] of speech is decided instead of refused.
    pub accept_short: bool,
    /// The times it may take.
    pub timeouts: Timeouts,
}

/// What can happen to a session.
#[derive(Clone, Debug)]
pub enum Input {
    /// An audio connection was given to this session.
    AudioAttached,
    /// Audio arrived, whatever is in it. Resets the idle clock.
    AudioHeard,
    /// A block of audio was processed.
    Progress(Progress),
    /// The speech asked for is complete and ready for inference; the block that says so is still to come.
    Complete(Progress),
    /// The block that says that the speech is complete was processed.
    Enough(Progress),
    /// The audio connection ended before there was enough.
    AudioEnded(Progress),
    /// The audio connection ended because its sender broke the rules.
    AudioFailed(AudioFault, Progress),
    /// The inference has measured the speech.
    Measured(Measurement),
    /// The inference refused or failed.
    InferenceFailed(EngineFault),
    /// The client is not there any more; nobody listens to events.
    ClientGone,
    /// The client ends the session, and may look at how it ended.
    Cancelled,
    /// The server stops.
    Shutdown,
}

/// What the owner of the machine has to do, in this order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send this event to the client.
    Emit(Event),
    /// End the audio connection, if there is one.
    StopAudio,
    /// Give the collected speech to the inference pool.
    StartInference,
    /// The session is over; nothing follows.
    Ended,
}

/// Where a session stands, as far as others can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// No audio yet, or none any more.
    Ready,
    /// Audio comes.
    Streaming,
    /// The speech is being measured.
    Deciding,
    /// The terminal event has left.
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Ready, no audio connection yet.
    AwaitingAudio,
    /// Audio is attached; `heard` is when the last of it came.
    Streaming { heard: Instant },
    /// The audio ended early; another connection may come.
    AwaitingReattach { until: Instant },
    /// The speech is with the inference.
    Deciding { since: Instant },
    /// The terminal event has left.
    Over,
}

/// One session. See the module's documentation.
#[derive(Debug)]
pub struct Machine {
    rules: Rules,
    started: Instant,
    state: State,
    inference: Inference,
    progress: Progress,
    outputs: VecDeque<Output>,
}

/// What became of the collected speech. It is measured while the audio of its last block still comes, and told with that block.
#[derive(Debug)]
enum Inference {
    /// It is not complete.
    NotBegun,
    Begun,
    /// It was measured, or could not be, before it was to be told.
    Done(Box<Result<Measurement, EngineFault>>),
}

impl Machine {
    /// A session whose consumer is ready at `now`. Its first output is `info-consumer-ready`.
    pub fn new(rules: Rules, now: Instant) -> Self {
        let outputs = VecDeque::from([Output::Emit(Event::consumer_ready())]);
        let (state, inference) = (State::AwaitingAudio, Inference::NotBegun);
        Self { rules, started: now, state, inference, progress: Progress::default(), outputs }
    }

    /// Takes in one input.
    pub fn handle(&mut self, now: Instant, input: Input) {
        if self.state == State::Over {
            return;
        }
        match input {
            Input::ClientGone => self.end(),
            Input::Cancelled => self.fail(SessionError::Audio(AudioFault::Cancelled)),
            Input::Shutdown => self.fail(SessionError::Engine(EngineFault::ShuttingDown)),
            Input::AudioAttached if self.accepts_audio() => self.state = State::Streaming { heard: now },
            Input::AudioHeard => self.heard(now),
            Input::Progress(progress) if self.is_streaming() => self.advance(now, progress),
            Input::Complete(progress) if self.is_streaming() => self.complete(now, progress),
            Input::Enough(progress) if self.is_streaming() => self.decide(now, progress),
            Input::AudioEnded(progress) if self.is_streaming() => self.audio_ended(now, progress),
            Input::AudioFailed(fault, progress) if self.is_streaming() => {
                self.progress = progress;
                self.fail(SessionError::Audio(fault));
            }
            Input::Measured(measured) => self.inferred(Ok(measured)),
            Input::InferenceFailed(fault) => self.inferred(Err(fault)),
            // Late or repeated: the state it belongs to is over.
            _ => {}
        }
    }

    /// Lets time pass: whatever is due at `now` happens.
    pub fn handle_timeout(&mut self, now: Instant) {
        let times = self.rules.timeouts;
        let too_old = now >= self.started + times.max_age;
        match self.state {
            State::Over => {}
            State::Deciding { since } => {
                if now >= since + times.decision {
                    self.fail(SessionError::Engine(EngineFault::TimedOut));
                }
            }
            State::AwaitingAudio if now >= self.started + times.audio_start => {
                self.fail(SessionError::Audio(AudioFault::NeverStarted(times.audio_start)));
            }
            // The rest of the last block does not come.
            State::Streaming { heard }
                if self.is_complete() && (too_old || now >= heard + times.audio_idle) =>
            {
                self.decide(now, self.progress);
            }
            State::Streaming { heard } if now >= heard + times.audio_idle => {
                self.fail(SessionError::Audio(AudioFault::Idle(times.audio_idle)));
            }
            State::AwaitingReattach { until } if now >= until => self.fail(self.ended_early()),
            State::AwaitingAudio | State::Streaming { .. } | State::AwaitingReattach { .. } => {
                if too_old {
                    self.fail(SessionError::Audio(AudioFault::SessionTooOld(times.max_age)));
                }
            }
        }
    }

    /// The next thing to do, if any.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Machine::handle_timeout`] must be called next; `None` once the session is over.
    pub fn deadline(&self) -> Option<Instant> {
        let times = self.rules.timeouts;
        let too_old = self.started + times.max_age;
        match self.state {
            State::AwaitingAudio => Some(too_old.min(self.started + times.audio_start)),
            State::Streaming { heard } => Some(too_old.min(heard + times.audio_idle)),
            State::AwaitingReattach { until } => Some(too_old.min(until)),
            State::Deciding { since } => Some(since + times.decision),
            State::Over => None,
        }
    }

    /// Whether an audio connection may be given to this session now.
    pub const fn accepts_audio(&self) -> bool {
        matches!(self.state, State::AwaitingAudio | State::AwaitingReattach { .. })
    }

    /// Where it stands.
    pub const fn stage(&self) -> Stage {
        match self.state {
            State::AwaitingAudio | State::AwaitingReattach { .. } => Stage::Ready,
            State::Streaming { .. } => Stage::Streaming,
            State::Deciding { .. } => Stage::Deciding,
            State::Over => Stage::Over,
        }
    }

    /// Whether the session is over.
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    const fn is_streaming(&self) -> bool {
        matches!(self.state, State::Streaming { .. })
    }

    fn heard(&mut self, now: Instant) {
        if let State::Streaming { heard } = &mut self.state {
            *heard = now;
        }
    }

    fn advance(&mut self, now: Instant, progress: Progress) {
        self.heard(now);
        self.progress = progress;
        self.outputs.push_back(Output::Emit(Event::vad_status(&progress)));
        let limit = self.rules.timeouts.max_stream;
        if progress.received > limit.as_secs_f64() {
            self.fail(SessionError::Audio(AudioFault::TooLong(limit)));
        }
    }

    fn complete(&mut self, now: Instant, progress: Progress) {
        self.heard(now);
        self.progress = progress;
        self.infer();
    }

    /// Whether the speech asked for is there, or whatever there is has to do.
    const fn is_complete(&self) -> bool {
        !matches!(self.inference, Inference::NotBegun)
    }

    fn infer(&mut self) {
        if !self.is_complete() {
            self.inference = Inference::Begun;
            self.outputs.push_back(Output::StartInference);
        }
    }

    fn decide(&mut self, now: Instant, progress: Progress) {
        self.progress = progress;
        self.outputs.push_back(Output::Emit(Event::vad_status(&progress)));
        self.outputs.push_back(Output::StopAudio);
        self.state = State::Deciding { since: now };
        self.infer();
        if let Inference::Done(result) = std::mem::replace(&mut self.inference, Inference::Begun) {
            self.inferred(*result);
        }
    }

    /// Tells what came of the inference, or keeps it until it is to be told. What comes unasked is dropped.
    fn inferred(&mut self, result: Result<Measurement, EngineFault>) {
        match (self.state, &self.inference) {
            (State::Deciding { .. }, _) => match result {
                Ok(measured) => self.conclude(measured),
                Err(fault) => self.fail(SessionError::Engine(fault)),
            },
            (State::Streaming { .. }, Inference::Begun) => self.inference = Inference::Done(Box::new(result)),
            _ => {}
        }
    }

    fn audio_ended(&mut self, now: Instant, progress: Progress) {
        self.progress = progress;
        let grace = self.rules.timeouts.reattach_grace;
        if self.is_complete() || self.rules.accept_short && progress.net_speech >= MIN_SPEECH_SECONDS {
            self.decide(now, progress);
        } else if grace.is_zero() {
            self.fail(self.ended_early());
        } else {
            self.state = State::AwaitingReattach { until: now + grace };
        }
    }

    fn ended_early(&self) -> SessionError {
        SessionError::Audio(AudioFault::EndedEarly {
            collected: self.progress.audio_seconds,
            wanted: self.rules.wanted,
        })
    }

    /// What a countermeasure rejects is reported as a spoof, whatever the score. Of the score's threshold, equality passes.
    fn conclude(&mut self, measured: Measurement) {
        let genuine = !measured.response.rejects();
        let similar = match measured.finding {
            Finding::Registered(_) => true,
            Finding::Verified(score) => self.rules.score.passes_score(score),
        };
        let event = match (genuine, similar) {
            (false, _) => Event::fail_spoof(measured, &self.progress),
            (true, false) => Event::fail_score(measured, &self.progress),
            (true, true) => Event::success(measured, &self.progress),
        };
        self.outputs.push_back(Output::Emit(event));
        self.end();
    }

    fn fail(&mut self, error: SessionError) {
        self.outputs.push_back(Output::Emit(Event::error(&error, Some(&self.progress))));
        self.end();
    }

    fn end(&mut self) {
        if self.is_streaming() {
            self.outputs.push_back(Output::StopAudio);
        }
        self.state = State::Over;
        self.outputs.push_back(Output::Ended);
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
