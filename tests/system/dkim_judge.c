/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_judge DIR - what libopendkim says of the signatures of example.net in
 * DIR/(any).eml: lines of "NAME SELECTOR pass", or what is wrong in one word.
 *
 * The keys are in DIR/keys, lines of "NAME RECORD".  The split of the message
 * into fields is done here, not by the code that is judged.
 */
#include <sys/types.h>

#include <dirent.h>
#include <opendkim/dkim.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 8

static struct {
	char name[128], record[1024];
} keys[KEYS_MAX];
static size_t key_count;

static void
read_keys(const char *dir)
{
	char path[512];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/keys", dir);
	f = fopen(path, "r");
	if (f == NULL)
		return;
	while (key_count < KEYS_MAX &&
	    fscanf(f, "%127s %1023[^\n]", keys[key_count].name,
		keys[key_count].record) == 2)
		key_count++;
	(void)fclose(f);
}

static DKIM_CBSTAT
on_key(DKIM *dkim, DKIM_SIGINFO *sig, unsigned char *out, size_t cap)
{
	char name[300];

	(void)dkim;
	(void)snprintf(name, sizeof(name), "%s._domainkey.%s",
	    (char *)dkim_sig_getselector(sig), (char *)dkim_sig_getdomain(sig));
	for (size_t i = 0; i < key_count; i++)
		if (strcmp(keys[i].name, name) == 0 &&
		    strlen(keys[i].record) < cap) {
			(void)snprintf((char *)out, cap, "%s", keys[i].record);
			return DKIM_CBSTAT_CONTINUE;
		}
	return DKIM_CBSTAT_NOTFOUND;
}

static unsigned char *
read_file(const char *path, size_t *len_r)
{
	FILE *f = fopen(path, "r");
	unsigned char *p = NULL;
	size_t len = 0, cap = 0, n;

	if (f == NULL)
		return NULL;
	do {
		if (cap - len < 65536) {
			cap = cap * 2 + 131072;
			p = realloc(p, cap);
			if (p == NULL)
				abort();
		}
		n = fread(p + len, 1, cap - len - 1, f);
		len += n;
	} while (n > 0);
	(void)fclose(f);
	*len_r = len;
	return p;
}

/* Gives the fields; where the body begins. */
static size_t
give_header(DKIM *dkim, unsigned char *p, size_t len, DKIM_STAT *st)
{
	size_t at = 0;

	*st = DKIM_STAT_OK;
	while (at < len && *st == DKIM_STAT_OK) {
		size_t end = at;

		if (len - at >= 2 && memcmp(p + at, "\r\n", 2) == 0)
			return at + 2;
		for (;;) {
			unsigned char *crlf = memmem(p + end, len - end, "\r\n",
			    2);

			end = crlf == NULL ? len : (size_t)(crlf - p);
			if (end + 2 >= len ||
			    (p[end + 2] != ' ' && p[end + 2] != '\t'))
				break;
			end += 2;
		}
		*st = dkim_header(dkim, p + at, end - at);
		at = end + 2 > len ? len : end + 2;
	}
	return at;
}

static void
tell(DKIM *dkim, const char *name)
{
	DKIM_SIGINFO **sigs = NULL;
	int n = 0;

	(void)dkim_getsiglist(dkim, &sigs, &n);
	for (int i = 0; i < n; i++) {
		const char *domain = (const char *)dkim_sig_getdomain(sigs[i]);
		bool good;

		if (domain == NULL || strcmp(domain, "example.net") != 0)
			continue;
		/* The library stops at the first that passes. */
		if ((dkim_sig_getflags(sigs[i]) & DKIM_SIGFLAG_PROCESSED) == 0)
			(void)dkim_sig_process(dkim, sigs[i]);
		good = (dkim_sig_getflags(sigs[i]) & DKIM_SIGFLAG_PASSED) !=
			0 &&
		    dkim_sig_getbh(sigs[i]) == DKIM_SIGBH_MATCH;
		(void)printf("%s %s %s\n", name,
		    (const char *)dkim_sig_getselector(sigs[i]),
		    good ? "pass" :
			   dkim_sig_geterrorstr(dkim_sig_geterror(sigs[i])));
	}
	if (n == 0)
		(void)printf("%s * no signature\n", name);
}

static void
judge(DKIM_LIB *lib, const char *dir, const char *name)
{
	char path[512];
	unsigned char *p;
	size_t len, at;
	DKIM_STAT st;
	DKIM *dkim;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	p = read_file(path, &len);
	if (p == NULL)
		return;
	dkim = dkim_verify(lib, (const unsigned char *)"judge", NULL, &st);
	at = give_header(dkim, p, len, &st);
	if (st == DKIM_STAT_OK)
		st = dkim_eoh(dkim);
	if (st == DKIM_STAT_OK && at < len)
		st = dkim_body(dkim, p + at, len - at);
	if (st == DKIM_STAT_OK)
		st = dkim_eom(dkim, NULL);
	if (st == DKIM_STAT_SYNTAX || st == DKIM_STAT_INTERNAL)
		(void)printf("%s * %s\n", name, dkim_getresultstr(st));
	else
		tell(dkim, name);
	(void)dkim_free(dkim);
	free(p);
}

int
main(int argc, char **argv)
{
	DKIM_LIB *lib = dkim_init(NULL, NULL);
	struct dirent *entry;
	DIR *d;

	if (argc != 2 || lib == NULL || (d = opendir(argv[1])) == NULL)
		return 2;
	(void)dkim_set_key_lookup(lib, on_key);
	read_keys(argv[1]);
	while ((entry = readdir(d)) != NULL) {
		size_t len = strlen(entry->d_name);

		if (len > 4 && strcmp(entry->d_name + len - 4, ".eml") == 0)
			judge(lib, argv[1], entry->d_name);
	}
	(void)closedir(d);
	dkim_close(lib);
	return 0;
}
