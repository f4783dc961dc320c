/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of log-style reach the file and the system log, in their order; what
 * fails there holds up nobody, and our own log says so once.
 */
#include "transport/host_log.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "tests/tap.h"
#include "tests/unit/tmpdir.h"

/* Good until the fourth call behind it. */
static const char *
in_dir(const char *name)
{
	static char paths[4][300];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", tmpdir, name);
	return path;
}

/* file, sock: in the test's folder, or with a slash; "": none. */
static struct snapshot *
configure(const char *style, const char *file, const char *sock)
{
	struct conf_errors errs = { 0 };
	const char *path = in_dir("config");
	struct snapshot *conf;
	FILE *f = fopen(path, "w");

	if (f == NULL)
		return NULL;
	(void)fprintf(f,
	    "spool %s\nhost-name mail1.example.com\n"
	    "log-style %s\n",
	    tmpdir, style);
	if (file[0] != '\0')
		(void)fprintf(f, "mail-log-file %s\n",
		    file[0] == '/' ? file : in_dir(file));
	if (sock[0] != '\0')
		(void)fprintf(f, "mail-log-socket %s\n", in_dir(sock));
	(void)fclose(f);
	conf = snapshot_load(path, &errs);
	for (size_t i = 0; conf == NULL && i < errs.n; i++)
		(void)printf("# %s\n", errs.v[i].text);
	conf_errors_fini(&errs);
	return conf;
}

static const char *
read_all(const char *name)
{
	static char text[4096];
	FILE *f = fopen(in_dir(name), "r");
	size_t n = 0;

	if (f != NULL) {
		n = fread(text, 1, sizeof(text) - 1, f);
		(void)fclose(f);
	}
	text[n] = '\0';
	return text;
}

/* How often it is in our own log. */
static int
said(const char *what)
{
	const char *p = read_all("log");
	int n = 0;

	while ((p = strstr(p, what)) != NULL) {
		n++;
		p++;
	}
	return n;
}

static void
put(struct host_log *h, const struct snapshot *conf, const char *lines)
{
	struct buf b = { 0 };

	buf_str(&b, lines);
	host_log_put(h, conf, &b);
	buf_fini(&b);
}

/* Behind the time, which is 15 characters. */
static bool
is_shown(const char *line, const char *want)
{
	return strlen(line) > 15 && strncmp(line + 15, want, strlen(want)) == 0;
}

static int
listen_at(const char *name)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", in_dir(name));
	if (bind(fd, (struct sockaddr *)&un, sizeof(un)) == -1)
		(void)printf("# bind failed\n");
	return fd;
}

static void
test_both(void)
{
	struct snapshot *conf = configure("postfix", "a.log", "sock");
	int fd = listen_at("sock");
	char got[200] = "";
	struct host_log *h;
	struct err e;
	ssize_t n;

	ok(host_log_new(conf, &h, &e) == 0, "it starts");
	is_str(host_log_names(h, conf).program, "postfix", "as Postfix");
	put(h, conf, "one\ntwo\n");
	put(h, conf, "");
	put(h, conf, "three\n");
	host_log_stop(h);
	host_log_free(&h);
	ok(is_shown(read_all("a.log"), " mail1 one\n"), "the first line");
	ok(is_shown(strchr(read_all("a.log"), '\n') + 1, " mail1 two\n"),
	    "the second");
	ok(strstr(read_all("a.log"), " mail1 three\n") != NULL, "the third");
	n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);
	ok(n > 4 && strncmp(got, "<22>", 4) == 0 && is_shown(got + 4, " one"),
	    "in the system log: %s", got);
	(void)recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);
	(void)recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);
	ok(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT) == -1, "three lines");
	(void)close(fd);
	snapshot_unref(&conf);
}

/* Another file, another style; then none. */
static void
test_reload(void)
{
	struct snapshot *first = configure("postfix", "b.log", "");
	struct snapshot *second = configure("exim", "c.log", "");
	struct snapshot *last = configure("native", "", "");
	struct host_log *h;
	struct err e;

	ok(host_log_new(first, &h, &e) == 0, "it starts");
	put(h, first, "one\n");
	host_log_reload(h, second);
	put(h, second, "two\n");
	host_log_reload(h, last);
	host_log_stop(h);
	host_log_free(&h);
	ok(is_shown(read_all("b.log"), " mail1 one\n"), "the old file");
	is_str(read_all("c.log") + 20, "two\n", "the new one, as Exim");
	ok(host_log_style(last) == NULL && host_log_check(last, &e) == 0,
	    "native: nothing to check");
	snapshot_unref(&first);
	snapshot_unref(&second);
	snapshot_unref(&last);
}

static void
test_failures(void)
{
	struct snapshot *bad = configure("exim", "/nowhere/at/all.log", "");
	struct snapshot *full = configure("exim", "/dev/full", "no-socket");
	struct snapshot *good = configure("exim", "d.log", "");
	struct host_log *h;
	struct err e;

	ok(host_log_new(bad, &h, &e) == -1 && h == NULL, "no start: %s",
	    e.text);
	ok(host_log_check(bad, &e) == -1, "nor a reload");
	ok(host_log_new(full, &h, &e) == 0, "it starts");
	put(h, full, "one\n");
	put(h, full, "two\n");
	host_log_reload(h, good);
	put(h, good, "three\n");
	host_log_stop(h);
	host_log_free(&h);
	is_int(said("/dev/full: No space left"), 1, "told once");
	is_int(said("no-socket: No such file"), 1, "so is a socket");
	is_str(read_all("d.log") + 20, "three\n", "then it goes on");
	is_int(said("is written again"), 1, "which is told");
	snapshot_unref(&bad);
	snapshot_unref(&full);
	snapshot_unref(&good);
}

