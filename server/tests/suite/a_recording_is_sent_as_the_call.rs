//! A recording in the body of a request is heard like a call: the same result, and answers that say what is wrong.

use peakstream::Encoding;
use peakstream::audio::{encode, wav};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::carrier::Carrier;
use crate::support::rest::{Answer, Rest, audio_settings, registration, verification};
use crate::support::{TestServer, call, mulaw, serve};

const CALLER: &str = "allison-en-verify.wav";

async fn send(rest: &Rest, path: &str, recording: Vec<u8>) -> Answer {
    rest.send(rest.request(Method::POST, path).body(recording)).await
}

async fn finished(rest: &Rest, path: &str) -> Value {
    rest.poll(path).await.pop().unwrap()
}

async fn credential(rest: &Rest, settings: &str) -> String {
    let created = rest.post("/register_session", &registration(settings, "enrol")).await.json();
    let path = format!("/register_session/{}", created["id"].as_str().unwrap());
    let recording = wav::write(&call("allison-en-enrol.wav"), 8_000);
    let answer = send(rest, &format!("{path}/audio"), recording).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.json());
    finished(rest, &path).await["credential"].as_str().unwrap().to_owned()
}

/// A session for a verification: its path.
async fn verify(rest: &Rest, settings: &str, call_id: &str, credential: &str) -> String {
    let created = rest.post("/verify_session", &verification(settings, call_id, credential)).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.json());
    format!("/verify_session/{}", created.json()["id"].as_str().unwrap())
}

/// A FLAC file of verbatim subframes, written from RFC 9639: 16-bit, mono, blocks of 4,096 samples.
fn flac(samples: &[i16], rate: u32) -> Vec<u8> {
    let mut file = b"fLaC\x80\0\0\x22".to_vec();
    file.extend([0x10, 0, 0x10, 0, 0, 0, 0, 0, 0, 0]);
    // 20 bits of rate, 3 of channels − 1, 5 of bits − 1, 36 of the number of samples.
    let packed = u64::from(rate) << 44 | 15 << 36 | samples.len() as u64;
    file.extend(packed.to_be_bytes());
    file.extend([0; 16]);
    for (number, block) in samples.chunks(4_096).enumerate() {
        let mut frame = vec![0xFF, 0xF8, 0x70, 0x08];
        match number as u32 {
            n @ 0..0x80 => frame.push(n as u8),
            n => frame.extend([0xC0 | (n >> 6) as u8, 0x80 | (n & 0x3F) as u8]),
        }
        frame.extend((block.len() as u16 - 1).to_be_bytes());
        frame.push(crc(&frame, 0x07, 8) as u8);
        frame.push(0x02);
        frame.extend(block.iter().flat_map(|sample| sample.to_be_bytes()));
        frame.extend((crc(&frame, 0x8005, 16) as u16).to_be_bytes());
        file.extend(frame);
    }
    file
}

fn crc(bytes: &[u8], polynomial: u32, bits: u32) -> u32 {
    let top = 1 << (bits - 1);
    bytes.iter().fold(0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte) << (bits - 8), |crc, _| {
            if crc & top == 0 { crc << 1 } else { crc << 1 ^ polynomial }
        }) & ((1 << bits) - 1)
    })
}

/// G.711 in WAV, as telephony equipment writes it.
fn mulaw_wav(samples: &[i16]) -> Vec<u8> {
    let audio = mulaw(samples);
    let mut file = wav::write(&[], 8_000);
    file[20] = 7;
    file[28..36].copy_from_slice(&[0x40, 0x1F, 0, 0, 1, 0, 8, 0]);
    file[40..44].copy_from_slice(&(audio.len() as u32).to_le_bytes());
    file.extend(audio);
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_gives_the_same_score_to_the_bit_as_the_same_call_streamed() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let settings = rest.settings().await;
    let credential = credential(&rest, &settings).await;
    let samples = call(CALLER);

    let mut linear = audio_settings();
    linear["audio_codec"] = json!("pcm");
    let linear = rest.post("/audio_settings", &linear).await.json()["id"].as_str().unwrap().to_owned();
    let streamed = async |settings: &str, call_id: &str, audio: Vec<u8>| {
        let path = verify(&rest, settings, call_id, &credential).await;
        let code = Carrier::start(&server, call_id).await.play(&audio, 320).await;
        assert_eq!(code, 1000);
        finished(&rest, &path).await["score"].clone()
    };
    let mut bytes = Vec::new();
    encode(&samples, Encoding::Linear16Le, &mut bytes);
    let expected = streamed(&linear, "streamed", bytes).await;
    let expected_mulaw = streamed(&settings, "streamed-mulaw", mulaw(&samples)).await;

    for (name, recording, expected) in [
        ("wav", wav::write(&samples, 8_000), &expected),
        ("flac", flac(&samples, 8_000), &expected),
        ("mulaw-wav", mulaw_wav(&samples), &expected_mulaw),
    ] {
        let path = verify(&rest, &settings, name, &credential).await;
        let answer = send(&rest, &format!("{path}/audio"), recording).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{name}: {}", answer.json());
        let result = finished(&rest, &path).await;
        assert_eq!((&result["status"], &result["score"]), (&json!("success"), expected), "{name}");
    }
    server.becomes_idle().await;
}

