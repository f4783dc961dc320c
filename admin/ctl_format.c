/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/ctl_format.h"

#include <stdio.h>
#include <string.h>

#include "lib/mem.h"

#define COLUMNS_MAX 16

const char *
ctl_text(const json_t *object, const char *key, char *scratch, size_t cap)
{
	const json_t *v = json_object_get(object, key);

	if (json_is_string(v))
		return json_string_value(v);
	scratch[0] = '\0';
	if (json_is_integer(v))
		(void)snprintf(scratch, cap, "%lld",
		    (long long)json_integer_value(v));
	else if (json_is_boolean(v))
		(void)snprintf(scratch, cap, "%s",
		    json_is_true(v) ? "yes" : "no");
	return scratch;
}

static void
print_row(const char *const *cells, const size_t *widths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		(void)printf("%s%-*s", i == 0 ? "" : "  ",
		    i + 1 == count ? 0 : (int)widths[i], cells[i]);
	(void)printf("\n");
}

void
ctl_table(const json_t *rows, const struct ctl_column *columns, size_t count)
{
	char scratch[COLUMNS_MAX][32];
	const char *cells[COLUMNS_MAX];
	size_t widths[COLUMNS_MAX];
	const json_t *row;
	size_t i;

	if (count > COLUMNS_MAX)
		count = COLUMNS_MAX;
	for (size_t c = 0; c < count; c++) {
		cells[c] = columns[c].heading;
		widths[c] = strlen(cells[c]);
		json_array_foreach(rows, i, row)
		{
			size_t len = strlen(ctl_text(row, columns[c].key,
			    scratch[c], sizeof(scratch[c])));

			if (len > widths[c])
				widths[c] = len;
		}
	}
	print_row(cells, widths, count);
	json_array_foreach(rows, i, row)
	{
		for (size_t c = 0; c < count; c++)
			cells[c] = ctl_text(row, columns[c].key, scratch[c],
			    sizeof(scratch[c]));
		print_row(cells, widths, count);
	}
}
