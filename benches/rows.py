"""What measuring programs print enters, rows of the report leave.

A row is {name, ours, theirs, unit, ratio, threads, cpu, ...}: theirs is the alternative's figure, ratio ours by theirs.
"""

import statistics

import alternatives

PER_SECOND = "µs per s of audio"
IN_BYTES = ", int8"  # what the engine's figures end with if the network is computed so


def merged(rounds):
    """Least and median over rounds of {name: (minimum, median)}."""
    return {name: (min(r[name][0] for r in rounds), statistics.median(r[name][1] for r in rounds)) for name in rounds[0]}


def row(name, unit, ours, cpu, threads=1, median=None, theirs=None, theirs_median=None, **more):
    ratio = round(ours / theirs, 4) if theirs else None
    return {
        "name": name,
        "ours": ours,
        "theirs": theirs,
        "unit": unit,
        "ratio": ratio,
        "threads": threads,
        "cpu": cpu,
        "ours_median": median,
        "theirs_median": theirs_median,
        **more,
    }


def least(engines):
    """{name: (minimum, median)} of several runs of one program."""
    return merged([{f["name"]: (f["minimum"], f["median"]) for f in engine["figures"]} for engine in engines])


def engine_rows(engines, others):
    """Engine and alternatives, each figure the least of all rounds: noise of other programs only ever adds. A figure with several alternatives has
    a row for each."""
    first = engines[-1]
    units = {figure["name"]: figure["unit"] for figure in first["figures"]}
    theirs = merged(others)
    rows = []
    for name, (minimum, median) in least(engines).items():
        same = name.removesuffix(IN_BYTES)
        beside = [(told, figures) for (named, told), figures in theirs.items() if named == same]
        for told, figures in beside or [(None, None)]:
            more = {}
            if told:
                more = {"theirs": round(figures[0], 4), "theirs_median": round(figures[1], 4), "alternative": told}
                more |= {"alternative_threads": 1, "alternative_cpu": alternatives.chosen_by(told)}
            rows.append(row(name, units[name], round(minimum, 4), first["told_level"], first["threads"], round(median, 4), **more))
    return rows


def resampling_rows(qualities, cpu):
    """How good what was timed as 8 to 16 kHz is."""
    for (ripple, image), (their_ripple, their_image), told in qualities:
        more = {"alternative": told, "alternative_threads": 1, "alternative_cpu": alternatives.chosen_by(told)}
        yield row("8 to 16 kHz: ripple from 300 to 3,400 Hz", "dB", round(ripple, 5), cpu, theirs=round(their_ripple, 5), **more)
        yield row("8 to 16 kHz: the strongest image of that band", "dB", round(image, 1), cpu, theirs=round(their_image, 1), **more)


AS_IT_IS = "the same, with all instructions of the machine"


def level_name(level):
    return f"{alternatives.embedding(3)}, {level} alone"


def level_rows(levels):
    """The speaker network on this machine as if it were an older one."""
    name = alternatives.embedding(3)
    best = least(levels[None])[name]
    for level, runs in levels.items():
        if level:
            minimum, median = least(runs)[name]
            beside = {"theirs": round(best[0], 4), "theirs_median": round(best[1], 4), "alternative": AS_IT_IS, "alternative_cpu": levels[None][0]["cpu_level"]}
            yield row(level_name(level), "ms", round(minimum, 4), level, median=round(median, 4), **beside)


def counted_rows(engine):
    packets, cpu, threads = 10 * 50, engine["cpu_level"], engine["threads"]
    yield row("allocations per push of 20 ms", "allocations", engine["allocations_in_push"] / packets, cpu, threads)
    yield row("reserved by a call for 5 s of speech", "bytes", engine["bytes_per_open_call_5_s"], cpu, threads)
    yield row("the same, beside the room for speech and features", "bytes", engine["bytes_of_state"], cpu, threads)


