//! Shutdown: every session hears of it, every audio connection is closed with 1001, and it is over in time.

use std::time::Duration;

use crate::support::carrier::Carrier;
use crate::support::signalling::{Client, Packet};
use crate::support::{call, mulaw, register_request, serve};
use tokio::time::{Instant, timeout};

#[tokio::test(flavor = "multi_thread")]
async fn sessions_get_their_terminal_event_and_carriers_1001() {
    let server = serve(|_| ()).await;
    let mut waiting = Client::start(&server, "register", &register_request("waiting")).await;
    let mut live = Client::start(&server, "register", &register_request("live")).await;
    let mut carrier = Carrier::start(&server, "live").await;
    carrier.media(&mulaw(&call("allison-en-enrol.wav"))[..8000]).await;
    live.event().await;
    let mut parked = Carrier::start(&server, "nobody").await;
    let mut silent = Carrier::connect(&server).await;
    let mut joined = Client::join(&server, "/verify").await;

    let begun = Instant::now();
    let stopping = tokio::spawn(server.running.shutdown());
    for client in [&mut waiting, &mut live] {
        let event = client.outcome().await;
        assert_eq!(event.name, "error-das-Peak");
        assert_eq!(event.data()["exception"], "ServiceUnavailable");
    }
    for carrier in [&mut carrier, &mut parked, &mut silent] {
        assert_eq!(carrier.closed().await, 1001);
    }
    assert!(matches!(joined.next().await, Packet::Disconnected | Packet::Closed));
    drop((waiting, live, joined, carrier, parked, silent));
    timeout(Duration::from_secs(10), stopping).await.unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_leave_cannot_hold_it_up() {
    let server = serve(|config| config.limits.shutdown_timeout = Duration::from_millis(500)).await;
    let _stubborn = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    let _silent = Carrier::connect(&server).await;
    timeout(Duration::from_secs(5), server.running.shutdown()).await.unwrap();
}
