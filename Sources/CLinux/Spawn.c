#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if !defined(__x86_64__) && !defined(__aarch64__)
#error "the raw clone call below knows the argument order of x86-64 and aarch64 only"
#endif

/// Signals have the numbers 1 to 64 on Linux.
enum { SIGNAL_LAST = 64, DESCRIPTOR_FIRST = 3 };

_Static_assert(sizeof(struct clinux_spawn_failure) == 8, "sent over a pipe in one piece");

/// Everything that the child needs, made before it exists: between clone and exec it may call only
/// what is safe in a signal handler, because other threads held locks when it was copied.
struct preparation {
  const struct clinux_spawn_order *order;
  pid_t parent;
  int gate[2];
  int report[2];
  /// Where `LISTEN_PID=` ends in the environment; null when it is not there.
  char *listen_pid;
  char uid_map[64];
  char gid_map[64];
  int needs_user_namespace;
};

static void write_number(char *text, long number) {
  char digits[20];
  int count = 0;
  do digits[count++] = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  while (count > 0) *text++ = digits[--count];
  *text = 0;
}

static _Noreturn void give_up(const struct preparation *preparation, int stage) {
  struct clinux_spawn_failure failure = {.stage = stage, .error = errno};
  // The parent counts a short or missing message as a failure too, so the result is not needed.
  ssize_t written = write(preparation->report[1], &failure, sizeof failure);
  (void)written;
  _exit(127);
}

static int write_file(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return -1;
  ssize_t written = write(file, text, strlen(text));
  int error = errno;
  close(file);
  errno = error;
  return written < 0 ? -1 : 0;
}

/// Leaves the host's network behind; a new namespace has a `lo` that is down.
static int enter_own_network(const struct preparation *preparation) {
  if (preparation->needs_user_namespace) {
    // The files of a process that leaves no core belong to root, so that it could not write these.
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0) return -1;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) return -1;
    if (write_file("/proc/self/setgroups", "deny") < 0) return -1;
    if (write_file("/proc/self/uid_map", preparation->uid_map) < 0) return -1;
    if (write_file("/proc/self/gid_map", preparation->gid_map) < 0) return -1;
  } else if (unshare(CLONE_NEWNET) < 0) {
    return -1;
  }
  int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (control < 0) return -1;
  struct ifreq loopback;
  memset(&loopback, 0, sizeof loopback);
  memcpy(loopback.ifr_name, "lo", 3);
  int result = ioctl(control, SIOCGIFFLAGS, &loopback);
  if (result == 0) {
    loopback.ifr_flags = (short)(loopback.ifr_flags | IFF_UP);
    result = ioctl(control, SIOCSIFFLAGS, &loopback);
  }
  int error = errno;
  close(control);
  errno = error;
  return result;
}

/// Default action for every signal, and none blocked: an ignored or blocked signal survives exec.
static int reset_signals(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = SIG_DFL;
  for (int number = 1; number <= SIGNAL_LAST; number++) {
    // The C library refuses the two that it keeps for itself, and the kernel KILL and STOP.
    sigaction(number, &action, NULL);
  }
  sigset_t none;
  sigemptyset(&none);
  return sigprocmask(SIG_SETMASK, &none, NULL);
}

/// Puts the chosen descriptors at 0 to 2 and 3 onwards, what the child itself still needs after
/// them, and closes all others: while it waits, it must hold nobody's lock, socket or half-written
/// file. Returns the descriptor to execute.
static int place_descriptors(struct preparation *preparation) {
  const struct clinux_spawn_order *order = preparation->order;
  int numbers[3 + CLINUX_DESCRIPTORS_MAX + 3];
  int chosen = 0;
  numbers[chosen++] = order->standard_input;
  numbers[chosen++] = order->standard_output;
  numbers[chosen++] = order->standard_error;
  for (int index = 0; index < order->descriptor_count; index++)
    numbers[chosen++] = order->descriptors[index];
  int executable = chosen, report = chosen + 1, gate = chosen + 2, count = chosen + 3;
  numbers[executable] = order->executable;
  numbers[report] = preparation->report[1];
  numbers[gate] = preparation->gate[0];

  // First all out of the way, so that no target overwrites a source that is still needed.
  for (int index = 0; index < count; index++) {
    numbers[index] = fcntl(numbers[index], F_DUPFD_CLOEXEC, count);
    if (numbers[index] < 0) return -1;
  }
  preparation->report[1] = numbers[report];
  preparation->gate[0] = numbers[gate];
  for (int index = 0; index < count; index++) {
    int keeps = index < chosen ||
                (index == executable && order->flags & CLINUX_KEEP_EXECUTABLE);
    if (dup3(numbers[index], index, keeps ? 0 : O_CLOEXEC) < 0) return -1;
  }
  preparation->report[1] = report;
  preparation->gate[0] = gate;
  return syscall(SYS_close_range, count, ~0U, 0) < 0 ? -1 : executable;
}

