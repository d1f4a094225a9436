"""AudioHook, cases 1 to 16: the upgrade, API keys and signatures, made by an independent signer."""

import base64
import secrets
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import audio
from support.audiohook import COMPONENTS, EXTERNAL, ZERO, Hook, Refused, fails, probe, signature
from support.rest import Rest
from test_audiohook_stream import carry, register

SECRET = base64.b64encode(b"another secret of thirty-two bytes").decode()


def works(server, key, **how):
    """A connection that gets as far as `opened` and `closed`."""
    with Hook(server, key, **how) as hook:
        hook.open()
        hook.ping()
        hook.close()
        return hook


def refusal(server, key, **how):
    with pytest.raises(Refused) as refused:
        Hook(server, key, **how).connect()
    return refused.value


def without(name):
    """Headers without one of them."""
    return lambda headers: {one: value for one, value in headers.items() if one != name}


def resigned(secret, **changes):
    """A signer that does something else than usual."""
    return lambda headers, target, authority: signature(secret, headers, target, authority, **changes)


def test_case_001_case_005_a_signed_upgrade_works(server, audiohook_key):
    hook = works(server, audiohook_key)
    assert hook.types() == ["opened", "pong", "closed"]


def test_case_001_a_signed_call_is_heard_to_its_result(server, audiohook_key):
    outcome, _, _ = carry(server, audiohook_key, register(), audio.enrol(), [EXTERNAL])
    assert outcome.name == "result-success"


@pytest.mark.negative
def test_case_002_the_query_is_part_of_the_signature(server, audiohook_key):
    works(server, audiohook_key, path="/audiohook?connector=7&x=%20y")

    def without_query(headers, target, authority):
        return signature(audiohook_key["client_secret"], headers, "/audiohook", authority)

    assert refusal(server, audiohook_key, path="/audiohook?connector=7", signed=without_query).status == 401


@pytest.mark.parametrize("path", ["/audiohook", "/dpsaudiohook", "/api/v1/audiohook/ws"])
def test_every_documented_address_leads_there(server, audiohook_key, path):
    works(server, audiohook_key, path=path)


def test_case_004_components_in_another_order_verify(server, audiohook_key):
    secret = audiohook_key["client_secret"]
    works(server, audiohook_key, signed=resigned(secret, components=COMPONENTS[::-1], label="other"))


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_case_006_permessage_deflate_may_be_offered(server, audiohook_key, compression):
    works(server, audiohook_key, compression=compression)


def test_case_007_an_unknown_subprotocol_is_not_fatal(server, audiohook_key):
    # A client that insists on one ends the connection itself; this one only offers.
    hook = Hook(server, audiohook_key, change=lambda h: h | {"Sec-WebSocket-Protocol": "something.new"})
    with hook:
        hook.open()
        hook.close()


def wrong_signatures(key):
    """Name, and how the connection differs from a right one."""
    secret, now = key["client_secret"], int(time.time())
    raw = secrets.token_bytes

    def value(text):
        def signed(headers, target, authority):
            right = signature(secret, headers, target, authority)
            return right | {"Signature": text(right["Signature"])}

        return signed

    signed = {
        "wrong secret": resigned(SECRET),
        "unsigned": lambda *_: {},
        # Each of them alone: what is expired is not stale, what is stale has not expired.
        "expired": resigned(secret, expires=now - 10, created=now - 20),
        "created in the future": resigned(secret, created=now + 3600, expires=now + 3630),
        "stale": resigned(secret, created=now - 3600, expires=now + 3600),
        "no nonce": resigned(secret, nonce=None),
        "short nonce": resigned(secret, nonce="short"),
        "keyid of another": resigned(secret, keyid="somebody-else"),
        "other algorithm": resigned(secret, alg="hmac-sha512"),
        **{
            f"without {name}": resigned(secret, components=[one for one in COMPONENTS if one != name]) for name in COMPONENTS
        },
        "component twice": resigned(secret, components=COMPONENTS + COMPONENTS[:1]),
        "label mismatch": value(lambda text: text.replace("sig1", "sig2")),
        "not base64": value(lambda _: "sig1=:***:"),
        "no dictionary": value(lambda _: "sig1"),
        "an unknown parameter": resigned(secret, tag="x"),
        "a number as nonce": resigned(secret, nonce=10**21),
        **{
            f"{length} bytes": value(lambda _, length=length: f"sig1=:{base64.b64encode(raw(length)).decode()}:")
            for length in (0, 31, 33, 1000)
        },
    }
    cases = [(name, {"signed": how}) for name, how in signed.items()]
    cases.append(("no API key", {"change": without("X-API-KEY"), "signed": lambda *_: {}}))
    cases.append(("unknown API key", {"change": lambda h: h | {"X-API-KEY": "c29tZWJvZHkgZWxzZSdzIGtleQ"}}))
    return cases


