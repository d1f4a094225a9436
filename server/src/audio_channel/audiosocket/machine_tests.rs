//! The table of the AudioSocket machine, and its robustness.

use proptest::prelude::*;

use super::*;

const ID: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";

fn frame(code: u8, payload: &[u8]) -> Vec<u8> {
    [&[code][..], &(payload.len() as u16).to_be_bytes(), payload].concat()
}

fn id() -> Vec<u8> {
    frame(0x01, Uuid::try_parse(ID).unwrap().as_bytes())
}

struct Call {
    machine: Machine,
    now: Instant,
}

impl Call {
    fn new() -> Self {
        let now = Instant::now();
        Self { machine: Machine::new(now + Duration::from_secs(10)), now }
    }

    fn send(&mut self, bytes: &[u8]) -> &mut Self {
        self.machine.handle_bytes(self.now, bytes);
        self
    }

    fn wait(&mut self, seconds: u64) -> &mut Self {
        self.now += Duration::from_secs(seconds);
        self.machine.handle_timeout(self.now);
        self
    }

    /// What came out, in short.
    fn said(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        while let Some(output) = self.machine.poll_output() {
            said.push(match output {
                Output::Started(Started { call_id, media_format }) => {
                    format!("{} at {}", call_id.as_str(), media_format.unwrap().sample_rate)
                }
                Output::Audio(bytes) => format!("{} bytes", bytes.len()),
                Output::Send(_) | Output::Lost(_) => "a message".into(),
                Output::Stopped => "stopped".into(),
                Output::Close(_, reason) => reason.into(),
            });
        }
        said
    }
}

#[test]
fn case_115_a_call_is_id_audio_and_hangup() {
    let mut call = Call::new();
    call.send(&id()).send(&frame(0x10, &[1; 320])).send(&frame(0x03, b"5")).send(&frame(0x10, &[2; 320]));
    call.send(&frame(0x00, b""));
    assert_eq!(call.said(), [&format!("{ID} at 8000"), "320 bytes", "320 bytes", "stopped"]);
    call.send(&frame(0x10, &[1; 320])).wait(100).machine.handle_disconnect();
    assert!(call.said().is_empty() && call.machine.deadline().is_none());
}

#[test]
fn the_type_of_the_audio_is_its_rate_and_may_not_change() {
    for (code, rate) in [(0x10, 8000), (0x12, 16_000), (0x15, 44_100), (0x18, 192_000)] {
        let mut call = Call::new();
        call.send(&id()).send(&frame(code, &[0; 4]));
        assert_eq!(call.said(), [&format!("{ID} at {rate}"), "4 bytes"]);
    }
    let mut call = Call::new();
    call.send(&id()).send(&frame(0x10, &[0; 4])).send(&frame(0x12, &[0; 4]));
    assert_eq!(call.said().last().unwrap(), "the rate of the audio changed");
}

#[test]
fn what_does_not_begin_with_an_id_is_ended() {
    for begin in [frame(0x10, &[0; 320]), b"GET / HTTP/1.1\r\n\r\n".repeat(2000), frame(0x03, b"1")] {
        assert_eq!(Call::new().send(&begin).said(), ["no call id first"]);
    }
    assert_eq!(Call::new().send(&frame(0x01, &[0; 15])).said(), ["a call id that is no UUID"]);
    let mut call = Call::new();
    call.send(&id()).send(&id());
    assert!(call.said().is_empty());
    assert_eq!(call.send(&frame(0x01, &[9; 16])).said(), ["a second call id"]);
}

#[test]
fn case_116_id_and_audio_have_their_time() {
    assert_eq!(Call::new().wait(10).said(), ["no call id in time"]);
    let mut call = Call::new();
    call.wait(9).send(&id()).wait(29);
    assert!(call.said().is_empty());
    assert_eq!(call.wait(1).said(), ["no audio in time"]);
}

#[test]
fn an_end_of_any_kind_is_the_end_of_the_stream() {
    for end in [frame(0x00, b""), frame(0xff, &[1])] {
        assert_eq!(Call::new().send(&end).said(), ["stopped"]);
        assert_eq!(Call::new().send(&id()).send(&end).said(), ["stopped"]);
    }
    let mut cut = Call::new();
    cut.send(&id()).send(&frame(0x10, &[0; 4])).send(&[0x10, 1, 64, 5]);
    cut.machine.handle_disconnect();
    assert_eq!(cut.said(), [&format!("{ID} at 8000"), "4 bytes", "stopped"], "half a frame is none");
}

proptest! {
    #[test]
    fn any_bytes_leave_the_machine_in_order(
        pieces in prop::collection::vec(
            prop_oneof![
                3 => prop::collection::vec(any::<u8>(), 0..12),
                2 => Just(id()),
                4 => (0u8..9, prop::collection::vec(any::<u8>(), 0..30)).prop_map(|(rate, pcm)| frame(0x10 + rate, &pcm)),
                1 => Just(frame(0x00, b"")),
            ],
            0..40,
        ),
        waits in prop::collection::vec(0..8u64, 0..40),
    ) {
        let mut call = Call::new();
        let (mut started, mut ended, mut audio) = (0, 0, 0);
        let sent: usize = pieces.iter().map(Vec::len).sum();
        for (number, piece) in pieces.iter().enumerate() {
            call.send(piece);
            call.wait(waits.get(number).copied().unwrap_or_default());
            while let Some(output) = call.machine.poll_output() {
                prop_assert_eq!(ended, 0, "{:?} after the end", output);
                match output {
                    Output::Started(_) => started += 1,
                    Output::Audio(bytes) => {
                        prop_assert!(started == 1 && !bytes.is_empty());
                        audio += bytes.len();
                    }
                    Output::Stopped | Output::Close(..) => ended += 1,
                    Output::Send(_) | Output::Lost(_) => prop_assert!(false, "nothing is sent, or lost"),
                }
            }
            prop_assert!(call.machine.deadline().is_none_or(|deadline| deadline > call.now));
        }
        prop_assert!(started <= 1 && ended <= 1 && audio <= sent);
        call.machine.handle_disconnect();
        prop_assert_eq!(call.said().len(), 1 - ended);
    }
}
