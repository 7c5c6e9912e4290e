#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

_Static_assert(sizeof(pid_t) == 4, "pids are printed as 32-bit numbers");
_Static_assert(sizeof(int) == 4, "descriptors in SCM_RIGHTS are 32 bits wide");

static int result_of(long value) { return value < 0 ? -errno : (int)value; }

int clinux_peek_ended(int pidfd, struct clinux_exit *ended) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  int options = WEXITED | WNOHANG | WNOWAIT;
  int result;
  do {
    result = pidfd < 0 ? waitid(P_ALL, 0, &info, options)
                       : waitid(P_PIDFD, (id_t)pidfd, &info, options);
  } while (result < 0 && errno == EINTR);
  if (result < 0) return errno == ECHILD ? 0 : -errno;
  if (info.si_pid == 0) return 0;
  ended->pid = info.si_pid;
  ended->exited = info.si_code == CLD_EXITED;
  ended->status = info.si_status;
  return 1;
}

int clinux_reap(pid_t pid) {
  int status;
  pid_t result;
  do result = waitpid(pid, &status, WNOHANG);
  while (result < 0 && errno == EINTR);
  if (result < 0) return -errno;
  return result == pid;
}

int clinux_pidfd_open(pid_t pid) { return result_of(syscall(SYS_pidfd_open, pid, 0)); }

int clinux_pidfd_send_signal(int pidfd, int signal) {
  return result_of(syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0));
}

int clinux_pidfd_getfd(int pidfd, int descriptor) {
  return result_of(syscall(SYS_pidfd_getfd, pidfd, descriptor, 0));
}

int clinux_become_subreaper(void) { return result_of(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)); }

static sigset_t held_signals(void) {
  sigset_t held;
  sigemptyset(&held);
  sigaddset(&held, SIGTERM);
  sigaddset(&held, SIGINT);
  sigaddset(&held, SIGHUP);
  sigaddset(&held, SIGCHLD);
  return held;
}

int clinux_hold_signals(void) {
  sigset_t held = held_signals();
  return -pthread_sigmask(SIG_BLOCK, &held, NULL);
}

int clinux_next_signal(int milliseconds) {
  sigset_t held = held_signals();
  struct timespec patience = {milliseconds / 1000, (milliseconds % 1000) * 1000000L};
  int result = sigtimedwait(&held, NULL, &patience);
  if (result >= 0) return result;
  return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

/// Control data for the most descriptors, aligned as the kernel wants it.
union control {
  struct cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int) * CLINUX_DESCRIPTORS_MAX)];
};

ssize_t clinux_send(int socket, const void *bytes, size_t size, const int *descriptors, int count) {
  if (count < 0 || count > CLINUX_DESCRIPTORS_MAX) return -EINVAL;
  union control control;
  memset(&control, 0, sizeof control);
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (count > 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
    memcpy(CMSG_DATA(header), descriptors, sizeof(int) * (size_t)count);
  }
  ssize_t sent;
  do sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : sent;
}

ssize_t clinux_receive(int socket, void *bytes, size_t size, int *descriptors, int capacity,
                       int *count) {
  *count = 0;
  union control control;
  struct iovec part = {.iov_base = bytes, .iov_len = size};
  struct msghdr message = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  ssize_t received;
  do received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (received < 0 && errno == EINTR);
  if (received < 0) return -errno;

  int refused = (message.msg_flags & MSG_CTRUNC) != 0;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    int held = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    for (int index = 0; index < held; index++) {
      int descriptor;
      memcpy(&descriptor, CMSG_DATA(header) + sizeof(int) * (size_t)index, sizeof descriptor);
      if (*count < capacity) {
        descriptors[(*count)++] = descriptor;
      } else {
        close(descriptor);
        refused = 1;
      }
    }
  }
  if (!refused) return received;
  while (*count > 0) close(descriptors[--*count]);
  return -EMSGSIZE;
}

int clinux_accept(int socket) {
  int accepted;
  do accepted = accept4(socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  while (accepted < 0 && errno == EINTR);
  return accepted < 0 ? -errno : accepted;
}

int clinux_peer_uid(int socket, uid_t *uid) {
  struct ucred credentials;
  socklen_t size = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0) return -errno;
  *uid = credentials.uid;
  return 0;
}

int clinux_identify_file(const char *path, struct clinux_file_identity *identity) {
  struct statx status;
  unsigned int wanted = STATX_INO | STATX_BTIME;
  if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, wanted, &status) < 0) return -errno;
  if ((status.stx_mask & wanted) != wanted) return -EOPNOTSUPP;
  identity->device = makedev(status.stx_dev_major, status.stx_dev_minor);
  identity->inode = status.stx_ino;
  identity->born_seconds = status.stx_btime.tv_sec;
  identity->born_nanoseconds = status.stx_btime.tv_nsec;
  return 0;
}

int64_t clinux_milliseconds(clockid_t clock) {
  struct timespec time = {0, 0};
  clock_gettime(clock, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

int clinux_forbid_core(void) { return result_of(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)); }

int clinux_give_back(void) { return malloc_trim(0); }

int clinux_bound_pools(int pools) { return mallopt(M_ARENA_MAX, pools); }

int clinux_own_descriptors(void) { return result_of(unshare(CLONE_FILES)); }
