"""A client for test_watch.lua that may break every rule of HTTP.

    python3 watch_client.py PORT REQUESTS ANSWERS

REQUESTS is a JSON list; each entry is sent over a connection of its own and
what came back goes to ANSWERS, a JSON list of texts (a character per byte):
    {"send": TEXT}                  reads until the server closes
    {"send": TEXT, "events": N}     reads N events of a stream, then leaves
    {"send": TEXT, "into": FILE}    appends what comes to FILE, to the end
    {"send": TEXT, "deaf": true}    reads nothing, and stays to the end
    {"send": TEXT, "leave": true}   closes at once
    {"wait": FILE}                  until that file is there
Entries with "many": N are done N times, side by side where nothing is read.
"""
import json
import os
import socket
import sys
import threading
import time

port, requests, answers = int(sys.argv[1]), sys.argv[2], sys.argv[3]
kept = []


def connect(text):
    s = socket.create_connection(("127.0.0.1", port), timeout=100)
    try:
        s.sendall(text.encode("latin-1"))
    except OSError:
        pass  # refused before all was sent; the answer says why
    return s


def receive(s):
    try:
        return s.recv(65536)
    except OSError:
        return b""


def read_all(s, events):
    got = b""
    while True:
        part = receive(s)
        got += part
        if not part or events and got.count(b"\nid: ") >= events \
                and got.endswith(b"\n\n\r\n"):
            return got.decode("latin-1")


def copy(s, path):
    with open(path, "ab", 0) as file:
        while True:
            part = receive(s)
            if not part:
                return
            file.write(part)


def do(entry):
    if "wait" in entry:
        while not os.path.exists(entry["wait"]):
            time.sleep(0.01)
        return ""
    s = connect(entry["send"])
    if entry.get("leave"):
        s.close()
    elif entry.get("deaf"):
        kept.append(s)
    elif "into" in entry:
        thread = threading.Thread(target=copy, args=(s, entry["into"]))
        thread.start()
        kept.append(s)
    else:
        text = read_all(s, entry.get("events", 0))
        s.close()
        return text
    return ""


with open(requests) as file:
    todo = json.load(file)
got = [do(e) for e in todo for _ in range(e.get("many", 1))]
with open(answers + ".part", "w") as file:
    json.dump(got, file)
os.rename(answers + ".part", answers)
for s in kept:
    try:
        s.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    s.close()
