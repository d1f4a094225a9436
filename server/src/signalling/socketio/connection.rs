//! In: the messages of one session. Out: answers, and for each joined namespace the task of a client that has asked for
//! something. Everything in here happens as one step per packet, under the lock of the session.

use std::sync::Arc;

use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::access::{Introduction, Refused, admit};
use super::member::Member;
use super::packet::{Body, Packet, PacketError, event, write_connect, write_connect_error, write_disconnect};
use super::{Namespace, Role, Shared};
use crate::session::request::Kind;
use crate::signalling::client::{Client, WireFormat};
use crate::signalling::engineio::machine::{End, Machine};
use crate::signalling::engineio::packet::Frame;
use crate::signalling::engineio::session::{Handler, Session};
use crate::tenant::keyring::Principal;

/// `initialize` messages that may wait for the client's task: one, and a few that will be refused.
const INBOX: usize = 4;
/// The longest name of a namespace that is answered, in bytes: the answer repeats it.
const MAX_NAMESPACE: usize = 128;

/// What a session has joined.
pub(super) struct Connection {
    shared: Arc<Shared>,
    introduction: Introduction,
    joined: Vec<Joined>,
    /// A bit for each namespace that the server has left last: what the client still sends to it is late, not wrong.
    left_by_us: u8,
    /// Of the next member.
    number: u32,
    /// An event whose attachments are still to come.
    pending: Option<Pending>,
}

/// A namespace that is joined.
struct Joined {
    /// Which one, by its place among all.
    namespace: u8,
    /// Who leaves and joins again has another one.
    number: u32,
    /// What it may ask for.
    door: Door,
}

/// What can be asked for in a namespace.
enum Door {
    Nothing,
    Alive,
    Sessions(Box<Sessions>),
}

/// A client that may not have asked for anything yet: as long as it does not, it costs no task.
struct Sessions {
    kind: Kind,
    principal: Principal,
    wire: WireFormat,
    /// Dropped with the membership: that is how the client's task learns of its end.
    inbox: Option<mpsc::Sender<Value>>,
}

/// What an event means, before it is known to be complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Initialize,
    Alive,
    Nothing,
}

#[derive(Debug)]
struct Pending {
    /// `None` for an acknowledgement, and for an event of a namespace that nobody knows.
    event: Option<(u8, Meaning)>,
    missing: usize,
}

impl Handler for Connection {
    fn text(&mut self, message: &str, session: &Arc<Session<Self>>, machine: &mut Machine) {
        if self.packet(message, session, machine).is_err() {
            machine.close(End::Meaningless);
        }
    }

    fn binary(&mut self, _: Bytes, session: &Arc<Session<Self>>, machine: &mut Machine) {
        let Some(mut pending) = self.pending.take() else { return machine.close(End::Meaningless) };
        pending.missing -= 1;
        if pending.missing > 0 {
            self.pending = Some(pending);
        } else if let Some((namespace, meaning)) = pending.event {
            // No request has an attachment, so one with an attachment is answered like any other wrong one.
            if self.event(namespace, meaning, Value::Null, session, machine).is_err() {
                machine.close(End::Meaningless);
            }
        }
    }
}

impl Connection {
    pub(super) fn new(shared: Arc<Shared>, request: &Parts) -> Self {
        let introduction = Introduction::of(request);
        Self { shared, introduction, joined: Vec::new(), left_by_us: 0, number: 0, pending: None }
    }

    fn packet(
        &mut self,
        text: &str,
        session: &Arc<Session<Self>>,
        machine: &mut Machine,
    ) -> Result<(), PacketError> {
        if self.pending.is_some() {
            return Err(PacketError::Order);
        }
        let packet = Packet::decode(text)?;
        let all = &self.shared.namespaces;
        let known =
            all.iter().position(|known| known.name == packet.namespace).and_then(|at| u8::try_from(at).ok());
        match packet.body {
            Body::Connect(payload) => match known {
                Some(namespace) => self.connect(namespace, payload, machine),
                None if packet.namespace.len() > MAX_NAMESPACE => return Err(PacketError::Content),
                None => machine
                    .push_answer(Frame::message(&write_connect_error(packet.namespace, "Invalid namespace"))),
            },
            Body::Disconnect => {
                if let Some(namespace) = known {
                    self.joined.retain(|joined| joined.namespace != namespace);
                    self.left_by_us &= !(1 << namespace);
                }
            }
            Body::Event(json, attachments) => {
                let (meaning, body) = understood(json, attachments)?;
                match (known, attachments) {
                    (None, 0) => {}
                    (Some(namespace), 0) => self.event(namespace, meaning, body, session, machine)?,
                    (known, missing) => {
                        self.pending = Some(Pending { event: known.map(|at| (at, meaning)), missing });
                    }
                }
            }
            // Nobody asked for one.
            Body::Ack(_, 0) => {}
            Body::Ack(_, missing) => self.pending = Some(Pending { event: None, missing }),
            Body::ConnectError(_) => return Err(PacketError::Type),
        }
        Ok(())
    }

