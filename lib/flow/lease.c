/* SPDX-License-Identifier: ISC */
/* lease - a flow lends the descriptor of one direction
 *
 * The guard knows who has it, refuses that direction to everybody else, and
 * takes it back before anything happens to the flow.  The calls that move bytes
 * are here and not the borrower's, so that none is moved without being counted,
 * no end or error is found without the flow knowing it, and none raises SIGPIPE.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>

#include <leat/options.h>

#include "flow/flow.h"
#include "flow/sigpipe.h"

static leat_lease **place_of(leat_flow *flow, leat_direction direction)
{
	return &flow->rare->leases[direction == LEAT_WRITE];
}

bool lt_flow_is_leased(const leat_flow *flow, leat_direction direction)
{
	if (!(flow->bits & LT_F_LEASED))
		return false;
	return (direction & LEAT_READ && flow->rare->leases[0]) || (direction & LEAT_WRITE && flow->rare->leases[1]);
}

/* ---- lending ---- */

static bool reading_is_quiet(const leat_flow *flow)
{
	const uint32_t odd = LT_F_WANTED | LT_F_HELD | LT_F_KEPT | LT_F_READ_END | LT_F_READ_ERROR | LT_F_READ_SHUT |
	                     LT_F_CLOSING | LT_F_ASKING;

	return !(flow->bits & odd) && !flow->first.reader && !flow->rare->late.bytes && !flow->rare->leases[0];
}

static bool writing_is_quiet(const leat_flow *flow)
{
	const uint32_t odd = LT_F_WRITE_SHUT | LT_F_WRITE_ERROR | LT_F_CLOSING | LT_F_FLUSHING | LT_F_WRITING;

	return !(flow->bits & odd) && !flow->out && !flow->rare->leases[1];
}

static leat_error objection(leat_flow *flow, leat_direction direction, const leat_lease *lease)
{
	if (!lease->recall)
		return leat_error_core(LEAT_INVALID);
	if (lt_flow_ended(flow))
		return lt_flow_refusal(flow);
	if (!lt_has(flow->ops, lease_fd) || (flow->ops->directions && !(flow->ops->directions & direction)))
		return leat_error_core(LEAT_UNSUPPORTED);
	if (!lt_flow_rare(flow))
		return leat_error_core(LEAT_NOMEM);
	if (flow->rare->recalling & direction)
		return leat_error_core(LEAT_BUSY);
	if (!(direction == LEAT_READ ? reading_is_quiet(flow) : writing_is_quiet(flow)))
		return leat_error_core(LEAT_BUSY);
	return (leat_error){ 0 };
}

leat_error leat_flow_lease(leat_flow *flow, leat_direction direction, leat_lease *lease)
{
	leat_error error;

	leat_options_check_at(lease, "leat_lease", NULL);
	error = objection(flow, direction, lease);
	lease->flow = NULL;
	lease->direction = direction;
	lease->fd = -1;
	lease->offset = -1;
	lease->left = UINT64_MAX;
	lease->error = (leat_error){ 0 };
	if (leat_error_set(error))
		return error;
	if (!flow->ops->lease_fd(lt_flow_self(flow), lt_flow_state(flow), lease))
		return leat_error_core(LEAT_UNSUPPORTED);
	lease->flow = leat_flow_ref(flow);
	*place_of(flow, direction) = lease;
	flow->bits |= LT_F_LEASED;
	return (leat_error){ 0 };
}

/* Gives the flow, with the reference that the lease had. */
static leat_flow *part(leat_lease *lease)
{
	leat_flow *flow = lease->flow;

	lease->flow = NULL;
	lease->fd = -1;
	*place_of(flow, lease->direction) = NULL;
	if (!flow->rare->leases[0] && !flow->rare->leases[1])
		flow->bits &= ~(uint32_t)LT_F_LEASED;
	return flow;
}

void leat_lease_end(leat_lease *lease)
{
	if (lease->flow)
		lt_flow_unref(part(lease));
}

