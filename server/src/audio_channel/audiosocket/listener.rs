//! In: the port for Asterisk. Out: a task for each of its connections.
//!
//! The protocol has no authentication: whoever reaches the port may send audio for any call of its tenant. It belongs on a
//! loopback or private address.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::audio_channel::audiosocket::feed;
use crate::ids::Tenant;
use crate::listener::Slots;
use crate::session::actor::SessionServices;

/// After accepting failed (no file descriptors left), before it is tried again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections until the shutdown begins. Each occupies a slot among those of all connections; without a free one
/// it is closed.
pub async fn serve(listener: TcpListener, tenant: Tenant, slots: Slots, services: Arc<SessionServices>) {
    if listener.local_addr().is_ok_and(|address| !address.ip().is_loopback()) {
        tracing::warn!("AudioSocket has no authentication: its port must be reachable by Asterisk only");
    }
    loop {
        let accepted = tokio::select! {
            biased;
            () = services.shutdown.begun() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "an AudioSocket connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some(slot) = slots.take() else {
            tracing::debug!("an AudioSocket connection found no free slot");
            continue;
        };
        let (tenant, services) = (tenant.clone(), Arc::clone(&services));
        services.tasks.clone().spawn(async move {
            let _slot = slot;
            feed::serve(stream, tenant, services).await;
        });
    }
}
