/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/host_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "compat/exim/ex_log.h"
#include "compat/log_text.h"
#include "compat/postfix/pf_log.h"
#include "lib/check.h"
#include "lib/clock.h"
#include "lib/count.h"
#include "lib/gauge.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/worker.h"

/* Lines that wait for the thread, and those that wait to be written. */
#define WAITING_MAX ((uint32_t)16 << 20)
#define WRITE_AFTER ((size_t)1 << 18)
/* After a failure it is tried again so much later; a send waits so long. */
#define RETRY_US US_PER_S
#define SEND_PATIENCE_S 1

/* LOG_MAIL | LOG_INFO (RFC 3164, 4.1.1). */
#define PRIORITY "<22>"

struct host_log {
	struct worker *worker;
	struct gauge *waiting; /* bytes */
	struct count dropped;  /* lines that did not fit in there */
	long pid;

	/* The thread's, once it runs. */
	struct snapshot *conf;
	int fd, sock;        /* or -1 */
	struct buf out;      /* behind a newline, which is for: */
	bool torn;           /* the last line of the file is not whole */
	bool failed, silent; /* the file, the socket */
	int64_t retry_us, call_us;
	uint64_t told; /* of dropped */
	int64_t second;
	const struct log_style *style; /* that the heads are of */
	struct buf head, sys_head;     /* of that second */
};

const struct log_style *
host_log_style(const struct snapshot *conf)
{
	static const struct {
		const char *word;
		const struct log_style *style;
	} styles[] = { { "postfix", &pf_log_style },
		{ "exim", &ex_log_style } };
	const char *word = snapshot_global(conf)->log_style;

	for (size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++)
		if (word != NULL && strcmp(word, styles[i].word) == 0)
			return styles[i].style;
	return NULL;
}

struct log_names
host_log_names(const struct host_log *h, const struct snapshot *conf)
{
	const struct global_conf *g = snapshot_global(conf);
	const struct log_style *style = host_log_style(conf);

	CHECK(style != NULL); /* native has no such lines */
	return (struct log_names){ .program = g->mail_log_name[0] != '\0' ?
		    g->mail_log_name :
		    style->program,
		.host = g->host_name,
		.pid = h->pid };
}

/* ---- the file ------------------------------------------------------------ */

/* 0: there is none to be; -1: it cannot be opened. */
static int
open_file(const struct snapshot *conf, int *fd_r, struct err *e)
{
	const char *path = snapshot_global(conf)->mail_log_file;

	*fd_r = -1;
	if (host_log_style(conf) == NULL || path[0] == '\0')
		return 0;
	/* A pipe that nobody reads from must hold up nobody. */
	*fd_r = open(path,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0640);
	return *fd_r == -1 ? err_sys(e, "%s", path) : 0;
}

int
host_log_check(const struct snapshot *conf, struct err *e)
{
	int fd, rc = open_file(conf, &fd, e);

	if (fd != -1)
		(void)close(fd);
	return rc;
}