/* The borrower of one direction may give back the other. */
void lt_flow_recall_leases(leat_flow *flow, leat_direction direction, leat_error why)
{
	unsigned outer = flow->rare->recalling;

	flow->refs++;
	flow->rare->recalling |= direction;
	for (int i = 0; i < 2; i++) {
		leat_lease *lease = flow->rare->leases[i];

		if (!lease || !(direction & lease->direction))
			continue;
		lt_flow_unref(part(lease));
		lease->recall(lease->ctx, why);
	}
	flow->rare->recalling = outer;
	lt_flow_unref(flow);
}

/* ---- moving ---- */

static void count(leat_lease *lease, size_t bytes)
{
	leat_flow *flow = lease->flow;

	if (lease->direction == LEAT_READ) {
		flow->read_bytes += bytes;
		flow->reads++;
	} else {
		flow->written_bytes += bytes;
		flow->writes++;
		flow->bits &= ~(uint32_t)(LT_F_WITHDRAWN | LT_F_GOES_ON);
	}
	if (lease->offset >= 0) {
		lease->offset += (int64_t)bytes;
		lease->left -= bytes;
	}
	if (lt_has(flow->ops, leased))
		flow->ops->leased(lt_flow_self(flow), lt_flow_state(flow), lease, bytes);
}

static size_t at_most(const leat_lease *lease, size_t most)
{
	return lease->left < most ? (size_t)lease->left : most;
}

static int64_t over_at_the_end(leat_lease *lease)
{
	leat_flow *flow = part(lease);

	if (lease->offset < 0) /* a file's flow finds its end itself */
		leat_flow_give_end(lt_flow_self(flow));
	lt_flow_unref(flow);
	return -1;
}

/* What the kernel will not do for this descriptor is no failure of the stream. */
static bool is_incapable(int number)
{
	return number == EINVAL || number == ENOSYS || number == EOPNOTSUPP;
}

static int64_t over_because(leat_lease *lease, int number)
{
	leat_direction direction = lease->direction;
	leat_error error = leat_error_errno(number);
	leat_flow *flow = part(lease);

	if (!is_incapable(number)) {
		lease->error = error;
		if (direction == LEAT_READ)
			leat_flow_give_error(lt_flow_self(flow), error);
		else
			leat_flow_write_failed(lt_flow_self(flow), error);
	}
	lt_flow_unref(flow);
	return -1;
}

static bool is_passing(int number)
{
	return number == EAGAIN || number == EINTR;
}

int64_t leat_lease_take(leat_lease *from, int pipe, size_t most)
{
	off_t offset = (off_t)from->offset;
	ssize_t bytes;

	if (!from->flow)
		return -1;
	if (from->left == 0)
		return over_at_the_end(from);
	bytes = splice(from->fd, offset >= 0 ? &offset : NULL, pipe, NULL, at_most(from, most), SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (bytes > 0)
		count(from, (size_t)bytes);
	else if (bytes == 0)
		return over_at_the_end(from);
	else if (!is_passing(errno))
		return over_because(from, errno);
	return bytes > 0 ? bytes : 0;
}

static int64_t put_outcome(leat_lease *to, ssize_t bytes)
{
	if (bytes > 0)
		count(to, (size_t)bytes);
	else if (bytes < 0 && !is_passing(errno))
		return over_because(to, errno);
	return bytes > 0 ? bytes : 0;
}

int64_t leat_lease_put(leat_lease *to, int pipe, size_t most)
{
	lt_sigpipe hold;
	ssize_t bytes;

	if (!to->flow)
		return -1;
	lt_sigpipe_hold(&hold);
	bytes = splice(pipe, NULL, to->fd, NULL, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	lt_sigpipe_let(&hold, bytes < 0 && errno == EPIPE);
	return put_outcome(to, bytes);
}

int64_t leat_lease_send(leat_lease *to, leat_lease *file, size_t most)
{
	off_t offset = (off_t)file->offset;
	lt_sigpipe hold;
	ssize_t bytes;

	if (!to->flow || !file->flow)
		return -1;
	if (file->left == 0)
		return over_at_the_end(file);
	lt_sigpipe_hold(&hold);
	bytes = sendfile(to->fd, file->fd, &offset, at_most(file, most));
	lt_sigpipe_let(&hold, bytes < 0 && errno == EPIPE);
	if (bytes == 0) /* it has become shorter */
		return over_at_the_end(file);
	if (bytes > 0)
		count(file, (size_t)bytes);
	return put_outcome(to, bytes);
}
