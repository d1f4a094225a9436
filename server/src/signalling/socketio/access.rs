//! In: what a client says about itself when it joins: the payload of its CONNECT, a header and the query of the request
//! that began its session. Out: who it is and how it wants its events, or the text of a CONNECT_ERROR.

use std::time::Instant;

use axum::http::header;
use axum::http::request::Parts;
use serde_json::Value;

use super::Shared;
use crate::sensitive::Sensitive;
use crate::session::request::Kind;
use crate::signalling::access::Access;
use crate::signalling::client::WireFormat;
use crate::signalling::token::bearer;
use crate::tenant::keyring::Principal;
use crate::tenant::scope::Scope;

/// Why a client may not join; the text is the CONNECT_ERROR's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("Unauthorized")]
    Unauthorized,
    #[error("Insufficient scope")]
    InsufficientScope,
    #[error("Too many requests")]
    TooManyRequests,
    #[error("Invalid {0}")]
    Option(&'static str),
}

/// What is kept of the request that began a session, as long as the session: it may join another namespace.
#[derive(Debug)]
pub(super) struct Introduction {
    /// The token of the header.
    bearer: Option<Sensitive<Box<str>>>,
    /// Those members of the query that mean something here.
    query: Vec<(Member, Sensitive<Box<str>>)>,
}

/// A member of the query or the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    AccessToken,
    EventArgs,
    PayloadEncoding,
}

impl Member {
    const ALL: [Self; 3] = [Self::AccessToken, Self::EventArgs, Self::PayloadEncoding];

    const fn name(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::EventArgs => "event_args",
            Self::PayloadEncoding => "payload_encoding",
        }
    }
}

impl Introduction {
    pub(super) fn of(request: &Parts) -> Self {
        let authorization = request.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let mut query = Vec::new();
        for (name, value) in form_urlencoded::parse(request.uri.query().unwrap_or_default().as_bytes()) {
            let member = Member::ALL.into_iter().find(|member| member.name() == name);
            // The first of a name counts.
            if let Some(member) = member.filter(|member| query.iter().all(|(known, _)| known != member)) {
                query.reserve_exact(1);
                query.push((member, Sensitive::new(value.into())));
            }
        }
        Self { bearer: authorization.and_then(bearer).map(|token| Sensitive::new(token.into())), query }
    }

    fn member(&self, member: Member) -> Option<&str> {
        self.query.iter().find(|(known, _)| *known == member).map(|(_, value)| value.expose().as_ref())
    }

    /// The header, the payload `{"token"}` or `{"Authorization"}`, the query's `access_token`: the first that is there.
    fn token<'a>(&'a self, auth: Option<&'a Value>) -> Option<&'a str> {
        let payload = |name| auth.and_then(|auth| auth.get(name)).and_then(Value::as_str);
        let header = self.bearer.as_ref().map(|token| token.expose().as_ref());
        header
            .or_else(|| payload("token"))
            .or_else(|| payload("Authorization").and_then(bearer))
            .or_else(|| self.member(Member::AccessToken))
    }

    /// Who it is, if it has to prove it.
    pub(super) fn authenticate(&self, shared: &Shared, auth: Option<&Value>) -> Result<Principal, Refused> {
        match &shared.config.access {
            Access::Open(anybody) => Ok(anybody.clone()),
            Access::Proven => {
                let token = self.token(auth).ok_or(Refused::Unauthorized)?;
                shared.signalling.sessions.keyring.token(token).map_err(|_| Refused::Unauthorized)
            }
        }
    }

    /// How its events look, by the options in the payload or the query.
    pub(super) fn wire(&self, default: WireFormat, auth: Option<&Value>) -> Result<WireFormat, Refused> {
        let option = |member: Member| {
            let payload = auth.and_then(|auth| auth.get(member.name())).and_then(Value::as_str);
            payload.or_else(|| self.member(member))
        };
        let mut wire = default;
        if let Some(args) = option(Member::EventArgs) {
            wire.args = args.parse().map_err(|_| Refused::Option(Member::EventArgs.name()))?;
        }
        if let Some(encoding) = option(Member::PayloadEncoding) {
            wire.encoding = encoding.parse().map_err(|_| Refused::Option(Member::PayloadEncoding.name()))?;
        }
        Ok(wire)
    }
}

/// Whether it may join a namespace, and now.
pub(super) fn admit(shared: &Shared, kind: Kind, principal: &Principal) -> Result<(), Refused> {
    if !principal.scopes.contains(Scope::from(kind)) {
        return Err(Refused::InsufficientScope);
    }
    let sessions = &shared.signalling.sessions;
    let limits = sessions.keyring.limits(&principal.tenant);
    let counted = sessions.limiter.request(&principal.tenant, &limits, 0, Instant::now());
    counted.map_err(|_| Refused::TooManyRequests)
}