static void
close_at(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

static void
file_fails(struct host_log *h, const char *why)
{
	if (!h->failed)
		log_note(LOG_L_ERROR, "host-log", "%s; lines are lost", why);
	h->failed = true;
	h->retry_us = clock_us() + RETRY_US;
}

static void
file_is_well(struct host_log *h)
{
	if (h->failed)
		log_note(LOG_L_INFO, "host-log",
		    "mail-log-file is written again");
	h->failed = false;
}

/* Is the last line not whole?  By a full disk, or a process that was ended. */
static bool
is_torn(int written, const char *path)
{
	struct stat st;
	char last = '\n';
	int fd;

	if (fstat(written, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_size == 0)
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return false;
	if (pread(fd, &last, 1, st.st_size - 1) != 1)
		last = '\n';
	(void)close(fd);
	return last != '\n';
}

static void
take_file(struct host_log *h, int fd)
{
	close_at(&h->fd);
	h->fd = fd;
	h->torn = fd != -1 &&
	    is_torn(fd, snapshot_global(h->conf)->mail_log_file);
}

static void
reopen(struct host_log *h)
{
	struct err e;
	int fd;

	if (open_file(h->conf, &fd, &e) == -1) {
		file_fails(h, e.text);
		return;
	}
	take_file(h, fd);
	h->retry_us = 0;
}

/* Where the end is that was written. */
static size_t
write_from(struct host_log *h, size_t at)
{
	while (at < h->out.len) {
		ssize_t n = write(h->fd, h->out.p + at, h->out.len - at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			break;
		at += (size_t)n;
	}
	return at;
}

static void
write_out(struct host_log *h)
{
	size_t begin, end;
	struct err e;

	if (h->failed && clock_us() >= h->retry_us)
		reopen(h);
	if (h->out.len == 0 || h->fd == -1 ||
	    (h->failed && clock_us() < h->retry_us)) {
		buf_clear(&h->out);
		return;
	}
	begin = h->torn ? 0 : 1;
	end = write_from(h, begin);
	if (end < h->out.len) {
		(void)err_sys(&e, "%s",
		    snapshot_global(h->conf)->mail_log_file);
		file_fails(h, e.text);
	} else {
		file_is_well(h);
	}
	if (end > begin)
		h->torn = h->out.p[end - 1] != '\n';
	buf_clear(&h->out);
}

/* ---- the system log ------------------------------------------------------ */

static void
socket_fails(struct host_log *h)
{
	struct err e;

	(void)err_sys(&e, "%s", snapshot_global(h->conf)->mail_log_socket);
	if (!h->silent)
		log_note(LOG_L_ERROR, "host-log", "%s; lines are lost", e.text);
	h->silent = true;
	h->call_us = clock_us() + RETRY_US;
	close_at(&h->sock);
}

/* A system log that does not read must not hold up the file for long. */
static bool
is_connected(struct host_log *h)
{
	const struct timeval patience = { .tv_sec = SEND_PATIENCE_S };
	const char *path = snapshot_global(h->conf)->mail_log_socket;
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (h->sock != -1)
		return true;
	if (path[0] == '\0' || clock_us() < h->call_us)
		return false;
	h->sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	if (h->sock == -1 ||
	    setsockopt(h->sock, SOL_SOCKET, SO_SNDTIMEO, &patience,
		sizeof(patience)) == -1 ||
	    connect(h->sock, (struct sockaddr *)&un, sizeof(un)) == -1) {
		socket_fails(h);
		return false;
	}
	return true;
}

static void
send_line(struct host_log *h, char *p, size_t len)
{
	struct iovec parts[] = { { h->sys_head.p, h->sys_head.len },
		{ p, len } };
	const struct msghdr m = { .msg_iov = parts, .msg_iovlen = 2 };

	if (!is_connected(h))
		return;
	if (sendmsg(h->sock, &m, MSG_NOSIGNAL) == -1) {
		socket_fails(h);
		return;
	}
	if (h->silent)
		log_note(LOG_L_INFO, "host-log",
		    "mail-log-socket takes lines again");
	h->silent = false;
}

/* ---- lines --------------------------------------------------------------- */

struct batch {
	struct post post;
	struct host_log *log;
	struct snapshot *conf; /* that they were made by */
	uint32_t taken;        /* of what may wait */
	size_t len;
	char *lines;
};

/* The text in front of a line is the same for a second. */
static void
make_heads(struct host_log *h, const struct snapshot *conf)
{
	struct log_names names = host_log_names(h, conf);
	const struct log_style *style = host_log_style(conf);
	time_t now = (time_t)(clock_wall_us() / US_PER_S);
	char host[256];
	struct tm tm;

	CHECK(style != NULL);
	if (now == h->second && style == h->style)
		return;
	CHECK(localtime_r(&now, &tm) != NULL);
	h->second = now;
	h->style = style;
	(void)snprintf(host, sizeof(host), "%.*s",
	    (int)strcspn(names.host, "."), names.host);
	names.host = host;
	buf_clear(&h->head);
	style->head(&names, &tm, false, &h->head);
	buf_clear(&h->sys_head);
	buf_str(&h->sys_head, PRIORITY);
	log_stamp(&h->sys_head, &tm);
	style->head(&names, &tm, true, &h->sys_head);
}

static void
add_line(struct host_log *h, char *p, size_t len)
{
	if (h->fd != -1 || h->failed) {
		if (h->out.len == 0)
			buf_byte(&h->out, '\n');
		buf_add(&h->out, h->head.p, h->head.len);
		buf_add(&h->out, p, len + 1); /* with its newline */
	}
	send_line(h, p, len);
}

static void
on_batch(struct post *p)
{
	struct batch *b = post_owner(p, struct batch, post);
	struct host_log *h = b->log;
	char *at = b->lines, *end = b->lines + b->len;

	/* Of before a reload that brought another style: not into its file. */
	if (host_log_style(b->conf) != host_log_style(h->conf))
		at = end;
	else
		make_heads(h, b->conf);
	while (at < end) {
		char *nl = memchr(at, '\n', (size_t)(end - at));

		CHECK(nl != NULL);
		add_line(h, at, (size_t)(nl - at));
		at = nl + 1;
	}
	gauge_give(h->waiting, b->taken);
	if (h->out.len > WRITE_AFTER)
		write_out(h);
	snapshot_unref(&b->conf);
	free(b->lines);
	free(b);
}

static void
on_round(void *arg)
{
	struct host_log *h = arg;
	uint64_t dropped = count_read(&h->dropped);

	write_out(h);
	if (dropped == h->told)
		return;
	log_note(LOG_L_ERROR, "host-log",
	    "%llu lines were dropped: they are not written fast enough",
	    (unsigned long long)(dropped - h->told));
	h->told = dropped;
}

static size_t
count_lines(const struct buf *lines)
{
	size_t n = 0;

	for (size_t i = 0; i < lines->len; i++)
		n += lines->p[i] == '\n';
	return n;
}

void
host_log_put(struct host_log *h, const struct snapshot *conf, struct buf *lines)
{
	uint32_t len = lines->len > WAITING_MAX ? WAITING_MAX :
						  (uint32_t)lines->len;
	struct batch *b;

	if (len == 0)
		return;
	if (!gauge_take(h->waiting, len, WAITING_MAX)) {
		count_add(&h->dropped, count_lines(lines));
		buf_clear(lines);
		return;
	}
	b = mem_new(struct batch);
	b->post.fn = on_batch;
	b->log = h;
	b->conf = snapshot_ref(conf);
	b->taken = len;
	b->lines = buf_take(lines, &b->len);
	worker_post(h->worker, &b->post);
}

/* ---- life ---------------------------------------------------------------- */

struct order {
	struct post post;
	struct host_log *log;
	struct snapshot *conf;
};

static void
on_reload(struct post *p)
{
	struct order *o = post_owner(p, struct order, post);
	struct host_log *h = o->log;

	write_out(h);
	snapshot_unref(&h->conf);
	h->conf = o->conf;
	h->second = 0; /* the name may be another one */
	reopen(h);
	close_at(&h->sock);
	h->call_us = 0;
	free(o);
}

void
host_log_reload(struct host_log *h, const struct snapshot *conf)
{
	struct order *o = mem_new(struct order);

	o->post.fn = on_reload;
	o->log = h;
	o->conf = snapshot_ref(conf);
	worker_post(h->worker, &o->post);
}

int
host_log_new(const struct snapshot *conf, struct host_log **h_r, struct err *e)
{
	struct host_log *h = mem_new(struct host_log);
	int fd;

	*h_r = NULL;
	h->waiting = gauge_new();
	h->pid = (long)getpid();
	h->conf = snapshot_ref(conf);
	h->sock = -1;
	h->fd = -1;
	if (open_file(conf, &fd, e) == -1) {
		host_log_free(&h);
		return -1;
	}
	take_file(h, fd);
	h->worker = worker_new("host-log", e);
	if (h->worker == NULL) {
		host_log_free(&h);
		return -1;
	}
	worker_on_round(h->worker, on_round, h);
	if (worker_start(h->worker, e) == -1) {
		host_log_free(&h);
		return -1;
	}
	*h_r = h;
	return 0;
}

void
host_log_stop(struct host_log *h)
{
	if (h == NULL)
		return;
	worker_stop(h->worker);
	worker_join(h->worker);
}

void
host_log_free(struct host_log **hp)
{
	struct host_log *h = *hp;

	*hp = NULL;
	if (h == NULL)
		return;
	close_at(&h->fd);
	close_at(&h->sock);
	worker_free(&h->worker);
	gauge_unref(&h->waiting);
	snapshot_unref(&h->conf);
	buf_fini(&h->out);
	buf_fini(&h->head);
	buf_fini(&h->sys_head);
	free(h);
}
