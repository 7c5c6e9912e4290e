// A server that behaves as badly as its arguments say. It serves on the sockets that it inherits
// (LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES), one short request at a time.
//
//   --version V      what /version says                 --never-ready    /healthz answers 503
//   --ignore-term    SIGTERM does nothing               --exit N         exits at once with N
//   --fork           leaves a child in another session  --deaf           accepts nothing public
//   --backlog N      calls listen(N) on what it got     --drain MS       exits so long after TERM
//   --open PATH      keeps the file open                --shutdown       shuts its first socket down
//   --bad-probes     /probe answers 500
//
// /environ shows its environment, /descriptors its open descriptors, /reach?PORT whether it can
// connect to that port of 127.0.0.1, anything else says "pid N".
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

extern char **environ;

static volatile sig_atomic_t stopping;
static const char *version = "1.0.0";
static int never_ready, bad_probes;

static void on_term(int number) {
  (void)number;
  stopping = 1;
}

static int can_reach(int port) {
  int client = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int result = connect(client, (struct sockaddr *)&address, sizeof address);
  close(client);
  return result == 0;
}

static void answer(int client) {
  char request[4096] = {0}, body[16384] = {0}, reply[20480];
  size_t length = 0;
  while (length < sizeof request - 1 && strstr(request, "\r\n\r\n") == NULL) {
    ssize_t count = read(client, request + length, sizeof request - 1 - length);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    length += (size_t)count;
  }
  int status = 200;
  if (strncmp(request, "GET /healthz", 12) == 0) {
    status = never_ready ? 503 : 200;
  } else if (strncmp(request, "GET /probe", 10) == 0) {
    status = bad_probes ? 500 : 200;
  } else if (strncmp(request, "GET /version", 12) == 0) {
    snprintf(body, sizeof body, "{\"version\":\"%s\"}", version);
  } else if (strncmp(request, "GET /environ", 12) == 0) {
    for (char **entry = environ; *entry != NULL; entry++) {
      strncat(body, *entry, sizeof body - strlen(body) - 2);
      strcat(body, "\n");
    }
  } else if (strncmp(request, "GET /descriptors", 16) == 0) {
    DIR *directory = opendir("/proc/self/fd");
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
      int number = atoi(entry->d_name);
      if (entry->d_name[0] == '.' || number == client || number == dirfd(directory)) continue;
      sprintf(body + strlen(body), "%d\n", number);
    }
    closedir(directory);
  } else if (strncmp(request, "GET /reach?", 11) == 0) {
    strcpy(body, can_reach(atoi(request + 11)) ? "yes" : "no");
  } else {
    snprintf(body, sizeof body, "pid %d", getpid());
  }
  int size = snprintf(reply, sizeof reply,
                      "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", status,
                      strlen(body), body);
  for (int sent = 0; sent < size;) {
    ssize_t count = write(client, reply + sent, (size_t)(size - sent));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    sent += (int)count;
  }
  close(client);
}

int main(int count, char **arguments) {
  setvbuf(stderr, NULL, _IOLBF, 0);
  int ignore_term = 0, deaf = 0, backlog = 0, drain = 0;
  for (int index = 1; index < count; index++) {
    const char *word = arguments[index];
    const char *value = index + 1 < count ? arguments[index + 1] : "";
    if (strcmp(word, "--version") == 0) version = value;
    if (strcmp(word, "--never-ready") == 0) never_ready = 1;
    if (strcmp(word, "--bad-probes") == 0) bad_probes = 1;
    if (strcmp(word, "--ignore-term") == 0) ignore_term = 1;
    if (strcmp(word, "--deaf") == 0) deaf = 1;
    if (strcmp(word, "--shutdown") == 0) shutdown(3, SHUT_RD);
    if (strcmp(word, "--backlog") == 0) backlog = atoi(value);
    if (strcmp(word, "--drain") == 0) drain = atoi(value);
    if (strcmp(word, "--open") == 0 && open(value, O_RDWR | O_CREAT, 0600) < 0) return 90;
    if (strcmp(word, "--exit") == 0) {
      fprintf(stderr, "giving up with %s\n", value);
      return atoi(value);
    }
    if (strcmp(word, "--fork") == 0 && fork() == 0) {
      setsid();
      for (;;) pause();
    }
  }
  const char *listen_pid = getenv("LISTEN_PID"), *listen_fds = getenv("LISTEN_FDS");
  if (listen_pid == NULL || atoi(listen_pid) != getpid() || listen_fds == NULL) return 91;
  struct sigaction action = {.sa_handler = ignore_term ? SIG_IGN : on_term};
  sigaction(SIGTERM, &action, NULL);
  signal(SIGPIPE, SIG_IGN);

  int sockets = atoi(listen_fds);
  struct pollfd entries[16];
  char names[256];
  snprintf(names, sizeof names, "%s", getenv("LISTEN_FDNAMES"));
  char *name = strtok(names, ":");
  for (int index = 0; index < sockets; index++, name = strtok(NULL, ":")) {
    int is_private = name != NULL && strcmp(name, "http-private") == 0;
    entries[index] = (struct pollfd){.fd = deaf && !is_private ? -1 : 3 + index, .events = POLLIN};
    fcntl(3 + index, F_SETFL, fcntl(3 + index, F_GETFL) | O_NONBLOCK);
    if (backlog > 0) listen(3 + index, backlog);
  }
  fprintf(stderr, "serving %s\n", version);
  while (!stopping) {
    if (poll(entries, (nfds_t)sockets, 100) <= 0) continue;
    for (int index = 0; index < sockets; index++) {
      if (!(entries[index].revents & POLLIN)) continue;
      int client = accept4(entries[index].fd, NULL, NULL, SOCK_CLOEXEC);
      if (client >= 0) answer(client);
    }
  }
  usleep((useconds_t)drain * 1000);
  return 0;
}
