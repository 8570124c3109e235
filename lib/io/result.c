/* SPDX-License-Identifier: ISC */
/* result - an outcome, and what may be asked of it */
#include "io/io.h"

#include <leat/buf.h>
#include <leat/options.h>

static void buf_destroy(void *buf)
{
	leat_buf_unref(buf);
}

/* A handle of its own, so that each holder may cut and skip. */
static void *buf_share(void *buf)
{
	return leat_buf_slice(buf, 0, leat_buf_size(buf));
}

/* NULL means the same to everybody. */
static void *end_share(void *value)
{
	return value;
}

const leat_type lt_end_type = { .size = sizeof(leat_type), .name = "the end", .share = end_share };
const leat_type lt_view_type = { .size = sizeof(leat_type), .name = "a value to look at" };
const leat_type leat_error_type = { .size = sizeof(leat_type), .name = "error", .plain = true };
const leat_type leat_int_type = { .size = sizeof(leat_type), .name = "int" };
const leat_type leat_buf_type = {
	.size = sizeof(leat_type), .name = "buf", .local = true, .destroy = buf_destroy, .share = buf_share
};

void lt_outcome_destroy(lt_outcome *o)
{
	const leat_type *type = o->type;

	o->type = NULL;
	if (type && type->size == 0)
		leat_options_check_at(type, "leat_type", NULL);
	if (type && o->as.value.pointer && lt_has(type, destroy))
		type->destroy(o->as.value.pointer);
}

void lt_outcome_drop(lt_outcome *o)
{
	const leat_giver *giver = o->type && !o->type->plain ? o->as.value.giver : NULL;

	if (!giver) {
		lt_outcome_destroy(o);
		return;
	}
	o->type = NULL;
	o->as.value.giver = NULL;
	giver->give_back(o->as.value.giver_ctx, o->as.value.pointer);
}

leat_error leat_result_error(const leat_result *result)
{
	return leat_result_ok(result) ? (leat_error){ 0 } : result->as.error;
}

leat_loop *leat_result_loop(const leat_result *result)
{
	return result->loop;
}

static const char *type_name(const leat_result *result)
{
	return result->type ? result->type->name : "nothing";
}

/* What a finally looks at stands in the cell that keeps it. */
static const lt_outcome *seen(const leat_result *result)
{
	if (result->type == &lt_view_type)
		return &((const leat_io *)result->as.value.pointer)->u.outcome;
	return (const lt_outcome *)(const void *)result;
}

_Noreturn static void is_of_another(const leat_result *result, const leat_type *type, const char *where)
{
	char why[160] = "";

	if (!leat_result_ok(result))
		leat_error_print(result->as.error, why, sizeof why);
	lt_abort("%s: asked for %s, but the io made at %s gave %s%s%s", where, type->name,
	         result->where ? result->where : "?", type_name(result), *why ? ": " : "", why);
}

static inline void expect_type(const leat_result *result, const leat_type *type, const char *where)
{
	if (__builtin_expect(result->type != type, 0))
		is_of_another(result, type, where);
}

/* The end is NULL of any type. */
static LT_COLD void *take_end(const leat_result *result, const leat_type *type, const char *where)
{
	if (result->type != &lt_end_type)
		is_of_another(result, type, where);
	return NULL;
}

static inline void *take(leat_result *result, const leat_type *type, const char *where)
{
	void *pointer;

	if (__builtin_expect(result->type != type, 0))
		return take_end(result, type, where);
	pointer = result->as.value.pointer;
	result->as.value.pointer = NULL;
	return pointer;
}

int64_t leat_result_int_at(const leat_result *result, const char *where)
{
	const lt_outcome *o = seen(result);

	if (o->type != &leat_int_type)
		expect_type(result, &leat_int_type, where);
	return o->as.value.integer;
}

void *leat_result_ptr_at(leat_result *result, const leat_type *type, const char *where)
{
	return take(result, type, where);
}

leat_buf *leat_result_buf_at(leat_result *result, const char *where)
{
	return take(result, &leat_buf_type, where);
}

void *leat_result_peek(const leat_result *result)
{
	const lt_outcome *o = seen(result);

	if (!o->type || o->type->plain || o->type == &leat_int_type)
		return NULL;
	return o->as.value.pointer;
}

void leat_result_clear(leat_result *result)
{
	lt_outcome_destroy(lt_result_outcome(result));
}

leat_io *leat_result_pass_at(leat_result *result, const char *where)
{
	lt_outcome outcome = *lt_result_outcome(result);

	result->type = NULL;
	return lt_io_settled(result->loop, &outcome, where);
}
