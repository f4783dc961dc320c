# SPDX-License-Identifier: Apache-2.0
"""bench_report - doc/PERFORMANCE.md from the figures of the benches.

Pure: dictionaries in, text out.  Targets are those of the design; whether one
is met is computed here and nowhere else.
"""

def whole(deferred, value):
    """None when a quick run had fewer recipients: what is fixed in it does not
    grow with them."""
    return value if deferred["recipients"] >= 1000000 else None


# (bench, what is asked, limit, "least" or "most", how it reads, the figure)
TARGETS = (
    ("relay", "relay, messages a second: times Postfix", 8, "least", "%.1f",
     lambda r: r["ratio_postfix"]),
    ("relay", "relay, messages a second: part of the bare rate", 0.25,
     "least", "%.2f", lambda r: r["ratio_direct"]),
    ("relay", "CPU a message: how many times less than Postfix", 8, "least",
     "%.1f", lambda r: r["cpu_ratio"]),
    ("host", "Postfix with milter and LMTP, messages a second: times Postfix",
     0.9, "least", "%.2f", lambda r: r["ratio_lmtp"]),
    ("host", "Postfix with the fast path, messages a second: times Postfix",
     3, "least", "%.2f", lambda r: r["ratio_fast"]),
    ("deferred", "MB for a million deferred recipients", 250, "most", "%.0f",
     lambda r: whole(r, r["memory_mb"])),
    ("deferred", "seconds from start to ready with them", 5, "most", "%.2f",
     lambda r: whole(r, r["ready_s"])),
    ("sched", "scheduler, decisions a second", 200000, "least", "%.0f",
     lambda r: r["least_s"]),
    ("domains", "limits exceeded, 1,000 domains and 50 addresses", 0, "most",
     "%d", lambda r: r["limits_broken"]),
    ("rate", "one domain at 10000/s: most in any second", 10000, "most", "%d",
     lambda r: r["rates"][-1]["most_in_a_second"]),
    ("acct", "accounting on one core, records a second: least in 5 s",
     20000, "least", "%d", lambda r: r["chains"][0]["least_s"]),
    ("tools", "find and stats: seconds for ten million rows", 60, "most",
     "%.0f", lambda r: 10 ** 7 / r["least_s"]),
    ("sign", "milter, messages a CPU second: times OpenDKIM's, RSA-2048", 2,
     "least", "%.1f", lambda r: r["runs"][0]["ratio"]),
    ("sign", "milter, messages a CPU second: times OpenDKIM's, Ed25519", 2,
     "least", "%.1f", lambda r: r["runs"][1]["ratio"]),
    ("rules", "rules about replies: microseconds a reply with 300 rows", 10,
     "most", "%.2f", lambda r: r["median_us"]),
    ("signature", "DKIM signatures: times libopendkim, the least", 3, "least",
     "%.1f", lambda r: r["least_times"]),
    ("signature", "KB of memory more over a million signatures", 256, "most",
     "%d", lambda r: r["flat"]["grown_kb"]),
    ("suppress", "suppression list: seconds for ten million addresses", 60,
     "most", "%.0f",
     lambda r: (r["hash_s"] + r["base_s"]) * 1e7 / r["count"]),
    ("suppress", "suppression list: nanoseconds a look-up", 2000, "most",
     "%d", lambda r: r["lookup_ns"]),
    ("suppress", "suppression list: ms until readers can see a change", 500,
     "most", "%d", lambda r: r["seen_ms"]),
)


def is_met(limit, direction, value):
    return value >= limit if direction == "least" else value <= limit


def judge(results):
    """[(what, target, reached, met)]; reached and met None: not measured."""
    out = []
    for bench, what, limit, direction, form, figure in TARGETS:
        target = "at %s %s" % (direction, number(limit))
        value = None
        if bench in results:
            value = figure(results[bench]["figures"])
        if value is None:
            out.append((what, target, None, None))
        else:
            out.append((what, target, form % value,
                        is_met(limit, direction, value)))
    return out


def number(value):
    return "%g" % value if value < 1000 else "{:,}".format(value)


# ---- tables ------------------------------------------------------------------

