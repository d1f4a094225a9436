//! One call, sent in every format: the same score to the bit where nothing is lost, the same decision where something is.

use peakstream::Encoding;
use peakstream::audio::{encode, g722};
use serde_json::{Value, json};

use crate::support::carrier::Carrier;
use crate::support::signalling::Client;
use crate::support::{TestServer, call, mulaw, register_request, serve, verify_request};

const CALLER: &str = "allison-en-verify.wav";
const OTHER: &str = "other-man-it.wav";

/// One way to send a call.
struct Sent {
    name: &'static str,
    /// What is declared beside or instead of the documented values.
    declared: Value,
    bytes: Vec<u8>,
    /// Bytes of one message.
    piece: usize,
}

fn sent(name: &'static str, declared: Value, bytes: Vec<u8>, piece: usize) -> Sent {
    Sent { name, declared, bytes, piece }
}

fn bytes(samples: &[i16], encoding: Encoding) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(samples, encoding, &mut bytes);
    bytes
}

/// Interleaves the call with loud garbage on the other channel.
fn stereo(samples: &[i16], caller: usize) -> Vec<i16> {
    let mut noise = 1u32;
    let mut garbage = || {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 16) as i16
    };
    samples.iter().flat_map(|&s| if caller == 0 { [s, garbage()] } else { [garbage(), s] }).collect()
}

/// A WAV header, written from Microsoft's description: tag, bits, channels, rate, length of the data.
fn header(tag: u16, bits: u16, channels: u16, rate: u32, length: u32) -> Vec<u8> {
    let frame = channels * bits / 8;
    let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
    bytes.extend(tag.to_le_bytes());
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate * u32::from(frame)).to_le_bytes());
    bytes.extend(frame.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend(length.to_le_bytes());
    bytes
}

/// Ways that lose nothing of 16-bit samples at 8 kHz.
fn lossless(samples: &[i16]) -> Vec<Sent> {
    let little = bytes(samples, Encoding::Linear16Le);
    let pcm = |layout: &str| json!({"audio_codec": "pcm", "sample_format": layout});
    let two = |channel: u8| json!({"audio_codec": "pcm", "channels": "2", "channel": channel});
    let wav = |header: Vec<u8>, audio: Vec<u8>| [header, audio].concat();
    vec![
        sent("linear, low byte first", pcm("s16le"), little.clone(), 320),
        sent("a sample split across messages", pcm("s16le"), little.clone(), 161),
        sent("one byte more than a block", pcm("s16le"), little.clone(), 513),
        sent("large messages", pcm("s16le"), little.clone(), 32_000),
        sent("linear, high byte first", pcm("s16be"), bytes(samples, Encoding::Linear16Be), 320),
        sent("floats", pcm("f32le"), bytes(samples, Encoding::Float32Le), 640),
        sent("floats split across messages", pcm("f32le"), bytes(samples, Encoding::Float32Le), 333),
        sent("the first of two channels", two(1), bytes(&stereo(samples, 0), Encoding::Linear16Le), 640),
        sent("the second of two channels", two(2), bytes(&stereo(samples, 1), Encoding::Linear16Le), 643),
        sent(
            "a header in the stream, which contradicts what is declared",
            json!({"audio_format": "wav", "audio_codec": "mulaw"}),
            wav(header(1, 16, 1, 8_000, little.len() as u32), little.clone()),
            37,
        ),
        sent(
            "a header without a length",
            json!({"audio_format": "wav", "audio_codec": "pcm", "sample_rate": "16000"}),
            wav(header(1, 16, 1, 8_000, u32::MAX), little.clone()),
            320,
        ),
        sent(
            "floats in two channels behind a header",
            json!({"audio_format": "WAV", "audio_codec": "pcm", "channels": 2, "channel": 2}),
            wav(header(3, 32, 2, 8_000, 0), bytes(&stereo(samples, 1), Encoding::Float32Le)),
            1_000,
        ),
    ]
}

/// Ways that lose something, as codecs of telephony do.
fn lossy(samples: &[i16]) -> Vec<(Sent, Vec<Vec<u8>>)> {
    let pieces = |bytes: &[u8], piece: usize| bytes.chunks(piece).map(<[u8]>::to_vec).collect::<Vec<_>>();
    // The wide-band codecs get the call at 16 kHz: every sample twice, and what that folds up cut off by the engine.
    let wide: Vec<i16> = samples.iter().flat_map(|&sample| [sample, sample]).collect();
    let mut g722 = Vec::new();
    g722::Encoder::new().encode_all(&wide, &mut g722);
    let mut encoder = opus_rs::OpusEncoder::new(16_000, 1, opus_rs::Application::Voip).unwrap();
    encoder.bitrate_bps = 24_000;
    let packets = wide.chunks_exact(320).map(|frame| {
        let mut packet = vec![0; 1_500];
        let length = encoder.encode_i16(frame, 320, &mut packet).unwrap();
        packet.truncate(length);
        packet
    });
    let packets: Vec<_> = packets.collect();
    let alaw = bytes(samples, Encoding::ALaw);
    vec![
        (sent("mu-law", json!({}), vec![], 0), pieces(&mulaw(samples), 160)),
        (sent("A-law", json!({"audio_codec": "alaw"}), vec![], 0), pieces(&alaw, 160)),
        (sent("G.722", json!({"audio_codec": "g722"}), vec![], 0), pieces(&g722, 160)),
        (sent("Opus", json!({"audio_codec": "opus", "sample_rate": 48000}), vec![], 0), packets),
    ]
}

