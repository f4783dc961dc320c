/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/control_rows.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

void
control_rows_init(struct control_rows *r, const struct control_rows_kind *kind,
    struct ctl_request *request, struct worker *main)
{
	*r = (struct control_rows){
		.kind = kind,
		.request = request,
		.main = main,
	};
}

static void *
row_at(const struct control_rows *r, size_t i)
{
	return r->rows + i * r->kind->row_size;
}

void
control_rows_fini(struct control_rows *r)
{
	for (size_t i = 0; i < r->count; i++)
		r->kind->fini(row_at(r, i));
	free(r->rows);
	r->rows = NULL;
	r->count = r->cap = 0;
}

void *
control_rows_add(struct control_rows *r)
{
	void *row;

	if (r->count == r->cap) {
		r->cap = r->cap * 2 + 16;
		r->rows = mem_realloc(r->rows, r->cap * r->kind->row_size);
	}
	row = row_at(r, r->count);
	r->count++;
	memset(row, 0, r->kind->row_size);
	return row;
}

static bool
send_one(void *ctx, struct ctl_request *request)
{
	struct control_rows *r = ctx;

	if (!ctl_is_gone(request) && r->next < r->count) {
		ctl_item(request, r->kind->json(row_at(r, r->next)));
		r->next++;
		return true;
	}
	ctl_done(request,
	    json_pack("{s:I,s:I}", "shown", (json_int_t)r->count, "matched",
		(json_int_t)r->matched));
	control_rows_fini(r);
	r->kind->done(r);
	return false;
}

static void
on_home(struct post *p)
{
	struct control_rows *r = post_owner(p, struct control_rows, home);

	ctl_stream(r->request, send_one, r);
}

void
control_rows_send(struct control_rows *r)
{
	r->home.fn = on_home;
	worker_post(r->main, &r->home);
}
