//! In: one connection that was let in. Out: its call's audio in sessions, and the protocol kept to its end.
//!
//! One task owns the socket, the protocol's machine and the call's link to its session. Everything it waits for, it waits
//! for at once, so that a ping is answered whatever else goes on. While a call is parked there is none of the audio side.

use std::sync::Arc;

use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use crate::audio_channel::audiohook::calls::{Entry, HandOver, Legacy};
use crate::audio_channel::audiohook::exchange::{Command, Opening, Output};
use crate::audio_channel::audiohook::link::{Change, Link};
use crate::audio_channel::audiohook::machine::Machine;
use crate::audio_channel::audiohook::message::CloseReason;
use crate::audio_channel::audiohook::outcome::Outcome;
use crate::audio_channel::audiohook::upgrade::{Admitted, AfterResult, AudioHook};
use crate::audio_channel::message_socket::{Incoming, MessageSocket, WireClose};
use crate::audio_channel::wire::CloseCode;
use crate::session::actor::SessionServices;
use crate::session::registry::CallKey;

/// The documented limit of both sides, for text and audio.
pub const MAX_MESSAGE_BYTES: usize = 64_000;

/// How a connection ends.
enum End {
    Close(CloseCode, &'static str),
    Broken(WireClose),
    /// The other side closed or vanished.
    Gone,
}

/// Serves one connection until its end.
pub async fn serve(
    socket: MessageSocket,
    admitted: Admitted,
    audiohook: Arc<AudioHook>,
    services: Arc<SessionServices>,
) {
    let _counted = services.registry.audio_connected();
    tracing::debug!(correlation = admitted.correlation_id, "AudioHook connection");
    let Admitted { tenant, session_id, organization_id, .. } = admitted;
    let byte_order = audiohook.settings.byte_order;
    let machine = Machine::new(&session_id, &organization_id, byte_order, now());
    let (link, entry, outputs, stopping) = (None, None, None, false);
    let tenant = Whose { tenant, session_id };
    let mut connection = Box::new(Connection {
        socket,
        machine,
        link,
        entry,
        outputs,
        stopping,
        whose: tenant,
        audiohook,
        services,
    });
    let end = connection.run().await;
    connection.leave(&end);
    let Connection { socket, .. } = *connection;
    match end {
        End::Close(code, reason) => socket.close(code, reason).await,
        End::Broken(why) => socket.close_broken(why).await,
        End::Gone => socket.finish().await,
    }
}

struct Whose {
    tenant: crate::ids::Tenant,
    session_id: String,
}

struct Connection {
    socket: MessageSocket,
    machine: Machine,
    link: Option<Link>,
    entry: Option<Entry>,
    /// What became of the last session, for the flow.
    outputs: Option<Value>,
    stopping: bool,
    whose: Whose,
    audiohook: Arc<AudioHook>,
    services: Arc<SessionServices>,
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

impl Connection {
    async fn run(&mut self) -> End {
        loop {
            if let Some(end) = self.act().await {
                return end;
            }
            let on_hold = self.machine.is_waiting_for_audio();
            let deadline = self.machine.deadline().map(Instant::from_std);
            tokio::select! {
                biased;
                () = self.services.shutdown.begun(), if !self.stopping => {
                    self.stopping = true;
                    self.machine.handle_command(now(), Command::Stop);
                }
                change = changed(&mut self.link, on_hold) => self.follow(change),
                request = asked(&mut self.entry) => self.hand_over(request),
                incoming = self.socket.receive() => match incoming {
                    Incoming::Text(text) => self.machine.handle_text(now(), &text),
                    Incoming::Binary(bytes) => self.machine.handle_binary(now(), &bytes),
                    Incoming::Gone => return End::Gone,
                    Incoming::Broken(why) => return End::Broken(why),
                },
                () = due(deadline) => self.machine.handle_timeout(now()),
            }
        }
    }

    /// Does what the machine asks for.
    async fn act(&mut self) -> Option<End> {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Send(text) => {
                    if !self.socket.send(text).await {
                        return Some(End::Gone);
                    }
                }
                Output::Audio(bytes) => {
                    if let Some(link) = &mut self.link {
                        link.push(bytes);
                    }
                }
                Output::Opening(opening) => self.open(*opening).await,
                Output::Closing(reason) => self.finish(reason),
                Output::Failed(rule) => {
                    tracing::info!(rule, "an AudioHook client broke a rule");
                    if let Some(mut link) = self.link.take() {
                        link.abandon(Some(rule));
                    }
                }
                Output::Close(code, reason) => return Some(End::Close(code, reason)),
            }
        }
        None
    }

