//! Whoever leaves, at whatever stage: the session ends, its audio is closed, and nothing is left.

use crate::support::carrier::Carrier;
use crate::support::signalling::Client;
use crate::support::{call, mulaw, register_request, serve};

#[tokio::test(flavor = "multi_thread")]
async fn at_every_stage_and_in_every_way() {
    let server = serve(|_| ()).await;
    let audio = mulaw(&call("allison-en-enrol.wav"));
    for politely in [true, false] {
        for stage in ["joined", "ready", "attached", "streaming", "deciding"] {
            let mut client = Client::join(&server, "/socket.io/register").await;
            let mut carrier = None;
            if stage != "joined" {
                client.emit("initialize", &register_request("gone")).await;
                assert_eq!(client.event().await.name, "info-consumer-ready");
            }
            if ["attached", "streaming", "deciding"].contains(&stage) {
                carrier = Some(Carrier::start(&server, "gone").await);
            }
            if let Some(carrier) = &mut carrier {
                let seconds = match stage {
                    "attached" => 0,
                    "streaming" => 1,
                    _ => 25,
                };
                for piece in audio.chunks(8000).take(seconds) {
                    carrier.media(piece).await;
                }
                if stage == "attached" {
                    // A call whose client has gone before it was seen would be refused, as any call without a session.
                    carrier.heard().await;
                }
                if seconds > 0 {
                    client.event().await;
                }
            }
            if politely {
                client.leave().await;
            } else {
                drop(client);
            }
            if let Some(mut carrier) = carrier {
                assert_eq!(carrier.closed().await, 1000, "{stage}");
            }
            server.becomes_idle().await;
        }
    }
}
