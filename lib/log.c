/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"

#define FOREIGN_MAX 500

static _Atomic int log_fd = STDERR_FILENO;
static _Atomic int log_level = LOG_L_INFO;
static char log_path[512];
static char log_program[32] = "mailrace";
static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER; /* guards:
    log_path, log_program and the opening of log_fd */

static int
open_at(const char *path, struct err *e)
{
	int fd, old;

	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (fd == -1)
		return err_sys(e, "%s", path);
	old = atomic_load(&log_fd);
	if (old == STDERR_FILENO) {
		atomic_store(&log_fd, fd);
		return 0;
	}
	/* The number stays, so that a line being written lands somewhere. */
	if (dup3(fd, old, O_CLOEXEC) == -1) {
		(void)err_sys(e, "%s", path);
		(void)close(fd);
		return -1;
	}
	(void)close(fd);
	return 0;
}

int
log_open(const char *path, struct err *e)
{
	int rc;

	(void)pthread_mutex_lock(&open_lock);
	rc = open_at(path, e);
	if (rc == 0)
		(void)snprintf(log_path, sizeof(log_path), "%s", path);
	(void)pthread_mutex_unlock(&open_lock);
	return rc;
}

int
log_reopen(struct err *e)
{
	int rc = 0;

	(void)pthread_mutex_lock(&open_lock);
	if (log_path[0] != '\0')
		rc = open_at(log_path, e);
	(void)pthread_mutex_unlock(&open_lock);
	return rc;
}

void
log_set_level(enum log_level level)
{
	atomic_store(&log_level, (int)level);
}

bool
log_wants(enum log_level level)
{
	return (int)level <= atomic_load(&log_level);
}

static const char level_names[][6] = { "error", "warn", "info", "debug" };

enum log_level
log_level_of(const char *name)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(*level_names); i++)
		if (strcmp(name, level_names[i]) == 0)
			return (enum log_level)i;
	return LOG_L_INFO;
}

void
log_set_program(const char *name)
{
	(void)pthread_mutex_lock(&open_lock);
	(void)snprintf(log_program, sizeof(log_program), "%s", name);
	(void)pthread_mutex_unlock(&open_lock);
}

/* ---- lines --------------------------------------------------------------- */

static void
add(struct log_line *l, const char *p, size_t len)
{
	size_t room = sizeof(l->text) - 1 - l->len; /* keeps the newline's */

	if (len > room)
		len = room;
	memcpy(l->text + l->len, p, len);
	l->len += len;
}

static void
add_key(struct log_line *l, const char *key)
{
	add(l, " ", 1);
	add(l, key, strlen(key));
	add(l, "=", 1);
}

void
log_begin(struct log_line *l, enum log_level level, const char *id,
    const char *event)
{
	char when[40];
	int64_t now;
	int len;

	l->level = level;
	l->len = 0;
	l->off = !log_wants(level);
	if (l->off)
		return;
	now = clock_wall_us();
	(void)clock_iso(when, sizeof(when), now);
	len = snprintf(l->text, sizeof(l->text), "%.19s.%03dZ %s %s: %s %s",
	    when, (int)(now / 1000 % 1000), log_program, level_names[level],
	    id == NULL ? "-" : id, event);
	l->len = len < 0 ? 0 : (size_t)len;
	if (l->len >= sizeof(l->text))
		l->len = sizeof(l->text) - 1;
}

static bool
is_plain(const char *p, size_t len)
{
	if (len == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c <= ' ' || c == '"' || c == '\\' || c == 0x7f)
			return false;
	}
	return true;
}

static void
add_text(struct log_line *l, const char *key, const char *p, size_t len)
{
	size_t shown = len > FOREIGN_MAX ? FOREIGN_MAX : len;

	if (l->off)
		return;
	add_key(l, key);
	if (is_plain(p, shown) && shown == len) {
		add(l, p, len);
		return;
	}
	add(l, "\"", 1);
	for (size_t i = 0; i < shown; i++) {
		unsigned char c = (unsigned char)p[i];
		char esc[8];

		if (c == '"' || c == '\\') {
			add(l, "\\", 1);
			add(l, p + i, 1);
		} else if (c < ' ' || c == 0x7f) {
			(void)snprintf(esc, sizeof(esc), "\\x%02x", c);
			add(l, esc, 4);
		} else {
			add(l, p + i, 1);
		}
	}
	if (shown < len)
		add(l, "...", 3);
	add(l, "\"", 1);
}

void
log_str(struct log_line *l, const char *key, const char *value)
{
	add_text(l, key, value, strlen(value));
}

void
log_int(struct log_line *l, const char *key, int64_t value)
{
	char text[24];
	int len;

	if (l->off)
		return;
	add_key(l, key);
	len = snprintf(text, sizeof(text), "%lld", (long long)value);
	add(l, text, (size_t)len);
}

void
log_fmt(struct log_line *l, const char *key, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int len;

	if (l->off)
		return;
	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (len < 0)
		return;
	add_text(l, key, text,
	    (size_t)len >= sizeof(text) ? sizeof(text) - 1 : (size_t)len);
}

void
log_end(struct log_line *l)
{
	ssize_t n;

	if (l->off)
		return;
	l->text[l->len] = '\n';
	do
		n = write(atomic_load(&log_fd), l->text, l->len + 1);
	while (n == -1 && errno == EINTR);
	/* Nowhere is left to report a log that cannot be written. */
}

void
log_note(enum log_level level, const char *event, const char *fmt, ...)
{
	struct log_line l;
	char text[1024];
	va_list ap;

	log_begin(&l, level, NULL, event);
	if (l.off)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_str(&l, "text", text);
	log_end(&l);
}