def table(head, rows):
    """Markdown; numbers are given as text."""
    lines = [head] + [["---"] * len(head)] + [[str(c) for c in row]
                                              for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def case_rows(cases):
    rows = []
    for name, c in cases.items():
        syncs = "-"
        if c.get("syncs"):
            syncs = "%.1f" % (c["messages"] / c["syncs"])
        rows.append([name, "%.0f" % c["messages_s"],
                     "%.3f" % c["cpu_ms"] if "cpu_ms" in c else "-", syncs])
    return table(["case", "messages/s", "CPU ms/message", "messages/sync"],
                 rows)


def relay(r):
    return case_rows(r["cases"]) + (
        "\nsmtp to direct %.2f, smtp to postfix %.2f; CPU of postfix to the "
        "dearer of smtp and lmtp %.1f.  20 sessions, medians of %d "
        "interleaved rounds.\n" % (
            r["ratio_direct"], r["ratio_postfix"], r["cpu_ratio"],
            len(r["cases"]["direct"]["rounds"])))


def host(r):
    return case_rows(r["cases"]) + (
        "\nlmtp to postfix %.2f, fast to postfix %.2f.  20 sessions, medians "
        "of %d interleaved rounds; syncs are ours, Postfix makes one for each "
        "message of postfix and lmtp.\n" % (
            r["ratio_lmtp"], r["ratio_fast"],
            len(r["cases"]["postfix"]["rounds"])))


def drain(r):
    return table(["messages", "seconds", "messages/s", "CPU ms/message",
                  "most memory"],
                 [["{:,}".format(r["messages"]), "%.1f" % r["seconds"],
                   "%.0f" % r["messages_s"], "%.3f" % r["cpu_ms"],
                   "%.0f MB" % r["memory_mb"]]])


def domains(r):
    a = r["addresses"]
    return table(["messages", "messages/s", "allowed/s", "CPU ms/message",
                  "limits held", "exceeded"],
                 [["{:,}".format(r["messages"]), "%.0f" % r["messages_s"],
                   "{:,}".format(r["allowed_s"]), "%.3f" % r["cpu_ms"],
                   "{:,}".format(r["limits_held"]), r["limits_broken"]]]) + (
        "\n%d source addresses: the least used carried %.0f %%, the most used "
        "%.0f %% of an even share.\n" % (a["of"], a["least"], a["most"]))


def rate(r):
    return table(["max-msg-rate", "reached", "of what is allowed",
                  "most in any second", "CPU ms/message"],
                 [["%d/s" % x["rate"], "%.1f/s" % x["reached_s"],
                   "%.1f %%" % (100 * x["reached_s"] / x["rate"]),
                   x["most_in_a_second"], "%.3f" % x["cpu_ms"]]
                  for x in r["rates"]])


def deferred(r):
    rows = [["first" if i == 0 else "again", "%.2f s" % s["ready_s"],
             "%.2f s" % s["first_s"], "%.2f s" % s["loaded_s"],
             "%.0f MB" % s["memory_mb"]["VmRSS"],
             "%.0f MB" % s["memory_mb"]["VmHWM"]]
            for i, s in enumerate(r["starts"])]
    return table(["start", "ready", "first delivery", "loaded", "memory",
                  "most memory"], rows) + (
        "\n{:,} recipients; idle {:.1f} % of a processor; stopped in "
        "{:.2f} s.\n".format(r["recipients"], r["idle_percent"],
                             r["stop_s"]))


def store(r):
    return table(["under way", "messages/s", "CPU us/message",
                  "syncs/message", "fdatasync median", "99th"],
                 [[x["under_way"], "%.0f" % x["messages_s"],
                   "%.1f" % x["cpu_us"], "%.3f" % x["syncs_per_message"],
                   "%d us" % x["sync_median_us"], "%d us" % x["sync_99_us"]]
                  for x in r["runs"]])


def sched(r):
    return table(["queues", "max-msg-rate", "decisions/s", "added/s"],
                 [["{:,}".format(x["queues"]), x["rate"],
                   "{:,.0f}".format(x["decisions_s"]),
                   "{:,.0f}".format(x["added_s"])] for x in r["runs"]])


def rules(r):
    return table(["rows", "rules", "us a reply, median", "the worst"],
                 [["{:,}".format(x["rows"]), x["rules"],
                   "%.2f" % x["median_us"], "%.2f" % x["worst_us"]]
                  for x in r["runs"]])


def signature(r):
    return table(["key", "KB", "us a signature", "libopendkim", "times"],
                 [[x["key"], x["kilobytes"], "%.1f" % x["ours_us"],
                   "%.1f" % x["libopendkim_us"], "%.1f" % x["times"]]
                  for x in r["runs"]]) + (
        "\n{:,} signatures: memory from {:,} to {:,} KB.\n".format(
            r["flat"]["signatures"], r["flat"]["before_kb"],
            r["flat"]["after_kb"]))


def acct(r):
    return table(
        ["records into", "records", "records/s", "least in 5 s",
         "CPU us/record", "behind at the end"],
        [[c["kind"], "{:,}".format(c["records"]),
          "{:,.0f}".format(c["records_s"]), "{:,}".format(c["least_s"]),
          "%.1f" % c["cpu_us"], "{:,}".format(c["behind"])]
         for c in r["chains"]]) + "\nRows alone, a second: %s.\n" % ", ".join(
        "%s %s" % (name.replace("_", " "), "{:,.0f}".format(n))
        for name, n in r["rows"].items() if not name.endswith("_bytes"))


def tools(r):
    return table(["command", "rows/s", "MB/s", "CPU s", "memory"],
                 [[x["name"], "{:,.0f}".format(x["rows_s"]),
                   "{:,.0f}".format(x["mb_s"]), "%.2f" % x["cpu_s"],
                   "%.0f MB" % x["memory_mb"]] for x in r["runs"]]) + (
        "\n{:,} rows of {:.0f} bytes, in the page cache; the better of two."
        "\n".format(r["rows"], r["bytes"] / r["rows"]))


def sign(r):
    return table(["key", "OpenDKIM, messages/CPU s", "ours", "times"],
                 [[x["kind"], "%.0f" % x["opendkim"], "%.0f" % x["mailrace"],
                   "%.1f" % x["ratio"]] for x in r["runs"]]) + (
        "\nOf the milter's process, behind one Postfix; messages of {:,} "
        "bytes, medians of {} rounds.\n".format(r["size"], r["rounds"]))


def suppress(r):
    return table(["addresses", "hashed and sorted", "the base made",
                  "longest slice", "memory, mapped files with it", "opened",
                  "look-up", "a durable change", "until it can be seen"],
                 [["{:,}".format(r["count"]), "%.1f s" % r["hash_s"],
                   "%.1f s" % r["base_s"], "%d ms" % r["slice_ms"],
                   "%d MB" % r["memory_mb"], "%.2f s" % r["open_s"],
                   "%d ns" % r["lookup_ns"], "%d us" % r["change_us"],
                   "%d ms" % r["seen_ms"]]])


TABLES = {"relay": relay, "host": host, "drain": drain, "domains": domains, "rate": rate,
          "deferred": deferred, "store": store, "sched": sched,
          "acct": acct, "tools": tools, "rules": rules, "signature": signature,
          "sign": sign, "suppress": suppress}


# ---- the document ------------------------------------------------------------

def targets_table(results, measured=False):
    """measured: without the lines that have no figure."""
    words = {True: "met", False: "**not met**", None: "not measured"}
    return table(["what", "target", "reached", ""],
                 [[what, target, reached or "-", words[met]]
                  for what, target, reached, met in judge(results)
                  if met is not None or not measured])


def where_and_when(meta):
    return ("commit %s, %s; fdatasync of 5 KB %d us (99th %d us), load %s "
            "before the run%s" % (
                meta["commit"], meta["date"], meta["sync_us"][0],
                meta["sync_us"][1], meta["load"],
                ", quick" if meta["quick"] else ""))


def section(name, title, result):
    return "## %s\n\n%s.\n\n%s" % (
        title[0].upper() + title[1:], where_and_when(result["meta"]),
        TABLES[name](result["figures"]))


def document(results, titles):
    """titles: {bench: first sentence of its description}, in order."""
    machine = next(iter(results.values()))["meta"]["machine"]
    parts = ["# Performance\n\nWritten by `./bootstrap bench --write`; not to "
             "be edited.  All programs of a bench, its source and its sink "
             "run on the one machine: %s.\n" % machine,
             "## Targets\n\n" + targets_table(results)]
    parts += [section(name, title, results[name])
              for name, title in titles.items() if name in results]
    return "\n".join(parts)