    /// Looks for the session of a call that begins.
    async fn open(&mut self, opening: Opening) {
        let Opening { call_id, continued, format } = opening;
        let key = CallKey { tenant: self.whose.tenant.clone(), call_id };
        let calls = &self.audiohook.calls;
        let legacy =
            if continued.is_empty() { None } else { calls.take_over(&key, &continued, format).await };
        self.entry = Some(calls.enter(key.clone(), &self.whose.session_id));
        let streaming = legacy.and_then(|legacy| {
            self.machine.handle_command(now(), Command::Known(legacy.position));
            legacy.streaming
        });
        let taken_over = streaming.is_some();
        let link = Link::new(&self.services, key, format, self.audiohook.settings.parking, streaming);
        let command = if taken_over {
            Some(Command::Answer(true))
        } else if !link.has_room() {
            Some(Command::Refuse("too many calls wait for a session"))
        } else if link.has_session() {
            // The session's own task answers at once; `opened` is sent with what it says.
            None
        } else {
            Some(Command::Answer(false))
        };
        if let Some(command) = command {
            self.machine.handle_command(now(), command);
        }
        self.link = Some(link);
    }

    fn follow(&mut self, change: Change) {
        let commands = match change {
            Change::Listen => vec![Command::Answer(true)],
            Change::Waits => vec![Command::Answer(false)],
            // A connection that ends with the result anyway need not be paused before.
            Change::Enough if self.ends_with_result() => Vec::new(),
            Change::Enough => vec![Command::Listen(false)],
            Change::Decided(outcome) => self.decided(outcome),
            Change::Finished(outcome) => {
                self.note(outcome.as_ref());
                vec![Command::Closed { outputs: self.outputs.take() }]
            }
            Change::NotWanted(info) => vec![Command::Disconnect { info, outputs: None }],
        };
        for command in commands {
            self.machine.handle_command(now(), command);
        }
    }

    /// A session is over: it is told, and the call ends or waits for the next one.
    fn decided(&mut self, outcome: Option<Outcome>) -> Vec<Command> {
        self.note(outcome.as_ref());
        let told = outcome.filter(|_| self.audiohook.settings.result_events);
        let mut commands: Vec<Command> =
            told.iter().map(|outcome| Command::Event(outcome.entity())).collect();
        if self.ends_with_result() {
            commands.push(Command::Disconnect { info: "result", outputs: self.outputs.take() });
        } else if !self.link.as_ref().is_some_and(Link::has_room) {
            commands.push(Command::Disconnect { info: "too many calls wait for a session", outputs: None });
        }
        commands
    }

    /// A flow that takes variables waits for the connection's end.
    fn ends_with_result(&self) -> bool {
        self.audiohook.settings.after_result == AfterResult::Disconnect || self.machine.takes_outputs()
    }

    fn note(&mut self, outcome: Option<&Outcome>) {
        if let Some(outcome) = outcome {
            self.outputs = Some(outcome.variables());
        }
    }

    /// The client ends the call; another connection may go on with it.
    fn finish(&mut self, reason: CloseReason) {
        if reason == CloseReason::Reconnect {
            self.leave_call();
        }
        match &mut self.link {
            Some(link) => link.finish(),
            None => {
                let outputs = self.outputs.take();
                self.machine.handle_command(now(), Command::Closed { outputs });
            }
        }
    }

    fn hand_over(&mut self, request: HandOver) {
        let HandOver { format, heir } = request;
        let Some(mut link) = self.link.take() else { return };
        let streaming = link.hand_over(format);
        let legacy = Legacy { streaming, position: self.machine.position() };
        if let Err(Legacy { streaming: Some(streaming), .. }) = heir.send(legacy) {
            // The other connection has gone meanwhile: it would have been its audio.
            self.services.tasks.spawn(streaming.ended());
        }
        self.entry = None;
        self.machine.handle_command(now(), Command::HandedOver);
    }

    /// The connection is over, or good for nothing.
    fn leave(&mut self, end: &End) {
        let (oddities, lost) = (self.machine.oddities(), self.machine.lost());
        tracing::debug!(?oddities, ?lost, "AudioHook connection ends");
        match end {
            End::Broken(why) => {
                if let Some(mut link) = self.link.take() {
                    link.abandon(Some(why.reason()));
                }
            }
            End::Gone | End::Close(..) => self.leave_call(),
        }
    }

    fn leave_call(&mut self) {
        if let Some(mut link) = self.link.take() {
            if let Some(entry) = self.entry.take().filter(|_| link.is_streaming()) {
                entry.leave_position(self.machine.position());
            }
            link.abandon(None);
        }
    }
}

async fn changed(link: &mut Option<Link>, on_hold: bool) -> Change {
    match link {
        Some(link) => link.next(on_hold).await,
        None => std::future::pending().await,
    }
}

async fn asked(entry: &mut Option<Entry>) -> HandOver {
    match entry {
        Some(entry) => entry.asked().await,
        None => std::future::pending().await,
    }
}

async fn due(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
