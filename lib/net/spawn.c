/* SPDX-License-Identifier: ISC */
/* spawn - a new process, and its descriptors
 *
 * By posix_spawn: it does not copy our memory, and gives the errno of an execve
 * that failed.  All that is opened for a child is above 2, so that no dup2 onto
 * 0, 1 and 2 covers another one's source.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/spawn.h"

/* ---- descriptors ---- */

/* Takes it and gives it above 2. */
static int lift(int fd)
{
	int high;

	if (fd < 0 || fd > 2)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	close(fd);
	return high;
}

static int open_pipe(lt_streams *streams, int i)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return errno;
	streams->theirs[i] = lift(ends[i > 0]);
	streams->ours[i] = lift(ends[i == 0]);
	return streams->theirs[i] < 0 || streams->ours[i] < 0 ? errno : 0;
}

static int copy_of(lt_streams *streams, int i, int fd)
{
	streams->theirs[i] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return streams->theirs[i] < 0 ? errno : 0;
}

static int open_null(lt_streams *streams, int i)
{
	streams->theirs[i] = lift(open("/dev/null", O_RDWR | O_CLOEXEC));
	return streams->theirs[i] < 0 ? errno : 0;
}

static int open_one(lt_streams *streams, int i, leat_child_stdio stdio)
{
	switch (stdio.source) {
	case LEAT_CHILD_INHERIT:
		return 0;
	case LEAT_CHILD_NULL:
		return open_null(streams, i);
	case LEAT_CHILD_PIPE:
		return open_pipe(streams, i);
	case LEAT_CHILD_FD:
		return copy_of(streams, i, stdio.fd);
	case LEAT_CHILD_OUT:
		if (i == 2)
			return copy_of(streams, i, streams->theirs[1] >= 0 ? streams->theirs[1] : 1);
	}
	return EINVAL;
}

int lt_streams_open(lt_streams *streams, const leat_child_options *options)
{
	const leat_child_stdio all[3] = { options->in, options->out, options->err };
	int error = 0;

	*streams = (lt_streams){ { -1, -1, -1 }, { -1, -1, -1 } };
	for (int i = 0; i < 3 && !error; i++)
		error = open_one(streams, i, all[i]);
	if (error) {
		lt_streams_close(streams->theirs);
		lt_streams_close(streams->ours);
	}
	return error;
}

void lt_streams_close(int side[3])
{
	for (int i = 0; i < 3; i++) {
		if (side[i] >= 0)
			close(side[i]);
		side[i] = -1;
	}
}

/* ---- the process ---- */

/* A descriptor that is only inherited may be close-on-exec: dup2 onto itself
 * ends that. */
static int add_stream(posix_spawn_file_actions_t *actions, int from, int to)
{
	if (from >= 0)
		return posix_spawn_file_actions_adddup2(actions, from, to);
	if (fcntl(to, F_GETFD) < 0)
		return 0;
	return posix_spawn_file_actions_adddup2(actions, to, to);
}

static int add_actions(posix_spawn_file_actions_t *actions, const leat_child_options *options, const int theirs[3])
{
	int error = 0;

	for (int i = 0; i < 3 && !error; i++)
		error = add_stream(actions, theirs[i], i);
#ifdef HAVE_POSIX_SPAWN_FILE_ACTIONS_ADDCLOSEFROM_NP
	if (!error && !options->keep_descriptors)
		error = posix_spawn_file_actions_addclosefrom_np(actions, 3);
#endif
	if (!error && options->dir)
		error = posix_spawn_file_actions_addchdir_np(actions, options->dir);
	return error;
}

/* execve sets handlers back, but what is ignored stays so, and the mask. */
static void set_signals(posix_spawnattr_t *attributes)
{
	sigset_t set;

	sigemptyset(&set);
	posix_spawnattr_setsigmask(attributes, &set);
	sigaddset(&set, SIGPIPE);
	sigaddset(&set, SIGXFSZ);
	posix_spawnattr_setsigdefault(attributes, &set);
}

static int set_attributes(posix_spawnattr_t *attributes, const leat_child_options *options)
{
	int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;

	set_signals(attributes);
	if (options->new_session)
		flags |= POSIX_SPAWN_SETSID;
	else if (options->group)
		flags |= POSIX_SPAWN_SETPGROUP;
	posix_spawnattr_setpgroup(attributes, options->group > 0 ? options->group : 0);
	return posix_spawnattr_setflags(attributes, (short)flags);
}

static int start(const char *const *argv, const leat_child_options *options, posix_spawn_file_actions_t *actions,
                 pid_t *pid)
{
	char *const *env = options->env ? (char *const *)(uintptr_t)options->env : environ;
	posix_spawnattr_t attributes;
	int error = posix_spawnattr_init(&attributes);

	if (error)
		return error;
	error = set_attributes(&attributes, options);
	if (!error)
		error = posix_spawnp(pid, options->program ? options->program : argv[0], actions, &attributes,
		                     (char *const *)(uintptr_t)argv, env);
	posix_spawnattr_destroy(&attributes);
	return error;
}

int lt_spawn(const char *const *argv, const leat_child_options *options, const int theirs[3], pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int error;

	if (!argv || !argv[0])
		return EINVAL;
	error = posix_spawn_file_actions_init(&actions);
	if (error)
		return error;
	error = add_actions(&actions, options, theirs);
	if (!error)
		error = start(argv, options, &actions, pid);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

/* ---- orphans ----
 * The process's, as zombies are.  Where more than that many outlive their loops
 * the rest stay zombies until we end. */

enum { ORPHANS = 64 };
static atomic_int orphans[ORPHANS];

/* Whoever looks at one has it alone: a number that was reaped may be another
 * process's at once. */
void lt_orphans_reap(void)
{
	for (int i = 0; i < ORPHANS; i++) {
		pid_t pid = atomic_load(&orphans[i]) ? atomic_exchange(&orphans[i], 0) : 0;

		if (pid && waitpid(pid, NULL, WNOHANG) == 0)
			lt_orphans_add(pid);
	}
}

void lt_orphans_add(pid_t pid)
{
	for (int i = 0; i < ORPHANS; i++) {
		int nobody = 0;

		if (atomic_compare_exchange_strong(&orphans[i], &nobody, pid))
			return;
	}
}
