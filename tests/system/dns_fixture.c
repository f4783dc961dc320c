/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/dns_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_MAX_ 512

static void
path(char out[128], const struct dns_fixture *f, const char *name)
{
	(void)snprintf(out, 128, "%s/%s", f->dir, name);
}

static void
remove_files(const struct dns_fixture *f)
{
	char name[128];

	path(name, f, "zone");
	(void)unlink(name);
	path(name, f, "log");
	(void)unlink(name);
	(void)rmdir(f->dir);
}

_Noreturn static void
bail(const struct dns_fixture *f, const char *what)
{
	remove_files(f);
	(void)printf("Bail out! %s\n", what);
	exit(1);
}

static void
write_zone(const struct dns_fixture *f, const char *zone)
{
	char name[128];
	FILE *out;

	path(name, f, "zone");
	out = fopen(name, "w");
	if (out == NULL || fputs(zone, out) == EOF || fclose(out) == EOF)
		bail(f, "cannot write the zone");
}

_Noreturn static void
run_server(const struct dns_fixture *f, int out)
{
	const char *top = getenv("top_srcdir");
	char program[512], zone[128], log[128];

	(void)snprintf(program, sizeof(program), "%s/tests/system/%s",
	    top == NULL ? "." : top, "dns_server.py");
	path(zone, f, "zone");
	path(log, f, "log");
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (dup2(out, STDOUT_FILENO) == -1)
		_exit(127);
	(void)execl("/usr/bin/python3", "python3", program, "--listen",
	    "127.0.0.1:0", "--zone", zone, "--log", log, (char *)NULL);
	_exit(127);
}

void
dns_fixture_start(struct dns_fixture *f, const char *zone)
{
	char line[LINE_MAX_];
	int fds[2];
	FILE *in;

	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/mailrace-dns-XXXXXX");
	if (mkdtemp(f->dir) == NULL || pipe2(fds, O_CLOEXEC) == -1)
		bail(f, "no directory or pipe");
	write_zone(f, zone);
	f->pid = fork();
	if (f->pid == -1)
		bail(f, "fork");
	if (f->pid == 0)
		run_server(f, fds[1]);
	(void)close(fds[1]);
	in = fdopen(fds[0], "r");
	f->where[0] = '\0';
	while (in != NULL && fgets(line, sizeof(line), in) != NULL) {
		if (strcmp(line, "ready\n") == 0)
			break;
		(void)sscanf(line, "listening %63s", f->where);
	}
	if (in == NULL || f->where[0] == '\0')
		bail(f, "dns_server.py does not start");
	(void)fclose(in);
}

void
dns_fixture_stop(struct dns_fixture *f)
{
	int status;

	(void)kill(f->pid, SIGTERM);
	(void)waitpid(f->pid, &status, 0);
	remove_files(f);
}

/* Reads the log; proto gets that of the last question that fits. */
static int
read_log(const struct dns_fixture *f, const char *name, const char *type,
    char proto[8])
{
	char file[128], line[LINE_MAX_], want[400];
	FILE *in;
	int n = 0;

	proto[0] = '\0';
	path(file, f, "log");
	(void)snprintf(want, sizeof(want), "\"name\": \"%s\", \"type\": \"%s\"",
	    name, type);
	in = fopen(file, "r");
	if (in == NULL)
		return 0;
	while (fgets(line, sizeof(line), in) != NULL) {
		if (strstr(line, want) == NULL)
			continue;
		n++;
		(void)snprintf(proto, 8, "%s",
		    strstr(line, "\"tcp\"") != NULL ? "tcp" : "udp");
	}
	(void)fclose(in);
	return n;
}

int
dns_fixture_asked(const struct dns_fixture *f, const char *name,
    const char *type)
{
	char proto[8];

	return read_log(f, name, type, proto);
}

const char *
dns_fixture_proto(const struct dns_fixture *f, const char *name,
    const char *type)
{
	static char proto[8];

	(void)read_log(f, name, type, proto);
	return proto;
}
