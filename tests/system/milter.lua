-- SPDX-License-Identifier: Apache-2.0
-- Plays the host MTA to mailrace-milter, without one: miltertest -s milter.lua
-- -D sock=PATH.  Prints TAP.  The configuration is in test_milter.py, and so
-- are the messages that are too large for miltertest itself.

local count, failed = 0, 0
local mark, signature = "X-Mailrace-Mark", "DKIM-Signature"

local function ok(cond, what)
	count = count + 1
	if not cond then failed = failed + 1 end
	mt.echo((cond and "ok " or "not ok ") .. count .. " - " .. what)
end

-- One whole message.  m: ip, port, user, from, rcpts, mailer, id, headers, body.
local function send(conn, m)
	mt.macro(conn, SMFIC_CONNECT, "{client_port}", m.port or "4321")
	mt.conninfo(conn, "client.example.org", m.ip or "10.0.0.9")
	if m.user then
		mt.macro(conn, SMFIC_MAIL, "{auth_authen}", m.user)
	end
	mt.mailfrom(conn, m.from or "<a@example.net>")
	for _, rcpt in ipairs(m.rcpts or { "<x@sign.example>" }) do
		mt.macro(conn, SMFIC_RCPT, "i", m.id or "4ZqXyz", "{rcpt_mailer}",
		    m.mailer or "mailrace")
		mt.rcptto(conn, rcpt)
	end
	for _, h in ipairs(m.headers or {}) do
		mt.header(conn, h[1], h[2])
	end
	if m.body ~= "" then
		mt.bodystring(conn, m.body or "hello\r\n")
	end
	mt.eom(conn)
end

local function start()
	local conn = mt.connect("unix:" .. sock, 50, 0.1)
	if conn == nil then error "no connection" end
	return conn
end

local from = { "From", " A <a@example.net>" }

local conn = start()
send(conn, { headers = { from, { "Subject", " hi" } } })
ok(mt.test_option(conn, SMFIP_HDR_LEADSPC), "asks for the leading blank")
ok(mt.test_option(conn, SMFIP_NR_HDR), "and for no replies over unix")
ok(mt.getreply(conn) == SMFIR_CONTINUE, "a message goes on")
ok(mt.eom_check(conn, MT_HDRINSERT, signature), "signed")
ok(mt.eom_check(conn, MT_HDRINSERT, mark), "marked")
local value = mt.getheader(conn, signature, 0) or ""
ok(value:find("d=example.net;", 1, true) and
    value:find("h=From:Subject:From;", 1, true), "with the right names")
ok(value:sub(1, 5) == " v=1;", "its blank is ours to give")
ok(not value:find("\r", 1, true), "and there is no CR in it")
value = mt.getheader(conn, mark, 0) or ""
ok(value:find("vmta=ip1;", 1, true) and value:find("id=4ZqXyz;", 1, true),
    "the mark names virtual MTA and queue id")
mt.disconnect(conn)

conn = start()
send(conn, { headers = { { "X-Virtual-MTA", " ip2" }, from,
    { "X-Job", "\n\tnews-7" } } })
ok(mt.eom_check(conn, MT_HDRDELETE, "X-Virtual-MTA") and
    mt.eom_check(conn, MT_HDRDELETE, "X-Job"), "control fields go")
value = mt.getheader(conn, mark, 0) or ""
ok(value:find("vmta=ip2;", 1, true) and value:find("job=news-7;", 1, true),
    "and are honoured")
mt.disconnect(conn)

conn = start()
send(conn, { ip = "192.0.2.1", headers = { { "X-Virtual-MTA", " ip2" },
    { "X-Job", " news" }, { mark, " v=1; vmta=ip2" }, from } })
ok(mt.eom_check(conn, MT_HDRDELETE, "X-Virtual-MTA") and
    mt.eom_check(conn, MT_HDRDELETE, "X-Job") and
    mt.eom_check(conn, MT_HDRDELETE, mark),
    "from another source they go, too, as does a mark")
value = mt.getheader(conn, mark, 1) or mt.getheader(conn, mark, 0) or ""
ok(value:find("vmta=;", 1, true) and value:find("job=;", 1, true),
    "and are not honoured")
mt.disconnect(conn)

conn = start()
send(conn, { ip = "192.0.2.1", user = "bob", headers = { from } })
value = mt.getheader(conn, mark, 0) or ""
ok(value:find("vmta=ip2;", 1, true), "an authenticated user's own source")
mt.disconnect(conn)

-- As Postfix's cleanup does for sendmail(1): no angle brackets, port 0.
conn = start()
send(conn, { ip = "127.0.0.1", port = "0", from = "a@pattern.example",
    rcpts = { "x@sign.example" }, headers = { from } })
value = mt.getheader(conn, mark, 0) or ""
ok(value:find("vmta=ip2;", 1, true), "addresses without brackets match")
ok(value:find("from=61407061747465726E2E6578616D706C65;", 1, true),
    "and stand bare in the mark")
mt.disconnect(conn)

conn = start()
send(conn, { from = "<>", headers = { from } })
value = mt.getheader(conn, mark, 0) or ""
ok(value:find("from=;", 1, true), "the null sender")
mt.disconnect(conn)

conn = start()
send(conn, { mailer = "local", headers = { from, { "X-Job", " 1" } } })
ok(not mt.eom_check(conn, MT_HDRINSERT), "nothing is added to local mail")
ok(mt.eom_check(conn, MT_HDRDELETE, "X-Job"), "but control fields go")
mt.disconnect(conn)

conn = start()
send(conn, { headers = { { signature,
    " v=1; a=rsa-sha256; d=example.net;\n\ts=s1; b=old" },
    { signature, " v=1; d=other.example; s=s1; b=x" },
    { mark, " v=1; old" }, from } })
ok(mt.eom_check(conn, MT_HDRDELETE, signature) and
    mt.eom_check(conn, MT_HDRDELETE, mark) and
    mt.eom_check(conn, MT_HDRINSERT, signature),
    "run again: our own are replaced")
mt.disconnect(conn)

-- Two messages on one connection, the first one given up.
conn = start()
mt.conninfo(conn, "client.example.org", "10.0.0.9")
mt.mailfrom(conn, "<gone@pattern.example>")
mt.rcptto(conn, "<x@sign.example>")
mt.header(conn, "X-Job", " gone")
mt.abort(conn)
send(conn, { headers = { from } })
value = mt.getheader(conn, mark, 0) or ""
ok(value:find("vmta=ip1;", 1, true) and value:find("job=;", 1, true),
    "nothing is left of an aborted message")
mt.disconnect(conn)

conn = start()
mt.conninfo(conn, "client.example.org", "unspec")
mt.mailfrom(conn, "<a@b>")
mt.disconnect(conn, false)
conn = start()
send(conn, { headers = { from } })
ok(mt.getreply(conn) == SMFIR_CONTINUE, "after a connection that broke off")
mt.disconnect(conn)

mt.echo("1.." .. count)
if failed > 0 then error(failed .. " failed") end