/// Audio in Opus and Ogg: what a browser records.
fn ogg(samples: &[i16]) -> Vec<u8> {
    let wide: Vec<i16> = samples.iter().flat_map(|&sample| [sample, sample]).collect();
    let mut encoder = opus_rs::OpusEncoder::new(16_000, 1, opus_rs::Application::Voip).unwrap();
    encoder.bitrate_bps = 24_000;
    let mut file = Vec::new();
    let mut page = |flags: u8, number: u32, packet: &[u8]| {
        file.extend(b"OggS\0");
        file.push(flags);
        file.extend([0; 8]);
        file.extend(1u32.to_le_bytes());
        file.extend(number.to_le_bytes());
        file.extend([0; 4]);
        file.push(packet.len() as u8 / 255 + 1);
        file.extend(vec![255; packet.len() / 255]);
        file.push((packet.len() % 255) as u8);
        file.extend(packet);
    };
    page(2, 0, b"OpusHead\x01\x01\0\0\x80\x3E\0\0\0\0\0");
    page(0, 1, b"OpusTags\0\0\0\0\0\0\0\0");
    for (number, frame) in wide.chunks_exact(320).enumerate() {
        let mut packet = [0; 1_500];
        let length = encoder.encode_i16(frame, 320, &mut packet).unwrap();
        page(0, number as u32 + 2, &packet[..length]);
    }
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn opus_in_ogg_gives_the_same_decision() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let settings = rest.settings().await;
    let credential = credential(&rest, &settings).await;
    for (file, status) in [(CALLER, "success"), ("other-man-it.wav", "fail_score")] {
        let path = verify(&rest, &settings, file, &credential).await;
        let answer = send(&rest, &format!("{path}/audio"), ogg(&call(file))).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.json());
        let result = finished(&rest, &path).await;
        assert!(result["status"].as_str().unwrap().starts_with(&status[..4]), "{file}: {result}");
    }
    server.becomes_idle().await;
}

async fn registering(rest: &Rest, call_id: &str) -> String {
    format!("/register_session/{}", rest.register(call_id).await["id"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_another_kind_leaves_the_session_as_it_was() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let path = registering(&rest, "twice").await;
    for file in [b"%PDF-1.7 and so on".to_vec(), b"OggS\0\x02 vorbis".to_vec(), Vec::new()] {
        let answer = send(&rest, &format!("{path}/audio"), file).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert!(answer.json()["error"].as_str().unwrap().contains("WAV, FLAC, MP3 or Ogg Opus"));
    }
    let recording = wav::write(&call("allison-en-enrol.wav"), 8_000);
    assert_eq!(send(&rest, &format!("{path}/audio"), recording.clone()).await.status, StatusCode::ACCEPTED);
    assert_eq!(finished(&rest, &path).await["status"], "success");

    // What is over takes no more.
    let answer = send(&rest, &format!("{path}/audio"), recording).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    server.becomes_idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_recording_ends_the_session_and_says_why() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let mut no_codec = wav::write(&[0; 100], 8_000);
    no_codec[20] = 85;
    let odd_rate = wav::write(&[0; 100], 11_025);
    let mut torn = flac(&call("allison-en-enrol.wav"), 8_000);
    torn[42..60].fill(0);
    for (name, file, expected) in [
        ("no-codec", no_codec, "WAV format 85"),
        ("odd-rate", odd_rate, "11025"),
        ("torn", torn[..3_000].to_vec(), ""),
    ] {
        let path = registering(&rest, name).await;
        let answer = send(&rest, &format!("{path}/audio"), file).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}");
        assert!(answer.json()["error"].as_str().unwrap().contains(expected), "{name}: {}", answer.json());
        assert_eq!(finished(&rest, &path).await["status"], "error", "{name}");
    }
    server.becomes_idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_holds_too_little_ends_as_a_short_call_does() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let path = registering(&rest, "short").await;
    let recording = wav::write(&call("allison-en-enrol.wav")[..16_000], 8_000);
    assert_eq!(send(&rest, &format!("{path}/audio"), recording).await.status, StatusCode::ACCEPTED);
    let result = finished(&rest, &path).await;
    assert_eq!(result["status"], "error");
    server.becomes_idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_a_carrier_streams_takes_no_recording() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let path = registering(&rest, "busy").await;
    let mut carrier = Carrier::start(&server, "busy").await;
    carrier.media(&[0xFF; 8_000]).await;
    while rest.get(&path).await.json()["status"] != "streaming" {
        tokio::task::yield_now().await;
    }
    let answer = send(&rest, &format!("{path}/audio"), wav::write(&[0; 100], 8_000)).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(answer.json()["exception"], "AudioTakenException");
    assert_eq!(rest.delete(&path).await.status, StatusCode::NO_CONTENT);
    server.becomes_idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_is_too_large_is_refused_while_it_comes() {
    let server: TestServer = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let path = registering(&rest, "large").await;
    // 73 MiB of silence: floats in eight channels at 48 kHz, so that it lasts no longer than a session may.
    let mut recording = wav::write(&[], 48_000);
    (recording[20], recording[22], recording[34]) = (3, 8, 32);
    recording.resize(73 << 20, 0);
    let answer = send(&rest, &format!("{path}/audio"), recording).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", answer.json());
    assert_eq!(finished(&rest, &path).await["status"], "error");
    server.becomes_idle().await;
}
