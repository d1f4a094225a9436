//! Poor speech is told from good, and what follows is what the operator and the tenant want: a word beside the result, no
//! result, or a result that is doubtful.

use crate::support::carrier::Carrier;
use crate::support::rest::Rest;
use crate::support::signalling::{Client, Event};
use crate::support::{TestServer, call, engine, mulaw, register_request, serve, verify_request};
use peakstream::quality::Gates;
use peakstream::{Action, AudioFormat, CallSpec, ChannelType, Encoding, Gate, SampleRate, Voices};
use peakstream_evaluation::channel::Simulation;
use peakstream_server::session::policy::{Doubt, GateSetting};
use reqwest::Method;
use serde_json::{Value, json};

/// A recorded call at 8 kHz, sent through a line.
fn through(line: &str, samples: &[i16]) -> Vec<i16> {
    let line: Simulation = line.parse().unwrap();
    let wide: Vec<f32> = samples.iter().flat_map(|s| [f32::from(*s) / 32_768.0; 2]).collect();
    line.apply(&wide, &[], 1).unwrap().samples
}

/// A call in which somebody else takes over after two seconds.
fn taken_over() -> Vec<i16> {
    [&call("allison-en-enrol.wav")[..16_000], &call("other-man-it.wav")[..64_000]].concat()
}

async fn result(server: &TestServer, kind: &str, request: &Value, call_id: &str, samples: &[i16]) -> Event {
    let mut client = Client::start(server, kind, request).await;
    let carrier = Carrier::start(server, call_id).await;
    let audio = mulaw(samples);
    tokio::join!(client.outcome(), carrier.play(&audio, 800)).0
}

async fn register(server: &TestServer, call_id: &str, samples: &[i16]) -> Event {
    result(server, "register", &register_request(call_id), call_id, samples).await
}

fn reasons(event: &Event) -> Vec<&str> {
    let quality = event.data()["quality"].as_array().map(Vec::as_slice).unwrap_or_default();
    quality.iter().map(|one| one["reason"].as_str().unwrap()).collect()
}

fn tenant_says(server: &TestServer, gates: &[&str], doubt: Option<Doubt>) {
    let gates: Vec<GateSetting> = gates.iter().map(|text| text.parse().unwrap()).collect();
    server.edit(|file| {
        let tenant = file.tenant_mut("default")?;
        (tenant.gates, tenant.doubt) = (gates, doubt);
        Ok(())
    });
}

/// Rejected below the one, accepted from the other.
fn band(low: &str, high: &str) -> Doubt {
    let bound = |text: &str| Some(text.parse().unwrap());
    Doubt { reject_below: bound(low), accept_from: bound(high), ..Doubt::default() }
}

/// What all gates together say of a call, whatever they are set to do.
fn gates_that_fire(samples: &[i16], declared: Encoding) -> Vec<Gate> {
    let format = AudioFormat::mono(declared, SampleRate::Hz8000);
    let spec = CallSpec { format, channel_type: ChannelType::Telephone, wanted: 5.0 };
    let mut stream = engine().open(spec).unwrap();
    stream.tolerate_mismatch();
    stream.push_all(&mulaw(samples));
    let mut gates = Gates::for_registration();
    for gate in Gate::ALL {
        gates.set(gate, peakstream::quality::Setting { action: Action::Warn, limit: None });
    }
    engine().judge(&stream.finish(), &gates).iter().map(|shortfall| shortfall.gate).collect()
}

#[test]
fn every_gate_notices_what_it_is_for_and_lets_recorded_callers_pass() {
    for good in ["allison-en-enrol.wav", "allison-es-verify.wav", "other-man-it.wav", "other-woman-fr.wav"] {
        assert_eq!(gates_that_fire(&call(good), Encoding::MuLaw), [], "{good}");
    }
    let caller = call("allison-en-enrol.wav");
    for (gate, samples) in [
        (Gate::NetSpeech, caller[..20_000].to_vec()),
        (Gate::SignalNoiseRatio, through("noise:pink:3dB+mulaw", &caller)),
        (Gate::Clipping, through("clip:5%+mulaw", &caller)),
        (Gate::BandLimitation, through("band:muffled+mulaw", &caller)),
        (Gate::BandLimitation, through("band:thin+mulaw", &caller)),
        (Gate::MultipleSpeakers, taken_over()),
        (Gate::Music, through("noise:music:-3dB+mulaw", &caller)),
    ] {
        let fired = gates_that_fire(&samples, Encoding::MuLaw);
        assert!(fired.contains(&gate), "{gate}: {fired:?}");
    }
    assert!(gates_that_fire(&caller, Encoding::ALaw).contains(&Gate::CodecMismatch));
}

