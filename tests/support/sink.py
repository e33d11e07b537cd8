"""Where messages arrive in tests: an HTTP or an SMTP server on a port of 127.0.0.1.

    python3 sink.py http|https|smtp|smtps FOLDER [CERT KEY]

It prints "listening on PORT". What arrives is written into FOLDER as 1, 2, ... in order of arrival:
of a request its first line, headers, a blank line, and the body; of a mail the envelope as lines
"FROM ..." and "TO ..." with "TLS yes|no" and "AUTH user/password", a blank line, and the message.

How it answers stands in the file FOLDER/answer, which is read each time; missing: as all goes well.
    HTTP: a status, then a body            500 try later
    SMTP: the reply to DATA, or to RCPT of one recipient
                                           data 451 try later | rcpt b@example.com 550 no such user
    both: hang (nothing is answered), close (the connection is closed)
With CERT and KEY smtp offers STARTTLS; https and smtps speak TLS from the first byte.
"""
import base64
import os
import socket
import ssl
import sys
import threading

kind, folder = sys.argv[1], sys.argv[2]
context = None
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
lock = threading.Lock()
count = len([n for n in os.listdir(folder) if n.isdigit()])


def keep(data):
    global count
    with lock:
        count += 1
        name = os.path.join(folder, str(count))
        with open(name + ".new", "wb") as f:
            f.write(data)
        os.rename(name + ".new", name)


def wanted():
    try:
        with open(os.path.join(folder, "answer")) as f:
            return f.read().strip()
    except FileNotFoundError:
        return ""


def hang(c):
    while c.recv(1):
        pass


def http(c):
    f = c.makefile("rb")
    head = b""
    while True:
        line = f.readline()
        if not line:
            return
        head += line
        if line in (b"\r\n", b"\n"):
            break
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    keep(head + f.read(length))
    answer = wanted()
    if answer == "hang":
        return hang(c)
    if answer == "close":
        return
    status, _, body = (answer or "200 ok").partition(" ")
    extra = "Location: /elsewhere\r\n" if status.startswith("3") else ""
    c.sendall(("HTTP/1.1 %s Said\r\n%sConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (
        status, extra, len(body.encode()), body)).encode())


def smtp(c, tls):
    f = c.makefile("rb")

    def say(text):
        c.sendall((text + "\r\n").encode())

    envelope, user = [], ""
    answer = wanted()
    if answer == "hang":
        return hang(c)
    say("220 sink")
    while True:
        line = f.readline()
        if not line:
            return
        word = line.decode().strip()
        verb = word.split(" ")[0].upper()
        if answer == "close":
            return
        if verb == "EHLO":
            say("250-sink")
            if context and not tls:
                say("250-STARTTLS")
            if tls:
                say("250-AUTH PLAIN")
            say("250 8BITMIME")
        elif verb == "STARTTLS":
            say("220 go on")
            f.close()
            c = context.wrap_socket(c, server_side=True)
            f, tls = c.makefile("rb"), True
        elif verb == "AUTH":
            parts = word.split(" ")
            if len(parts) == 3:
                said = parts[2]
            else:
                say("334 ")
                said = f.readline().decode().strip()
            user = base64.b64decode(said).decode().split("\0", 1)[1].replace("\0", "/")
            say("235 yes")
        elif verb == "MAIL":
            envelope.append("FROM " + word.split(":", 1)[1])
            say("250 yes")
        elif verb == "RCPT":
            envelope.append("TO " + word.split(":", 1)[1])
            who, _, reply = answer[5:].partition(" ")
            say(reply if answer.startswith("rcpt ") and who in word else "250 yes")
        elif verb == "DATA":
            say("354 go on")
            message = b""
            while True:
                line = f.readline()
                if not line or line == b".\r\n":
                    break
                message += line[1:] if line.startswith(b".") else line
            envelope += ["TLS " + ("yes" if tls else "no"), "AUTH " + user]
            keep("\n".join(envelope).encode() + b"\n\n" + message)
            say(answer[5:] if answer.startswith("data ") else "250 yes")
        elif verb == "QUIT":
            say("221 bye")
            return
        else:
            say("502 what")


def serve(c):
    try:
        if kind in ("https", "smtps"):
            c = context.wrap_socket(c, server_side=True)
        http(c) if kind.startswith("http") else smtp(c, kind == "smtps")
    except (OSError, ValueError):
        pass
    finally:
        c.close()


door = socket.create_server(("127.0.0.1", 0))
print("listening on %d" % door.getsockname()[1], flush=True)
while True:
    peer, _ = door.accept()
    threading.Thread(target=serve, args=(peer,), daemon=True).start()
