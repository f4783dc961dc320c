/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/source.h"

static const struct conf_source any_source = { .name = "" };

const struct conf_source *
source_pick(const struct vmta *vmta, const struct global_conf *global,
    uint64_t turn)
{
	if (vmta->sources.n > 0)
		return &vmta->sources.v[turn % vmta->sources.n];
	if (global->sources.n > 0)
		return &global->sources.v[turn % global->sources.n];
	return &any_source;
}

size_t
source_count(const struct vmta *vmta, const struct global_conf *global)
{
	size_t n = vmta->sources.n > 0 ? vmta->sources.n : global->sources.n;

	return n > 0 ? n : 1;
}
