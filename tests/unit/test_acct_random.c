/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever happens to the writer, each record is in the files of each acct-file
 * once, and in its order; what it counts is what is there.
 *
 * Lives, of which most end as by kill -9 at any call to the disk, with blobs of
 * any size, reloads with other columns, files that end by size and by order,
 * syncs that fail, and an operator who takes files away.
 *
 *	SEED=n test_acct_random		that one
 *	ROUNDS=n test_acct_random	so many, of seeds that follow each other
 */
#include <fcntl.h>
#include <sys/wait.h>

#include "tests/unit/acct_faults.h"
#include "tests/unit/acct_life.h"

enum { BLOBS = 300, RECORDS = BLOBS * 8, LIVES = 12, SINKS = 3, CONFS = 3 };

/* Of these acct-files: what they take, and where their files go. */
static const struct {
	const char *stem, *types;
} sinks[SINKS] = { { "all", "d,b,t" }, { "some", "d" }, { "moved", "d,b" } };

static const char *const columns[CONFS] = {
	"record-fields d rcpt\n record-fields b rcpt",
	"record-fields d rcpt,queue\n record-fields b rcpt\n iso-times no",
	"record-fields d rcpt,vmta\n record-fields b rcpt,dsnDiag",
};

static uint64_t dice;

static unsigned
roll(unsigned sides)
{
	dice = dice * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)(dice >> 33) % sides;
}

/* ---- configurations ------------------------------------------------------ */

static void
write_config(int number)
{
	char name[20];
	FILE *f;

	(void)snprintf(name, sizeof(name), "conf%d", number);
	f = fopen(tmpdir_path(name), "w");
	(void)fprintf(f, "spool %s\n", tmpdir);
	for (int i = 0; i < SINKS; i++) {
		bool d_only = strcmp(sinks[i].types, "d") == 0;
		const char *end = strchr(columns[number], '\n');

		(void)fprintf(f, "<acct-file %s/%s.csv>\n records %s\n", tmpdir,
		    sinks[i].stem, sinks[i].types);
		(void)fprintf(f, " max-size 1M\n %.*s\n",
		    d_only ? (int)(end - columns[number]) : 1000,
		    columns[number]);
		if (strcmp(sinks[i].stem, "moved") == 0)
			(void)fprintf(f, " move-to %s/away\n", tmpdir);
		(void)fprintf(f, "</acct-file>\n");
	}
	(void)fclose(f);
}

/* ---- records ------------------------------------------------------------- */

static enum acct_type types[RECORDS]; /* of each record */
static unsigned record_count;

/* The address says which record it is; sometimes it is very long. */
static void
make_blobs(void)
{
	static const enum acct_type some[] = { ACCT_D, ACCT_D, ACCT_B, ACCT_T };
	static char rcpt[60300];

	life_forget_blobs();
	record_count = 0;
	for (int i = 0; i < BLOBS; i++) {
		struct buf b = { 0 };

		for (unsigned n = 1 + roll(8); n > 0; n--) {
			struct acct_record r = { .type = some[roll(4)],
				.rcpt = rcpt };
			size_t len = roll(4) == 0 ? roll(60000) : roll(200);

			(void)snprintf(rcpt, sizeof(rcpt), "r%06u@",
			    record_count);
			memset(rcpt + 8, 'x', len);
			rcpt[8 + len] = '\0';
			types[record_count++] = r.type;
			life_count(&life.ledger, r.type);
			acct_record_pack(&r, &b);
		}
		life_make_blob(&b);
		buf_fini(&b);
	}
}

/* The operator takes a file away, perhaps the current one. */
static void
take_away(void)
{
	static char list[LIFE_FILES][64];
	char from[400], to[400];
	size_t n = life_list(".", sinks[roll(2)].stem, list), which;

	if (n == 0)
		return;
	which = roll((unsigned)n);
	(void)snprintf(from, sizeof(from), "%.200s/%.63s", tmpdir, list[which]);
	(void)snprintf(to, sizeof(to), "%.200s/taken/%.63s", tmpdir,
	    list[which]);
	if (access(to, F_OK) == -1)
		(void)rename(from, to);
}

/* ---- a life -------------------------------------------------------------- */

static void
one_thing(struct snapshot *confs[CONFS])
{
	char path[300];

	switch (roll(14)) {
	case 0:
		(void)life_ask("", NULL);
		break;
	case 1:
		(void)snprintf(path, sizeof(path), "%s/%s.csv", tmpdir,
		    sinks[roll(SINKS)].stem);
		(void)life_ask("", path);
		break;
	case 2:
		acct_reload(life.a, confs[roll(CONFS)]);
		break;
	case 3:
		fault_syncs = roll(6);
		break;
	case 4:
		/*
		 * What is not durable would come again, if it ended here; some
		 * comes with the first answer.
		 */
		(void)life_ask("", NULL);
		(void)life_ask("", NULL);
		take_away();
		break;
	case 5:
		acct_reload(life.a, confs[0]); /* what failed is tried */
		(void)life_ask("", NULL);
		break;
	default:
		if (life.shared->next < life.made)
			life_feed_made();
	}
}

static void
child(unsigned number)
{
	struct snapshot *confs[CONFS];
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	char name[20];
	unsigned things = 10 + roll(120);

	(void)dup2(null, STDOUT_FILENO);
	(void)dup2(null, STDERR_FILENO);
	for (int i = 0; i < CONFS; i++) {
		(void)snprintf(name, sizeof(name), "conf%d", i);
		confs[i] = life_conf(name);
	}
	fault_calls = 0;
	fault_exit_at = roll(4) == 0 ? 0 : 1 + roll(250);
	fault_syncs = -1;
	(void)snprintf(name, sizeof(name), "conf%u", number % CONFS);
	if (!life_begin(name))
		_exit(1);
	while (things-- > 0)
		one_thing(confs);
	if (roll(2) == 0)
		_exit(0);
	life_end();
	_exit(0);
}

