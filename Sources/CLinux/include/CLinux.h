/// Linux calls that Swift cannot make by itself: code between fork and exec, descriptors in
/// messages, pidfds. Every function returns 0 or a count, or a negative errno; none allocates.
#ifndef CLINUX_H
#define CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/// Descriptors that one message may carry.
#define CLINUX_DESCRIPTORS_MAX 64

/// What a child is started with besides its order.
enum clinux_spawn_flag {
  /// A session and process group of its own (setsid).
  CLINUX_NEW_SESSION = 1,
  /// SIGKILL when the *thread* that started it ends, so start it from one that lasts.
  CLINUX_DIE_WITH_PARENT = 2,
  /// A network namespace of its own, with nothing but `lo`; without privilege, a user namespace
  /// as well, in which the caller's ids stand for themselves.
  CLINUX_OWN_NETWORK = 4,
  /// The executable is a script: its interpreter opens it again, so it stays open in the child,
  /// under the number after the last chosen descriptor.
  CLINUX_KEEP_EXECUTABLE = 8,
};

/// Where a start can fail; told with an errno.
enum clinux_spawn_stage {
  CLINUX_STAGE_NONE = 0,
  CLINUX_STAGE_CLONE = 1,
  CLINUX_STAGE_SIGNALS = 2,
  CLINUX_STAGE_SESSION = 3,
  CLINUX_STAGE_NETWORK = 4,
  CLINUX_STAGE_PARENT = 5,
  CLINUX_STAGE_DESCRIPTORS = 6,
  CLINUX_STAGE_DIRECTORY = 7,
  CLINUX_STAGE_EXECUTE = 8,
};

/// What to start. The memory is the caller's and is read until `clinux_spawn_begin` returns.
struct clinux_spawn_order {
  /// Executed by itself (execveat), so that the bytes that were verified are those that run.
  int executable;
  char *const *arguments;
  /// An entry that begins with `LISTEN_PID=` gets the child's own pid; it needs room for 20 digits.
  char *const *environment;
  /// The working directory; null keeps the caller's.
  const char *directory;
  /// What the child finds at 3, 4, … in this order; it closes all others before it waits.
  const int *descriptors;
  int descriptor_count;
  int standard_input;
  int standard_output;
  int standard_error;
  /// `clinux_spawn_flag`s.
  unsigned flags;
};

/// A child between `clinux_spawn_begin` and `clinux_spawn_release`: it exists, has a pid, and waits
/// before doing anything. If its parent dies or closes `gate`, it exits without executing.
struct clinux_child {
  pid_t pid;
  int pidfd;
  int gate;
  int report;
};

/// Why a child did not come to execute.
struct clinux_spawn_failure {
  int32_t stage;
  int32_t error;
};

/// Makes the waiting child.
int clinux_spawn_begin(const struct clinux_spawn_order *order, struct clinux_child *child);

/// Lets the child go on, waits until it executes, and closes gate and report. On a failure the
/// child has ended, but is still to be waited for.
int clinux_spawn_release(struct clinux_child *child, struct clinux_spawn_failure *failure);

/// Ends a waiting child without executing anything, waits for it, and closes its descriptors.
void clinux_spawn_abandon(struct clinux_child *child);

/// How a child ended.
struct clinux_exit {
  pid_t pid;
  /// 1 when it ended by itself with `status`, 0 when the signal `status` ended it.
  int exited;
  int status;
};

/// Looks for an ended child and leaves it a zombie, so that its pid stays taken: one child by its
/// pidfd, or any child when `pidfd` is negative. Returns 1 and fills `ended`, or 0 for none.
int clinux_peek_ended(int pidfd, struct clinux_exit *ended);

/// Reaps an ended child by its pid; returns 1, or 0 when it had not ended.
int clinux_reap(pid_t pid);

int clinux_pidfd_open(pid_t pid);
/// Sends a signal through the pidfd; signal 0 only asks whether it could be sent.
int clinux_pidfd_send_signal(int pidfd, int signal);
/// Duplicates a descriptor of another process, with close-on-exec; returns it.
int clinux_pidfd_getfd(int pidfd, int descriptor);

/// Keeps the memory of this process, which holds secrets, out of cores and away from debuggers of the
/// same user; a program that it executes begins without this.
int clinux_forbid_core(void);

/// Makes orphaned descendants of this process its own children.
int clinux_become_subreaper(void);

/// Sends bytes and descriptors in one message; returns the bytes that went, which may be fewer.
ssize_t clinux_send(int socket, const void *bytes, size_t size, const int *descriptors, int count);

/// Receives bytes and at most `capacity` descriptors, all with close-on-exec; returns the bytes, 0
/// at the end. Descriptors that did not fit are closed, and the call fails with EMSGSIZE.
ssize_t clinux_receive(int socket, void *bytes, size_t size, int *descriptors, int capacity,
                       int *count);

/// Keeps SIGTERM, SIGINT, SIGHUP and SIGCHLD from this thread and those that it makes, so that
/// `clinux_next_signal` gets them; a program that is spawned begins without this.
int clinux_hold_signals(void);

/// Waits for one of the held signals, and returns it, or 0 when the time was over first.
int clinux_next_signal(int milliseconds);

/// Accepts a connection, non-blocking and with close-on-exec; returns it.
int clinux_accept(int socket);

/// Tells the effective uid of the process that connected the UNIX socket.
int clinux_peer_uid(int socket, uid_t *uid);

/// What tells a file from any other that ever had its name.
struct clinux_file_identity {
  uint64_t device;
  uint64_t inode;
  int64_t born_seconds;
  uint32_t born_nanoseconds;
};

/// Tells which file is in that place, the link itself for a link; returns 0. It fails with
/// EOPNOTSUPP where the file system does not know when a file was made.
int clinux_identify_file(const char *path, struct clinux_file_identity *identity);

/// The milliseconds that a clock shows; `struct timespec` belongs to a different module from build
/// to build, so that Swift can't rely on seeing its members.
int64_t clinux_milliseconds(clockid_t clock);

/// Gives the kernel back what malloc keeps of freed memory; 1 when there was any, else 0.
int clinux_give_back(void);

/// Lets malloc keep at most so many pools, before threads begin; what is free in one is no use to
/// another. 1 when it will, else 0.
int clinux_bound_pools(int pools);

/// Gives the calling thread a table of descriptors of its own, which begins as a copy of the
/// process's; for a thread that ends soon, and uses no descriptor that another one opens later.
int clinux_own_descriptors(void);

#endif