#[tokio::test(flavor = "multi_thread")]
async fn poor_speech_is_told_beside_the_result_and_good_speech_says_nothing() {
    let server = serve(|_| ()).await;
    let good = register(&server, "good", &call("allison-en-enrol.wav")).await;
    assert_eq!((good.name.as_str(), good.data().get("quality")), ("result-success", None));
    let noisy = through("noise:pink:3dB+mulaw", &call("allison-en-enrol.wav"));
    let poor = register(&server, "poor", &noisy).await;
    assert_eq!(poor.name, "result-success", "a warning changes no result");
    assert!(reasons(&poor).contains(&"signal_noise_ratio"), "{:?}", poor.data());
    let one = &poor.data()["quality"][0];
    assert_eq!((&one["limit"], &one["unit"]), (&json!(8.0), &json!("dB")));
    assert!(one["value"].as_f64().unwrap() < 8.0);

    let two = taken_over();
    assert_eq!(reasons(&register(&server, "two", &two).await), ["multiple_speakers"]);
    server.becomes_idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_refuses_ends_the_session_with_the_batch_apis_words_over_both_channels() {
    let server =
        serve(|config| config.sessions.quality_gates = vec!["signal_noise_ratio=refuse".parse().unwrap()])
            .await;
    let noisy = through("noise:pink:3dB+mulaw", &call("allison-en-enrol.wav"));
    let refused = register(&server, "noisy", &noisy).await;
    assert_eq!(refused.name, "error-das-Peak");
    let data = refused.data();
    assert_eq!(
        (&data["exception"], &data["error"]),
        (&json!("SignalNoiseRatioException"), &json!("Noise level exceeded"))
    );
    assert_eq!((reasons(&refused), refused.audio.is_none()), (vec!["signal_noise_ratio"], true));

    let rest = Rest::of(&server);
    let session = &refused.data()["session_id"].as_str().unwrap();
    let record = rest.send(rest.request(Method::GET, &format!("/register_session/{session}"))).await.json();
    assert_eq!((&record["status"], &record["exception"]), (&json!("error"), &data["exception"]));
    assert_eq!(record["quality"], data["quality"]);

    // The tenant's word counts more than the server's.
    tenant_says(&server, &["register.signal_noise_ratio=warn", "multiple_speakers=refuse"], None);
    assert_eq!(register(&server, "noisy", &noisy).await.name, "result-success");
    let two = taken_over();
    let refused = register(&server, "two", &two).await;
    assert_eq!(
        (&refused.data()["exception"], &refused.data()["error"]),
        (&json!("InsufficientQuality"), &json!("The audio quality is not good enough"))
    );
    server.becomes_idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_the_wrong_codec_goes_on_where_the_tenant_only_wants_to_be_told() {
    let server = serve(|_| ()).await;
    let mut request = register_request("alaw");
    request["metadata"]["audio_codec"] = json!("alaw");
    let audio = call("allison-en-enrol.wav");
    let refused = result(&server, "register", &request, "alaw", &audio).await;
    assert_eq!(refused.name, "error-audio");
    assert!(
        refused.content().contains("declared as A-law, but it looks like mu-law"),
        "{}",
        refused.content()
    );
    tenant_says(&server, &["codec_mismatch=warn"], None);
    // What A-law makes of it may hold too little speech for a result; but the call was heard to its end.
    let told = result(&server, "register", &request, "alaw", &audio).await;
    assert!(!told.content().contains("looks like"), "{}", told.content());
    assert!(
        told.name.starts_with("error-") || reasons(&told).contains(&"codec_mismatch"),
        "{:?}",
        told.data()
    );
    server.becomes_idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubtful_result_says_so_beside_the_documented_one_and_only_if_it_is_wanted() {
    let server = serve(|_| ()).await;
    let enrolled = register(&server, "enrol", &call("allison-en-enrol.wav")).await;
    assert!(enrolled.data().get("outcome").is_none(), "off by default");
    let credential = enrolled.data()["credential"].as_str().unwrap();
    let verify = async |call_id: &str, samples: &[i16]| {
        result(&server, "verify", &verify_request(call_id, credential), call_id, samples).await
    };
    tenant_says(&server, &[], Some(band("0", "1")));
    let doubtful = verify("verify", &call("allison-en-verify.wav")).await;
    assert_eq!((doubtful.name.as_str(), &doubtful.data()["outcome"]), ("result-success", &json!("doubtful")));
    let other = verify("other", &call("other-man-it.wav")).await;
    assert_eq!((other.name.as_str(), &other.data()["outcome"]), ("result-fail-score", &json!("doubtful")));

    // By name, the calibration says where the band lies; a name that it does not know accepts and rejects nobody.
    tenant_says(&server, &[], Some(band("far=1%", "far=0.1%")));
    let named = verify("verify", &call("allison-en-verify.wav")).await;
    let engine = engine();
    let calibration = engine.calibration(ChannelType::Telephone);
    let bound = |name: &str| calibration.threshold(name.parse().unwrap(), Voices::Whole).unwrap().value();
    let expected = match named.data()["score"].as_f64().unwrap() {
        score if score < bound("far=1%") => "rejected",
        score if score < bound("far=0.1%") => "doubtful",
        _ => "accepted",
    };
    assert_eq!(named.data()["outcome"], expected, "{:?}", named.data());
    tenant_says(&server, &[], Some(band("far=5%", "far=5%")));
    for samples in [call("allison-en-verify.wav"), call("other-man-it.wav")] {
        assert_eq!(verify("unknown", &samples).await.data()["outcome"], "doubtful");
    }

    tenant_says(&server, &[], Some(Doubt { poor_quality: true, ..Doubt::default() }));
    let accepted = verify("verify", &call("allison-en-verify.wav")).await;
    assert_eq!((accepted.name.as_str(), &accepted.data()["outcome"]), ("result-success", &json!("accepted")));
    let noisy = through("noise:pink:3dB+mulaw", &call("allison-en-verify.wav"));
    let poor = verify("poor", &noisy).await;
    assert_eq!(poor.data()["outcome"], "doubtful", "{:?}", poor.data());
    let rejected = verify("other", &call("other-woman-fr.wav")).await;
    assert_eq!(
        (rejected.name.as_str(), &rejected.data()["outcome"]),
        ("result-fail-score", &json!("rejected"))
    );
    server.becomes_idle().await;
}