static _Noreturn void run_child(struct preparation *preparation) {
  const struct clinux_spawn_order *order = preparation->order;
  // This closes its own copy of the gate's other end too, or the gate would never read as closed.
  int executable = place_descriptors(preparation);
  if (executable < 0) give_up(preparation, CLINUX_STAGE_DESCRIPTORS);
  char go;
  ssize_t received;
  do received = read(preparation->gate[0], &go, 1);
  while (received < 0 && errno == EINTR);
  if (received != 1) _exit(127);

  if (order->flags & CLINUX_NEW_SESSION && setsid() < 0)
    give_up(preparation, CLINUX_STAGE_SESSION);
  if (order->flags & CLINUX_OWN_NETWORK && enter_own_network(preparation) < 0)
    give_up(preparation, CLINUX_STAGE_NETWORK);
  if (order->flags & CLINUX_DIE_WITH_PARENT) {
    // After the namespaces: a change of credentials clears it. The parent may have gone before.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) give_up(preparation, CLINUX_STAGE_PARENT);
    if (getppid() != preparation->parent) _exit(127);
  }
  if (order->directory != NULL && chdir(order->directory) < 0)
    give_up(preparation, CLINUX_STAGE_DIRECTORY);
  if (preparation->listen_pid != NULL) write_number(preparation->listen_pid, getpid());
  if (reset_signals() < 0) give_up(preparation, CLINUX_STAGE_SIGNALS);
  syscall(SYS_execveat, executable, "", order->arguments, order->environment, AT_EMPTY_PATH);
  give_up(preparation, CLINUX_STAGE_EXECUTE);
}

static void close_both(int pair[2]) {
  close(pair[0]);
  close(pair[1]);
}

int clinux_spawn_begin(const struct clinux_spawn_order *order, struct clinux_child *child) {
  if (order->descriptor_count < 0 || order->descriptor_count > CLINUX_DESCRIPTORS_MAX)
    return -EINVAL;
  struct preparation preparation = {.order = order, .parent = getpid()};
  preparation.needs_user_namespace = geteuid() != 0;
  snprintf(preparation.uid_map, sizeof preparation.uid_map, "%u %u 1", geteuid(), geteuid());
  snprintf(preparation.gid_map, sizeof preparation.gid_map, "%u %u 1", getegid(), getegid());
  for (char *const *entry = order->environment; *entry != NULL; entry++)
    if (strncmp(*entry, "LISTEN_PID=", 11) == 0) preparation.listen_pid = *entry + 11;
  if (pipe2(preparation.gate, O_CLOEXEC) < 0) return -errno;
  if (pipe2(preparation.report, O_CLOEXEC) < 0) {
    int error = errno;
    close_both(preparation.gate);
    return -error;
  }

  // No handler of ours may run in the child, so signals stay blocked until it has reset them.
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &before);
  int pidfd = -1;
  // Without CLONE_VM the child has a copy of memory, and the raw call skips the C library's fork
  // handlers, which could wait for locks that threads of the parent hold.
  long pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, NULL);
  int error = errno;
  if (pid == 0) run_child(&preparation);
  sigprocmask(SIG_SETMASK, &before, NULL);
  close(preparation.gate[0]);
  close(preparation.report[1]);
  if (pid < 0) {
    close(preparation.gate[1]);
    close(preparation.report[0]);
    return -error;
  }
  child->pid = (pid_t)pid;
  child->pidfd = pidfd;
  child->gate = preparation.gate[1];
  child->report = preparation.report[0];
  return 0;
}

int clinux_spawn_release(struct clinux_child *child, struct clinux_spawn_failure *failure) {
  memset(failure, 0, sizeof *failure);
  ssize_t count;
  // A child that gave up before has closed the gate; SIGPIPE is not wanted for that.
  sigset_t pipe_signal, before;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  sigprocmask(SIG_BLOCK, &pipe_signal, &before);
  do count = write(child->gate, "", 1);
  while (count < 0 && errno == EINTR);
  int error = count == 1 ? 0 : errno;
  if (error == EPIPE) {
    struct timespec now = {0, 0};
    sigtimedwait(&pipe_signal, NULL, &now);
  }
  sigprocmask(SIG_SETMASK, &before, NULL);
  do count = read(child->report, failure, sizeof *failure);
  while (count < 0 && errno == EINTR);
  close(child->gate);
  close(child->report);
  child->gate = child->report = -1;
  // An end without a message is the exec's close-on-exec: the child runs what it should.
  return failure->stage == CLINUX_STAGE_NONE ? -error : 0;
}

void clinux_spawn_abandon(struct clinux_child *child) {
  close(child->gate);
  close(child->report);
  child->gate = child->report = -1;
  siginfo_t info;
  while (waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED) < 0 && errno == EINTR) continue;
  close(child->pidfd);
  child->pidfd = -1;
}