def goal_rows(rows):
    """The rows that goals are written for (benches/performance.py), by short names; here a ratio is the alternative's cost by ours."""
    by_name = {}
    for item in rows:
        by_name.setdefault(item["name"], []).append(item)
    of = lambda item: item.get("paired") or (round(item["theirs"] / item["ours"], 3) if item["theirs"] else None)
    renamed = {alternatives.embedding(seconds): f"embedding_{seconds}s_f32" for seconds in alternatives.SECONDS}
    renamed[alternatives.embedding(3, IN_BYTES)] = "embedding_3s_reduced"
    renamed[alternatives.LAYERS] = "authenticity"
    renamed["Twilio media message of 20 ms"] = "message_us"
    renamed |= {name: "idle_client_bytes" for name in by_name if name.startswith("Socket.IO: idle client")}
    renamed |= {"start to ready, nothing stored": "cold_start_ms", "the program, models not included": "binary_bytes"}
    renamed["the same, beside the room for speech and features"] = "call_state_bytes"
    for name, goal in renamed.items():
        if name in by_name:
            yield {**by_name[name][0], "name": goal, "ratio": of(by_name[name][0])}
    for goal, name, better in (
        ("decision_p99_ms", "deciding sample to terminal event, p99 with 100 live calls", min),
        ("live_calls_per_core", f"live calls, {PATTERNS['once']}", max),
        ("live_calls_per_core_continuous", f"live calls, {PATTERNS['conversation']}", max),
    ):
        found = [item for item in rows if item["name"].startswith(name)]
        if found:
            yield {**better(found, key=lambda item: item["ours"]), "name": goal}
    if "push: everything, 20 ms packets" not in by_name or alternatives.embedding(3) not in by_name:
        return
    plain = next(item for item in by_name[alternatives.embedding(3)] if "plain" in item["alternative"])
    yield {**plain, "name": "embedding_3s_f32_plain", "ratio": of(plain)}
    yield from ({**item, "name": "embedding_3s_avx2", "ratio": item.get("paired") or item["ratio"]} for item in by_name.get(level_name("avx2"), []))
    push, silero = by_name["push: everything, 20 ms packets"][0], by_name["push: speech detection (Silero)"][0]
    times = {"ours": round(1e6 / push["ours"]), "ours_median": round(1e6 / push["ours_median"])}
    theirs = {"theirs": round(1e6 / silero["theirs"]), "theirs_median": round(1e6 / silero["theirs_median"])}
    alternative = {"alternative": f"{silero['alternative']}: speech detection alone", "alternative_threads": 1}
    yield {**push, **times, **theirs, **alternative, "name": "push", "unit": "times real time", "ratio": round(silero["theirs"] / push["ours"], 3)}


def server_rows(report, cpu):
    decision, memory = report["decision"], report["memory"]
    shared = {"cpu": cpu, "threads": report["threads"] or 1}
    name = f"deciding sample to terminal event, {decision['calls']} calls"
    times = {key: round(decision[key], 2) for key in ("minimum", "median", "maximum")}
    rows = [row(name, "ms", times["minimum"], median=times["median"], maximum=times["maximum"], speed=decision["speed"], **shared)]
    if memory:
        calls = memory["calls"]
        rows.append(row("server without calls, resident", "bytes", memory["resident_bytes"], **shared))
        rows.append(row(f"idle call, one of {calls} that wait for audio", "bytes", memory["bytes_per_idle_call"], **shared))
        rows.append(row(f"live call, one of {calls}, 4 s into it", "bytes", memory["bytes_per_live_call"], **shared))
    return rows


def signalling_rows(report, cpu, node):
    shared = {"cpu": cpu, "threads": report["threads"] or 1}
    rest, ours, theirs = report["rest"], report["socketio"]["ours"], report["socketio"]["theirs"]
    rows = []
    for name, key in (("REST: poll a session", "poll"), ("REST: create (stored, synced)", "create"), ("REST: create, one at a time", "create_alone")):
        told = rest[key]
        name = f"{name}, {told['parallel']} connections" if told["parallel"] > 1 else name
        times = {"median_ms": round(told["median_ms"], 3), "p99_ms": round(told["p99_ms"], 3)}
        rows.append(row(name, "requests per s", round(told["per_second"]), **times, **shared))
    more = {"alternative": node, "alternative_threads": 1, "alternative_cpu": cpu} if theirs else {}
    per_second = (round(ours["connects_per_second"]), theirs and round(theirs["connects_per_second"]))
    rows.append(row("Socket.IO: join a namespace", "clients per s", per_second[0], theirs=per_second[1], **more, **shared))
    if ours["bytes_per_idle_client"] is not None:
        held = (ours["bytes_per_idle_client"], theirs and theirs["bytes_per_idle_client"])
        rows.append(row(f"Socket.IO: idle client, one of {ours['clients']}", "bytes", held[0], theirs=held[1], **more, **shared))
    told = (report["statuses"]["ours"]["microseconds_per_status"], theirs and report["statuses"]["theirs"]["microseconds_per_status"])
    if told[0] is not None:
        name = f"Socket.IO: tell one client a status ({report['statuses']['ours']['clients']} clients, one each per ms)"
        rows.append(row(name, "µs of processor", round(told[0], 2), theirs=told[1] and round(told[1], 2), **more, **shared))
    crowd = report["crowd"]
    name = f"initialize to ready, {crowd['active']} sessions beside {crowd['idle']} idle clients"
    rows.append(row(name, "ms", round(crowd["ready_median_ms"], 3), p99=round(crowd["ready_p99_ms"], 3), **shared))
    return rows