@pytest.mark.negative
def test_case_008_case_009_case_010_wrong_ones_are_refused_alike(server, settled, audiohook_key):
    """Same status, same words, same time. A loaded machine is late now and then, so that the better of two counts."""
    best = {}
    for _ in range(2):
        cases = wrong_signatures(audiohook_key)
        with ThreadPoolExecutor(8) as pool:
            refusals = list(pool.map(lambda case: refusal(server, audiohook_key, **case[1]), cases))
        for (name, _), refused in zip(cases, refusals):
            assert (refused.status, refused.body, refused.headers) == (401, refusals[0].body, refusals[0].headers), name
            best[name] = min(refused.seconds, best.get(name, 60))
    assert min(best.values()) >= 0.5, best
    assert max(best.values()) - min(best.values()) < 0.25, best
    works(server, audiohook_key)


@pytest.mark.negative
def test_case_011_a_key_without_a_secret_takes_unsigned_requests_only(server, unsigned_key):
    works(server, unsigned_key)
    assert refusal(server, unsigned_key, signed=resigned(SECRET)).status == 401


@pytest.mark.negative
def test_case_012_a_request_cannot_be_replayed(server, audiohook_key):
    nonce = secrets.token_urlsafe(18)
    once = resigned(audiohook_key["client_secret"], nonce=nonce)
    works(server, audiohook_key, signed=once)
    assert refusal(server, audiohook_key, signed=once).status == 401


@pytest.mark.negative
def test_case_013_case_015_another_organization_in_open_is_unauthorized(server, audiohook_key):
    with Hook(server, audiohook_key) as hook:
        # Both are out before this client answers the `disconnect` that the first one earns.
        with hook._sending:
            hook.say("open", hook.open_parameters(organizationId=hook.conversation))
            hook.say("open", hook.open_parameters())
        fails(hook, "unauthorized")
        assert hook.types() == ["disconnect", "closed"]


@pytest.mark.negative
@pytest.mark.parametrize("value", [None, "", "not-a-uuid", "30b0e395-84d3-4570-ac13-9a62d8f514c", "\xff" * 36], ids=ascii)
@pytest.mark.parametrize("header, status", [("Session", 400), ("Organization", 401), ("Correlation", 401)])
def test_case_014_without_a_whole_header_it_is_no_audiohook_request(server, unsigned_key, header, status, value):
    """The key needs no signature, so that nothing else is wrong."""
    name = f"Audiohook-{header}-Id"

    def change(headers):
        return without(name)(headers) | ({} if value is None else {name: value})

    assert refusal(server, unsigned_key, change=change).status == status


@pytest.mark.negative
def test_case_016_a_proxy_may_change_host_and_path(other_server):
    """Genesys signs what it is configured with; the server sees what the proxy makes of it."""
    key = other_server.key("--audiohook")
    secret = key["client_secret"]

    def as_configured(headers, _target, _authority):
        return signature(secret, headers, "/genesys/hook?connector=7", "voice.example.com")

    with Hook(other_server, key, path="/audiohook?connector=7", signed=as_configured) as hook:
        hook.close()
    assert refusal(other_server, key).status == 401


@pytest.mark.negative
def test_a_disabled_key_is_refused_at_once(server):
    key = server.key("--audiohook")
    works(server, key)
    server.disable(key["id"])
    assert refusal(server, key).status == 401


def test_case_046_a_probe_makes_no_session_and_no_record(server, audiohook_key):
    """Also with the empty binary message that the reference client sends."""
    before = server.live_sessions()
    opened = probe(server, audiohook_key)
    assert opened["media"] == [] and opened["startPaused"] is False
    assert server.live_sessions() == before
    for kind in ("register", "verify"):
        assert Rest(server).get(f"/{kind}_session", params={"call_id": ZERO}).status_code == 404
