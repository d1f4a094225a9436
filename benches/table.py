"""The report as a table for the terminal."""

import platform

import machine
from rows import PER_SECOND

COLUMNS = ("ours", "ours_median", "theirs", "theirs_median")


def print_table(rows, cores):
    where = f"core {cores.measured}" if cores.bound else "no core, the system does not let us"
    print(f"\n{machine.name()}, {platform.system()}; bound to {where}; load {machine.load()}")
    print(f"peakstream     {rows[0]['threads']} thread    {rows[0]['cpu']}")
    print(f"alternatives   1 thread    ONNX Runtime: {machine.widest_level()}, intra_op and inter_op 1; the others as their wheels choose")
    print("Least and median of all rounds. The ratio is of the least: below 1 peakstream is cheaper.")
    for unit, title in ((PER_SECOND, "one second of audio, µs"), ("ms", "a decision, ms")):
        print(f"\n{title:<56} {'peakstream':^17}   {'alternative':^17}")
        print(f"{'':<56} {'least':>8} {'median':>8}   {'least':>8} {'median':>8}  ratio")
        for item in (item for item in rows if item["unit"] == unit):
            figures = [f"{value:.1f}" if value is not None else "" for value in map(item.get, COLUMNS)]
            told = f"{item['ratio']:5.2f}  {item['alternative']}" if item["theirs"] is not None else ""
            most = f"most {item['maximum']:.1f}" if "maximum" in item else f"p99 {item['p99']:.2f}" if "p99" in item else ""
            columns = f"{figures[0]:>8} {figures[1]:>8}   {figures[2]:>8} {figures[3]:>8}  {told}{most}"
            print(f"  {item['name'].removeprefix('push: '):<54} {columns}".rstrip())
    print("\nsignalling")
    for item in rows:
        if item["unit"] in ("requests per s", "clients per s"):
            times = f"median {item['median_ms']:.2f} ms, p99 {item['p99_ms']:.2f} ms" if "p99_ms" in item else ""
            beside = f"{item['theirs']:.0f} with {item['alternative']}" if item["theirs"] else ""
            print(f"  {item['name']:<54} {item['ours']:>8.0f} {item['unit']:<15} {times}{beside}".rstrip())
        elif item["unit"] == "µs of processor":
            beside = f"{item['theirs']:.1f} with {item['alternative']}" if item["theirs"] else ""
            print(f"  {item['name']:<54} {item['ours']:>8.1f} {item['unit']:<15} {beside}".rstrip())
    print("\ncarriers")
    for item in rows:
        if item["unit"] == "µs":
            beside = f"{item['theirs']:.2f} with {item['alternative']}" if item["theirs"] else ""
            print(f"  {item['name']:<54} {item['ours']:>8.2f} {item['unit']:<15} {beside}".rstrip())
        elif item["unit"] in ("share of a core", "cores"):
            print(f"  {item['name']:<110} {item['ours']:>8.4f} {item['unit']}")
        elif item["unit"] == "ms late":
            most = f", most {item['maximum']:.0f}" if "maximum" in item else ""
            counted = f"{item['heard']} of {item['expected']}"
            print(f"  {item['name']:<110} {item['ours'] or 0:>8.1f} ms, p99 {item['p99'] or 0:.1f}{most}; {counted}")
    print("\ncapacity of one core")
    for item in rows:
        if item["unit"] == "live calls":
            how = f"p99 {item['p99_ms']:.1f} ms of {item['decisions']} decisions, audio of {item['streaming']:.0f} flows" if "p99_ms" in item else "none found"
            print(f"  {item['name']:<70} {item['ours']:>8.0f}  {how}")
    print("\nallocations and memory")
    for item in rows:
        if item["unit"] == "allocations":
            print(f"  {item['name']:<54} {item['ours']:>8.0f}")
        elif item["unit"] == "bytes":
            beside = f"{item['theirs'] / 1e6:.4f} MB with {item['alternative']}" if item["theirs"] is not None else ""
            print(f"  {item['name']:<54} {item['ours'] / 1e6:>8.4f} MB  {beside}".rstrip())