/* ---- what is there ------------------------------------------------------- */

struct found {
	unsigned rows, wrong, last;
	bool first;
};

static void
read_line(struct found *f, const char *line, unsigned seen[])
{
	const char *p = strstr(line, ",r");
	unsigned record = p == NULL ? RECORDS : (unsigned)atol(p + 2);

	f->rows++;
	if (line[strlen(line) - 1] != '\n' || record >= record_count ||
	    line[0] != acct_type_letter(types[record])[0]) {
		f->wrong++;
		return;
	}
	if (!f->first && record <= f->last)
		f->wrong++;
	f->first = false;
	f->last = record;
	seen[record]++;
}

/* Rows of a file are in their order; those of a folder need not be. */
static void
read_files(const char *dir, const char *stem, struct found *f, unsigned seen[])
{
	static char list[LIFE_FILES][64], name[100];
	size_t n = life_list(dir, stem, list), len = 0;
	char *line = NULL;

	for (size_t i = 0; i < n; i++) {
		FILE *file;

		(void)snprintf(name, sizeof(name), "%.20s/%.63s", dir, list[i]);
		file = fopen(tmpdir_path(name), "r");
		f->first = true;
		for (int at = 0; getline(&line, &len, file) > 0; at++)
			if (strncmp(line, "type,", 5) != 0)
				read_line(f, line, seen);
			else if (at > 0)
				f->wrong++;
		(void)fclose(file);
	}
	free(line);
}

static bool
takes(int sink, enum acct_type t)
{
	return strchr(sinks[sink].types, acct_type_letter(t)[0]) != NULL;
}

static unsigned
judge_sink(int i, const struct acct_facts *facts)
{
	static unsigned seen[RECORDS];
	struct found f = { 0 };
	unsigned bad = 0;
	uint64_t counted = 0;

	memset(seen, 0, sizeof(seen));
	read_files(".", sinks[i].stem, &f, seen);
	read_files("taken", sinks[i].stem, &f, seen);
	read_files("away", sinks[i].stem, &f, seen);
	for (unsigned n = 0; n < record_count; n++)
		if (getenv("SHOW") && seen[n] != (takes(i, types[n]) ? 1 : 0))
			printf("# %u seen %u\n", n, seen[n]);
	for (unsigned n = 0; n < record_count; n++)
		bad += seen[n] != (takes(i, types[n]) ? 1 : 0);
	for (int t = 0; t < ACCT_TYPES; t++)
		counted += facts->rows[t];
	if (bad + f.wrong > 0 || counted != f.rows || facts->dropped > 0)
		(void)printf("# %s: %u not once, %u wrong, %u of %u rows "
			     "counted\n",
		    sinks[i].stem, bad, f.wrong, (unsigned)counted, f.rows);
	return bad + f.wrong + (counted != f.rows) + (facts->dropped > 0);
}

/* The last life has no faults and gets all that is left. */
static bool
judge(void)
{
	unsigned wrong = 0;

	fault_exit_at = 0;
	fault_syncs = -1;
	if (!life_begin("conf0"))
		return false;
	while (life.shared->next < life.made)
		life_feed_made();
	for (int i = 0; i < SINKS; i++) {
		const struct acct_facts *f;
		char path[300];

		(void)snprintf(path, sizeof(path), "%s/%s.csv", tmpdir,
		    sinks[i].stem);
		wrong += !life_settle(path);
		f = life_ask(path, NULL);
		wrong += judge_sink(i, f);
		/* t has no ledger; the second takes no b. */
		wrong += i != 1 && !(f->complete && f->agrees);
	}
	life_end();
	return wrong == 0;
}

static void
clean_up(void)
{
	static const char *const dirs[] = { ".", "away", "taken" };
	static char list[LIFE_FILES][64];
	char name[100];

	for (int d = 0; d < 3; d++)
		for (int i = 0; i < SINKS; i++)
			for (size_t n = life_list(dirs[d], sinks[i].stem, list);
			     n > 0; n--) {
				(void)snprintf(name, sizeof(name), "%s/%.63s",
				    dirs[d], list[n - 1]);
				(void)unlink(tmpdir_path(name));
			}
	(void)unlink(tmpdir_path("acct-state"));
}

static bool
round_of(uint64_t seed)
{
	dice = seed;
	clean_up();
	memset(&life.ledger, 0, sizeof(life.ledger));
	make_blobs();
	for (unsigned number = 0; number < LIVES; number++) {
		uint64_t before = dice;
		pid_t pid;

		(void)fflush(stdout);
		pid = fork();
		if (pid == 0)
			child(number);
		(void)waitpid(pid, NULL, 0);
		dice = before + number + 1;
	}
	return judge();
}

int
main(void)
{
	const char *given = getenv("SEED"), *many = getenv("ROUNDS");
	uint64_t seed = given == NULL ? 1 : strtoull(given, NULL, 10);
	int rounds = many == NULL ? 4 : atoi(many); /* lint-ok: of a test */

	if (given != NULL && many == NULL)
		rounds = 1;
	life_init();
	if (mkdir(tmpdir_path("away"), 0700) == -1 ||
	    mkdir(tmpdir_path("taken"), 0700) == -1)
		return 99;
	for (int i = 0; i < CONFS; i++)
		write_config(i);
	for (; rounds > 0; rounds--, seed++)
		ok(round_of(seed), "seed %llu", (unsigned long long)seed);
	clean_up();
	life_forget();
	return done_testing();
}