def ingest_rows(report, cpu, node):
    if report["ours"] is None:
        return
    more = {"threads": report["threads"] or 1}
    if report["theirs"] is not None:
        more |= {"theirs": round(report["theirs"], 2), "alternative": f"{node}, which does not analyse it", "alternative_threads": 1, "alternative_cpu": cpu}
    name = f"media message of 20 ms through the server, analysed, {report['calls']} calls in real time"
    yield row(name, "µs of processor", round(report["ours"], 2), cpu, **more)


def message_rows(report, cpu):
    figures = {figure["name"]: figure for figure in report["figures"]}
    tree = figures.pop("the same through a JSON tree")
    rows = []
    for name, figure in figures.items():
        times = {"ours": round(figure["minimum"], 4), "median": round(figure["median"], 4)}
        if name.startswith("Twilio"):
            times |= {"theirs": round(tree["minimum"], 4), "theirs_median": round(tree["median"], 4)}
            times |= {"alternative": "serde_json tree and base64 alone", "alternative_threads": 1, "alternative_cpu": cpu}
        rows.append(row(name, figure["unit"], times.pop("ours"), cpu, **times))
    return rows


def parked_rows(report, cpu):
    shared = {"cpu": cpu, "threads": report["threads"] or 1}
    if report["bytes_per_parked_call"] is None:
        return []
    name = f"parked AudioHook call, one of {report['calls']}"
    busy, pinged = f"computing for {report['calls']} parked calls", report["pinged"]
    return [
        row(name, "bytes", report["bytes_per_parked_call"], **shared),
        row(busy, "share of a core", round(report["share_of_a_core"], 4), **shared),
        row(
            f"computing for {pinged['calls']} parked calls that ping every {pinged['interval_s']} s",
            "share of a core",
            round(pinged["share_of_a_core"], 4),
            **shared,
        ),
        row("from a parked call's ping to its pong, p99", "ms", round(pinged["pong_p99_ms"], 2), **shared),
    ]


def load_rows(report, cpu, cores):
    rows = []
    what = f"{report['calls']} Media Streams and {report['hooks']} AudioHook calls in real time"
    for key, told in (("alone", ""), ("saturated", ", inference saturated")):
        part = report[key]
        lines, hooks = part["media_streams"], part["audiohook"]
        shared = {"cpu": cpu, "threads": report["threads"] or 1, "machine_cores": cores, "decisions_beside": part["decisions_beside"]}
        for name, statuses in (("Media Streams", lines["statuses"]), ("AudioHook", hooks["statuses"])):
            more = {"p99": statuses["late_p99_ms"], "maximum": statuses["late_maximum_ms"], "heard": statuses["heard"], "expected": statuses["expected"]}
            rows.append(row(f"{what}{told}: status after its audio, {name}", "ms late", statuses["late_median_ms"], **more, **shared))
        more = {"p99": hooks["pong_p99_ms"], "heard": hooks["pongs"], "expected": hooks["pings"]}
        rows.append(row(f"{what}{told}: pong after its ping", "ms late", hooks["pong_median_ms"], **more, **shared))
        rows.append(row(f"{what}{told}: the server", "cores", round(part["server_cores"], 3), **shared))
    return rows


def restart_row(report, cpu):
    name = f"start to a stored result, {report['results']} of them, after kill -9"
    times = {key: round(report[f"{key}_ms"], 1) for key in ("minimum", "median", "maximum")}
    return row(name, "ms", times["minimum"], cpu, median=times["median"], maximum=times["maximum"])


#: How a call is decided in the searches for what a core carries, and what it is called.
PATTERNS = {
    "once": "each decided once",
    "conversation": "decided after each second of speech, the engine alone",
    "monologue": "the same of callers who never stop speaking",
}


def crowd_row(told, load, precision, cpu):
    name = f"deciding sample to terminal event, p99 with {told}, {precision}"
    return row(name, "ms", round(load["p99_ms"], 2), cpu, median=round(load["median_ms"], 2), precision=precision, **carried(load))


def capacity_row(pattern, report, precision, cpu):
    best = report["found"]
    more = {**carried(best), "limit_ms": report["limit_ms"]} if best else {}
    name = f"live calls, {PATTERNS[pattern]}, {precision}"
    return row(name, "live calls", best["calls"] if best else 0, cpu, precision=precision, **more, tried=report["tried"])


def carried(load):
    return {key: load[key] for key in ("median_ms", "p99_ms", "decisions", "streaming", "busy")}