enum { FILLER = 65536, HEAD = 20 };

/* What stands behind the filler, without the times. */
static const char *
read_tail(const char *name)
{
	static char text[1000];
	FILE *f = fopen(in_dir(name), "r");
	char line[200];
	size_t len = 0;

	if (f == NULL)
		return "";
	(void)fseek(f, FILLER, SEEK_SET);
	while (len < sizeof(text) - sizeof(line) &&
	    fgets(line, sizeof(line), f) != NULL)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s",
		    strlen(line) > HEAD ? line + HEAD : line);
	(void)fclose(f);
	return text;
}

/*
 * The last line of another run is not whole; then a disk is full in the middle
 * of one, and has room again.
 */
static void
test_torn(void)
{
	struct snapshot *conf = configure("exim", "e.log", "");
	FILE *f = fopen(in_dir("e.log"), "w");
	struct rlimit before, small;
	struct host_log *h;
	const char *tail;
	struct err e;

	for (int i = 0; f != NULL && i < FILLER; i++)
		(void)fputc('x', f);
	if (f != NULL)
		(void)fclose(f);
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)getrlimit(RLIMIT_FSIZE, &before);
	small = before;
	small.rlim_cur = FILLER + 1 + HEAD + 4; /* "\n" head "half" */
	ok(host_log_new(conf, &h, &e) == 0, "it starts");
	(void)setrlimit(RLIMIT_FSIZE, &small);
	put(h, conf, "half a line\n");
	for (int i = 0; i < 5000 && said("e.log: File too large") == 0; i++)
		(void)usleep(1000);
	is_int(said("e.log: File too large"), 1, "that is told");
	put(h, conf, "most often lost\n");
	(void)setrlimit(RLIMIT_FSIZE, &before);
	host_log_reload(h, conf);
	put(h, conf, "whole\n");
	put(h, conf, "another\n");
	host_log_stop(h);
	host_log_free(&h);
	tail = read_tail("e.log");
	ok(strcmp(tail, "\nhalf\nwhole\nanother\n") == 0 ||
		strcmp(tail, "\nhalf\nmost often lost\nwhole\nanother\n") == 0,
	    "whole lines stand by themselves");
	snapshot_unref(&conf);
}

/* A pipe holds up neither the start, nor lines, nor the end. */
static void
test_pipe(void)
{
	struct snapshot *conf = configure("exim", "pipe", "");
	struct buf lines = { 0 };
	struct host_log *h;
	struct err e;
	int fd;

	is_int(mkfifo(in_dir("pipe"), 0600), 0, "there is a pipe");
	(void)alarm(60);
	ok(host_log_check(conf, &e) == -1, "nobody reads: %s", e.text);
	fd = open(in_dir("pipe"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ok(host_log_new(conf, &h, &e) == 0, "it starts");
	for (int n = 0; n < 4096; n++)
		buf_printf(&lines, "%01022d\n", n);
	host_log_put(h, conf, &lines);
	host_log_stop(h);
	host_log_free(&h);
	(void)alarm(0);
	is_int(said("pipe: Resource temporarily unavailable"), 1,
	    "what its reader does not take is lost");
	(void)close(fd);
	buf_fini(&lines);
	snapshot_unref(&conf);
}

/* Nobody reads: who puts lines does not notice, and memory is bounded. */
static void
test_hangs(void)
{
	struct snapshot *conf = configure("postfix", "", "deaf");
	int fd = listen_at("deaf"), small = 1;
	struct host_log *h;
	struct buf lines = { 0 };
	int64_t begin;
	struct err e;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	ok(host_log_new(conf, &h, &e) == 0, "it starts");
	begin = clock_us();
	for (int i = 0; i < 20; i++) {
		for (int n = 0; n < 1024; n++)
			buf_printf(&lines, "%01022d\n", n);
		host_log_put(h, conf, &lines);
	}
	ok(clock_us() - begin < US_PER_S, "nobody waits");
	is_int((int64_t)lines.len, 0, "the lines are gone");
	host_log_stop(h);
	host_log_free(&h);
	ok(clock_us() - begin < 10 * US_PER_S, "nor does the end");
	is_int(said("lines were dropped"), 1, "what did not fit was dropped");
	is_int(said("deaf: Resource temporarily unavailable"), 1,
	    "and what was not read is lost");
	buf_fini(&lines);
	(void)close(fd);
	snapshot_unref(&conf);
}

int
main(void)
{
	struct err e;

	(void)tmpdir_make();
	ok(log_open(in_dir("log"), &e) == 0, "our own log");
	test_both();
	test_reload();
	test_failures();
	test_torn();
	test_pipe();
	test_hangs();
	tmpdir_remove();
	return done_testing();
}
