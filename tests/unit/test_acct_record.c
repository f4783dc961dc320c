/* SPDX-License-Identifier: Apache-2.0 */
/* A record survives the outbox and becomes PowerMTA's 23 columns. */
#include <stdlib.h>

#include "lib/mem.h"
#include "tests/tap.h"
#include "transport/acct_record.h"

static const char header[] =
    "type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag,"
    "dsnMta,bounceCat,srcType,srcMta,dlvType,dlvSourceIp,dlvDestinationIp,"
    "dlvEsmtpAvailable,dlvSize,vmta,jobId,envId,queue,vmtaPool\r\n";

static const char row[] =
    "b,1970-01-02 00:00:00+0000,1970-01-01 00:00:01+0000,a@example.com,"
    "b@example.net,,failed,5.1.1 (bad destination mailbox address),"
    "\"smtp;550 5.1.1 no \"\"b\"\", sorry\",mx (127.0.0.2),bad-mailbox,smtp,"
    "h (127.0.0.1),smtp,127.0.0.3,127.0.0.2,\"PIPELINING,SIZE\",,v1,job,,"
    "example.net/v1,\r\n";

int
main(void)
{
	struct acct_record in = { .type = 'b',
		.logged_us = INT64_C(86400000000),
		.queued_us = 1000000,
		.orig = "a@example.com",
		.rcpt = "b@example.net",
		.dsn_action = "failed",
		.dsn_status = { { 5, 1, 1 } },
		.dsn_diag = "smtp;550 5.1.1 no \"b\", sorry",
		.dsn_mta = "mx (127.0.0.2)",
		.bounce_cat = "bad-mailbox",
		.src_type = "smtp",
		.src_mta = "h (127.0.0.1)",
		.dlv_type = "smtp",
		.dlv_source_ip = "127.0.0.3",
		.dlv_destination_ip = "127.0.0.2",
		.dlv_esmtp = "PIPELINING,SIZE",
		.vmta = "v1",
		.job_id = "job",
		.queue = "example.net/v1" };
	struct acct_record out;
	struct buf bytes = { 0 }, csv = { 0 };
	const char *p;
	size_t left, broken = 0;

	acct_record_pack(&in, &bytes);
	acct_record_pack(&in, &bytes);
	p = bytes.p;
	left = bytes.len;
	is_int(acct_record_unpack(&p, &left, &out), ACCT_RECORD, "the first");
	acct_csv_header(&csv);
	is_str(buf_cstr(&csv), header, "the header");
	buf_clear(&csv);
	acct_csv_row(&out, &csv);
	is_str(buf_cstr(&csv), row, "the row, quoted as RFC 4180 says");
	is_int(acct_record_unpack(&p, &left, &out), ACCT_RECORD, "the second");
	is_int(acct_record_unpack(&p, &left, &out), ACCT_END, "no third");
	for (size_t len = 1; len < bytes.len / 2; len++) {
		char *cut = mem_dup(bytes.p, len);

		p = cut;
		left = len;
		if (acct_record_unpack(&p, &left, &out) == ACCT_BROKEN)
			broken++;
		free(cut);
	}
	is_int((int64_t)broken, (int64_t)bytes.len / 2 - 1,
	    "every shorter form is refused");
	buf_fini(&bytes);
	buf_fini(&csv);
	return done_testing();
}
