"""MP3 in the body of a request: as encoders and mail clients leave it, cut off, damaged, and pretending.

LAME makes every file here from the demonstration calls while the tests run.
"""

import random

import pytest

from support import audio, codecs
from support.rest import Rest
from support.ways import Receiver, uploaded

RATE = 44_100
#: Frames of MPEG 1 have 1,152 samples, and at 64 kbit/s and 44.1 kHz 208 or 209 bytes (ISO 11172-3 2.4.3.1).
FRAME = 144 * 64_000 // RATE


def mp3(pcm, rate=RATE, bit_rate=64_000, layout="mono", **how):
    return codecs.recording(pcm, "mp3", "libmp3lame", rate, layout, bit_rate, **how)


@pytest.fixture(scope="module")
def sound():
    return codecs.at_rate(audio.samples(audio.english_files()[0]), RATE)


@pytest.fixture(scope="module")
def plain(sound):
    """Frames and nothing else."""
    file = mp3(sound, options={"write_xing": "0", "id3v2_version": "0"})
    assert file[0] == 0xFF, "it begins with a frame"
    return file


@pytest.fixture(scope="module")
def hear(server, credential, unsigned_key):
    """Uploads a file for a verification: the result's name and score."""
    receiver = Receiver(server, credential, unsigned_key)
    return lambda file, channel=1: uploaded(lambda _: file, channel)(receiver, None)


def answered(server, file, kind="register"):
    """Uploads a file that may be refused: `(status, what the answer says, what became of the session)`."""
    rest = Rest(server)
    session = rest.create(kind)
    answer = rest.request("POST", f"/{kind}_session/{session['id']}/audio", data=file)
    now = rest.session(session, kind)
    if answer.status_code != 415:
        now = rest.polled(session, kind)[-1]
    else:
        rest.delete(f"/{kind}_session/{session['id']}")
    return answer.status_code, answer.json().get("error", ""), now


def synchsafe(size):
    """A tag's length: seven bits to the byte (id3.org, ID3v2.4 structure, 6.2)."""
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))


def id3v2(size):
    """A tag with one private frame, in all `size` bytes after its header."""
    return b"ID3\4\0\0" + synchsafe(size) + b"PRIV" + synchsafe(size - 10) + b"\0\0" + b"x" * (size - 10)


ID3V1 = b"TAG" + b"a title".ljust(125, b"\0")
TAGGED = {
    "a tag before it": lambda file: id3v2(200) + file,
    "a tag as long as a picture": lambda file: id3v2(300_000) + file,
    "two tags before it": lambda file: id3v2(200) + id3v2(2000) + file,
    "a tag behind it": lambda file: file + ID3V1,
    "tags on both sides": lambda file: id3v2(4096) + file + ID3V1,
}


@pytest.mark.parametrize("where", TAGGED)
def test_a_tag_changes_nothing(hear, plain, where):
    expected = hear(plain)
    assert expected[0] == "result-success"
    assert hear(TAGGED[where](plain)) == expected


def test_what_lame_writes_by_itself_is_heard(hear, sound):
    """A tag with a title, and the frame in which LAME says how it was made."""
    file = mp3(sound, metadata={"title": "A call", "artist": "somebody"})
    assert file.startswith(b"ID3") and any(sign in file[:2000] for sign in (b"Xing", b"Info"))
    assert hear(file)[0] == "result-success"


def test_a_variable_bit_rate_is_heard(hear, sound):
    assert hear(mp3(sound, bit_rate=None, options={"q:a": "5"}))[0] == "result-success"


@pytest.mark.parametrize("channel", [1, 2])
def test_of_two_channels_the_callers_is_heard(hear, sound, channel):
    other = codecs.at_rate(audio.samples(audio.files("other")[0]), RATE)
    file = mp3(audio.interleaved(sound, other, channel == 1), layout="stereo", bit_rate=192_000)
    assert hear(file, channel)[0] == "result-success"
    assert hear(file, 3 - channel)[0] == "result-fail-score"


@pytest.mark.negative
def test_a_file_that_was_cut_off_is_heard_as_far_as_it_goes(server, hear, plain):
    """In the middle of a frame: once behind the decision, once long before it."""
    assert hear(plain[: len(plain) // 2 + FRAME // 3])[0] == "result-success"
    status, _, session = answered(server, plain[: FRAME * 60 + 50])
    assert (status, session["event"]) == (202, "error-audio")
    assert "ended early" in session["content"], session


NOISE = random.Random(1).randbytes(20_000)
#: Damage that a decoder finds its way out of: at the next frame that is one.
HEALED = {
    "zeros in the middle": lambda file: file[:5000] + bytes(20_000) + file[25_000:],
    "half a frame is missing": lambda file: file[: 30 * FRAME] + file[30 * FRAME + 100 :],
    "a byte is wrong here and there": lambda file: bytes(b ^ 0x55 if n % 20_011 == 1000 else b for n, b in enumerate(file)),
    "a tag that claims to be longer than it is": lambda file: b"ID3\4\0\0" + synchsafe((1 << 28) - 1) + file,
}
#: What cannot be heard: the answer says so, and the session ends as a carrier's does that sends rubbish.
BROKEN = {
    "noise in the middle": lambda file: file[:5000] + NOISE + file[25_000:],
    "noise after a header": lambda file: file[:4] + NOISE,
    "zeros after a header": lambda file: file[:4] + bytes(20_000),
    "noise after a tag": lambda file: id3v2(200) + NOISE,
    "a tag and nothing else": lambda file: id3v2(4096),
    "a tag that never ends": lambda file: b"ID3\4\0\0" + synchsafe((1 << 28) - 1) + bytes(1000),
    "one frame": lambda file: file[:FRAME],
    "four bytes": lambda file: file[:4],
}


@pytest.mark.parametrize("what", HEALED)
def test_what_is_damaged_a_little_is_heard_all_the_same(hear, plain, what):
    assert hear(HEALED[what](plain))[0] == "result-success"


@pytest.mark.negative
@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_is_refused_in_words_and_ends_its_session(server, plain, what):
    status, text, session = answered(server, BROKEN[what](plain))
    assert (status, session["event"]) == (400, "error-audio")
    assert text.startswith("The recording cannot be heard: ") and "cannot be decoded" in session["content"]


@pytest.mark.negative
@pytest.mark.parametrize("rate", [11_025, 22_050])
def test_a_rate_that_no_call_has_is_named(server, rate):
    file = mp3(codecs.at_rate(audio.samples(audio.english_files()[0]), rate), rate, 32_000)
    status, text, session = answered(server, file)
    assert (status, session["event"]) == (400, "error-audio")
    assert f"{rate} Hz" in text and f"{rate} Hz" in session["content"]


@pytest.mark.negative
def test_another_layer_is_another_kind_and_leaves_the_session_as_it_was(server, sound):
    layer_2 = codecs.recording(sound, "mp2", "mp2", RATE, bit_rate=128_000)
    status, text, session = answered(server, layer_2)
    assert (status, session["event"]) == (415, "info-consumer-ready")
    assert "MP3" in text