    /// Who has joined already is not asked again.
    fn connect(&mut self, namespace: u8, payload: &str, machine: &mut Machine) {
        if self.joined.iter().any(|joined| joined.namespace == namespace) {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let Namespace { name, role } = &shared.namespaces[usize::from(namespace)];
        // A payload that is no JSON proves nothing.
        let auth = serde_json::from_str(payload).ok();
        let answer = match self.door(*role, auth.as_ref()) {
            Err(refused) => write_connect_error(name, &refused.to_string()),
            Ok(door) => {
                self.left_by_us &= !(1 << namespace);
                self.number = self.number.wrapping_add(1);
                // Most join one.
                self.joined.reserve_exact(1);
                self.joined.push(Joined { namespace, number: self.number, door });
                machine.used();
                write_connect(name, &json!({"sid": public_id()}).to_string())
            }
        };
        machine.push_answer(Frame::message(&answer));
    }

    fn door(&self, role: Role, auth: Option<&Value>) -> Result<Door, Refused> {
        match role {
            Role::Main => Ok(Door::Nothing),
            Role::Alive => {
                if self.shared.config.alive_needs_token {
                    self.introduction.authenticate(&self.shared, auth)?;
                }
                Ok(Door::Alive)
            }
            Role::Sessions(kind) => {
                let principal = self.introduction.authenticate(&self.shared, auth)?;
                admit(&self.shared, kind, &principal)?;
                let wire = self.introduction.wire(self.shared.config.wire, auth)?;
                Ok(Door::Sessions(Box::new(Sessions { kind, principal, wire, inbox: None })))
            }
        }
    }

    /// Acts on an event of a namespace that exists.
    fn event(
        &mut self,
        namespace: u8,
        meaning: Meaning,
        body: Value,
        session: &Arc<Session<Self>>,
        machine: &mut Machine,
    ) -> Result<(), PacketError> {
        let Some(joined) = self.joined.iter_mut().find(|joined| joined.namespace == namespace) else {
            let late = self.left_by_us & (1 << namespace) != 0;
            return if late { Ok(()) } else { Err(PacketError::Order) };
        };
        match (&mut joined.door, meaning) {
            (Door::Sessions(sessions), Meaning::Initialize) => {
                let member = || {
                    Member::new(
                        session,
                        joined.number,
                        self.shared.namespaces[usize::from(namespace)].name.as_str(),
                    )
                };
                sessions.initialize(&self.shared, member, body);
            }
            (Door::Alive, Meaning::Alive) => {
                let number = joined.number;
                if let Some(frame) = self.leave(number) {
                    machine.push_answer(frame);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether this member has neither left nor been left.
    pub(super) fn has(&self, number: u32) -> bool {
        self.joined.iter().any(|joined| joined.number == number)
    }

    /// Ends a membership; `None` if it has ended. What comes out has to be sent.
    pub(super) fn leave(&mut self, number: u32) -> Option<Frame> {
        let at = self.joined.iter().position(|joined| joined.number == number)?;
        let namespace = self.joined.swap_remove(at).namespace;
        self.left_by_us |= 1 << namespace;
        let name = &self.shared.namespaces[usize::from(namespace)].name;
        Some(Frame::message(&write_disconnect(name)))
    }
}

impl Sessions {
    fn initialize(&mut self, shared: &Shared, member: impl FnOnce() -> Member, body: Value) {
        let inbox = self.inbox.get_or_insert_with(|| {
            let (sender, inbox) = mpsc::channel(INBOX);
            let client = Client {
                member: member(),
                kind: self.kind,
                principal: self.principal.clone(),
                wire: self.wire,
            };
            let signalling = Arc::clone(&shared.signalling);
            shared.signalling.sessions.tasks.spawn(client.serve(signalling, inbox));
            sender
        });
        if inbox.try_send(body).is_err() {
            // Full: more than one `initialize` and its refusals at once. Closed: the session has ended.
            tracing::debug!("an initialize message was discarded");
        }
    }
}

/// Reads an event: what it means, and the body of an `initialize`. One that is missing, or that is too deep to be a
/// request, is like any other wrong one.
fn understood(json: &str, attachments: usize) -> Result<(Meaning, Value), PacketError> {
    let (name, mut arguments) = event(json)?;
    let first = arguments.next().transpose()?;
    for rest in arguments {
        rest?;
    }
    Ok(match name.as_str() {
        "initialize" if attachments == 0 => {
            (Meaning::Initialize, first.and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default())
        }
        "initialize" => (Meaning::Initialize, Value::Null),
        "alive" => (Meaning::Alive, Value::Null),
        _ => (Meaning::Nothing, Value::Null),
    })
}

/// The Socket.IO session id, which clients show around: not that of the Engine.IO session, which is a secret.
fn public_id() -> String {
    URL_SAFE_NO_PAD.encode(uuid::Uuid::new_v4().as_bytes())
}
