/* SPDX-License-Identifier: ISC */
/* 06-errors - a domain of your own: codes with words, and kinds for the rest
 *
 * Code that knows the domain asks for the code; code that does not asks for the
 * kind; and everybody can print it.
 */
#include <leat/leat.h>

#include <stdio.h>

enum { FOG = 1, STORM };

static leat_kind weather_kind(int code)
{
	return code == FOG ? LEAT_TIMEOUT : LEAT_UNREACHABLE;
}

static int weather_print(int code, char *out, size_t room)
{
	return snprintf(out, room, "%s", code == FOG ? "fog: nothing to be seen" : "storm: no way through");
}

static const leat_error_domain weather = {
	.size = sizeof weather, .name = "weather", .kind = weather_kind, .print = weather_print,
};

static leat_io *sail(leat_loop *loop, int code)
{
	return code ? leat_io_fail(loop, leat_error_make(&weather, code)) : leat_io_done(loop);
}

static leat_io *stay(void *days, leat_result *result)
{
	leat_error error = leat_result_error(result);
	char words[64];

	leat_error_print(error, words, sizeof words);
	printf("in port since %s (%s)\n", words, error.where);
	++*(int *)days;
	return NULL;
}

int main(void)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	int days = 0;
	leat_io *voyages[] = {
		sail(loop, 0),
		leat_io_catch(sail(loop, FOG), leat_match_domain(&weather), stay, leat_ctx_borrow(&days)),
		leat_io_catch(sail(loop, STORM), leat_match_kind(LEAT_UNREACHABLE), stay, leat_ctx_borrow(&days)),
	};
	bool home = leat_await(leat_io_all(loop, voyages, 3), NULL);
	leat_error lost = { 0 };

	leat_await_int(sail(loop, STORM), &lost);
	leat_loop_free(loop);
	return home && days == 2 && lost.domain == &weather && lost.code == STORM ? 0 : 1;
}