fn with(mut request: Value, declared: &Value) -> Value {
    for (member, value) in declared.as_object().unwrap() {
        request["metadata"][member] = value.clone();
    }
    request
}

async fn credential(server: &TestServer) -> String {
    let mut client = Client::start(server, "register", &register_request("enrol")).await;
    let carrier = Carrier::start(server, "enrol").await;
    let audio = mulaw(&call("allison-en-enrol.wav"));
    let (result, _) = tokio::join!(client.outcome(), carrier.play(&audio, 800));
    result.data()["credential"].as_str().unwrap().to_owned()
}

/// Name of the result, and its score with all its digits.
async fn verify(server: &TestServer, credential: &str, sent: &Sent) -> (String, String) {
    let call_id = sent.name.replace(' ', "-");
    let request = with(verify_request(&call_id, credential), &sent.declared);
    let mut client = Client::start(server, "verify", &request).await;
    let carrier = Carrier::start(server, &call_id).await;
    let (result, code) = tokio::join!(client.outcome(), carrier.play(&sent.bytes, sent.piece));
    assert_eq!(code, 1000, "{}: {result:?}", sent.name);
    (result.name.clone(), result.data()["score"].to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn case_103_104_every_lossless_framing_gives_the_same_score_to_the_bit() {
    let server = serve(|_| ()).await;
    let credential = credential(&server).await;
    for (file, decision) in [(CALLER, "result-success"), (OTHER, "result-fail-score")] {
        let samples = call(file);
        let mut expected: Option<String> = None;
        for sent in lossless(&samples) {
            let (name, score) = verify(&server, &credential, &sent).await;
            assert_eq!(name, decision, "{file}: {}", sent.name);
            let expected = expected.get_or_insert_with(|| score.clone());
            assert_eq!(&score, expected, "{file}: {}", sent.name);
        }
    }
    server.becomes_idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_codec_gives_the_same_decision() {
    let server = serve(|_| ()).await;
    let credential = credential(&server).await;
    for (file, decision) in [(CALLER, "result-success"), (OTHER, "result-fail-score")] {
        for (sent, messages) in lossy(&call(file)) {
            let request = with(verify_request(sent.name, &credential), &sent.declared);
            let mut client = Client::start(&server, "verify", &request).await;
            let carrier = Carrier::start(&server, sent.name).await;
            let (result, code) = tokio::join!(client.outcome(), carrier.play_messages(&messages));
            println!("{file}, {}: {} with {}", sent.name, result.name, result.data()["score"]);
            assert_eq!((result.name.as_str(), code), (decision, 1000), "{file}, {}: {result:?}", sent.name);
        }
    }
    server.becomes_idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_is_none_is_an_audio_error_which_says_so() {
    let server = serve(|_| ()).await;
    let request = with(register_request("no-header"), &json!({"audio_format": "wav"}));
    let mut client = Client::start(&server, "register", &request).await;
    let carrier = Carrier::start(&server, "no-header").await;
    let (event, code) = tokio::join!(client.outcome(), carrier.play(&[0xff; 8_000], 160));
    assert_eq!((event.name.as_str(), code), ("error-audio", 1008));
    assert!(event.content().contains("not a WAV file"), "{}", event.content());
    server.becomes_idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_the_wrong_name_is_an_audio_error_which_names_both() {
    let server = serve(|_| ()).await;
    let samples = call(CALLER);
    let pcm = |layout: &str| json!({"audio_codec": "pcm", "sample_format": layout});
    let cases = [
        (
            "mu-as-a",
            json!({"audio_codec": "alaw"}),
            mulaw(&samples),
            "declared as A-law, but it looks like mu-law",
        ),
        (
            "a-as-mu",
            json!({}),
            bytes(&samples, Encoding::ALaw),
            "declared as mu-law, but it looks like A-law",
        ),
        ("mu-as-linear", pcm("s16le"), mulaw(&samples), "but it looks like mu-law"),
        (
            "linear-as-mu",
            json!({}),
            bytes(&samples, Encoding::Linear16Le),
            "but it looks like 16-bit linear, low byte first",
        ),
        (
            "byte-order",
            pcm("s16le"),
            bytes(&samples, Encoding::Linear16Be),
            "but it looks like 16-bit linear, high byte first",
        ),
    ];
    for (call_id, declared, audio, expected) in cases {
        let request = with(register_request(call_id), &declared);
        let mut client = Client::start(&server, "register", &request).await;
        let carrier = Carrier::start(&server, call_id).await;
        let (event, code) = tokio::join!(client.outcome(), carrier.play(&audio, 160));
        assert_eq!((event.name.as_str(), code), ("error-audio", 1008), "{call_id}");
        assert!(event.content().contains(expected), "{call_id}: {}", event.content());
    }
    server.becomes_idle().await;
}
