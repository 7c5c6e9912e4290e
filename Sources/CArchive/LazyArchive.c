/* libarchive, loaded on first use: each function of it that is used here calls the one of that name in
   the library. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Nobody but this program is to find these instead of the library's own. */
#pragma GCC visibility push(hidden)
#include "CArchive.h"

static void *library;
static const char *problem;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) {
  library = dlopen("libarchive.so.13", RTLD_NOW | RTLD_LOCAL);
  if (!library) problem = strdup(dlerror());
}

const char *carchive_load(void) {
  pthread_once(&once, load);
  return library ? NULL : problem ? problem : "there is no memory left";
}

/* Finds a function; the process ends where it can't be had, as it would not start if it were linked. */
static void *symbol(const char *name) {
  const char *failure = carchive_load();
  void *found = failure ? NULL : dlsym(library, name);
  if (!found) {
    fprintf(stderr, "error: libarchive can't be used: %s\n", failure ? failure : dlerror());
    abort();
  }
  return found;
}

/* The library's own function of that name, looked for once. */
#define REAL(type, real, name)               \
  static _Atomic(type) kept;                 \
  type real = kept;                          \
  if (!real) kept = real = (type)symbol(name)

/* Defines the function of that name as a call of the library's own. */
#define FORWARD(result, name, parameters, arguments) \
  result name parameters {                           \
    typedef result(*function) parameters;            \
    REAL(function, real, #name);                     \
    return real arguments;                           \
  }

FORWARD(mode_t, archive_entry_filetype, (struct archive_entry *entry), (entry))
FORWARD(void, archive_entry_free, (struct archive_entry *entry), (entry))
FORWARD(const char *, archive_entry_hardlink, (struct archive_entry *entry), (entry))
FORWARD(mode_t, archive_entry_mode, (struct archive_entry *entry), (entry))
FORWARD(struct archive_entry *, archive_entry_new, (void), ())
FORWARD(const char *, archive_entry_pathname, (struct archive_entry *entry), (entry))
FORWARD(const char *, archive_entry_pathname_utf8, (struct archive_entry *entry), (entry))
FORWARD(
    void, archive_entry_set_filetype, (struct archive_entry *entry, unsigned int type),
    (entry, type))
FORWARD(
    void, archive_entry_set_mtime, (struct archive_entry *entry, time_t seconds, long nanoseconds),
    (entry, seconds, nanoseconds))
FORWARD(
    void, archive_entry_set_pathname, (struct archive_entry *entry, const char *path),
    (entry, path))
FORWARD(void, archive_entry_set_perm, (struct archive_entry *entry, mode_t mode), (entry, mode))
FORWARD(void, archive_entry_set_size, (struct archive_entry *entry, la_int64_t size), (entry, size))
FORWARD(la_int64_t, archive_entry_size, (struct archive_entry *entry), (entry))
FORWARD(const char *, archive_entry_symlink, (struct archive_entry *entry), (entry))
FORWARD(int, archive_errno, (struct archive *archive), (archive))
FORWARD(const char *, archive_error_string, (struct archive *archive), (archive))
FORWARD(int, archive_filter_code, (struct archive *archive, int index), (archive, index))
FORWARD(
    la_ssize_t, archive_read_data, (struct archive *archive, void *bytes, size_t count),
    (archive, bytes, count))
FORWARD(int, archive_read_free, (struct archive *archive), (archive))
FORWARD(struct archive *, archive_read_new, (void), ())
FORWARD(
    int, archive_read_next_header, (struct archive *archive, struct archive_entry **entry),
    (archive, entry))
FORWARD(
    int, archive_read_open_fd, (struct archive *archive, int descriptor, size_t block),
    (archive, descriptor, block))
FORWARD(int, archive_read_support_filter_gzip, (struct archive *archive), (archive))
FORWARD(int, archive_read_support_format_tar, (struct archive *archive), (archive))
FORWARD(int, archive_write_add_filter_gzip, (struct archive *archive), (archive))
FORWARD(int, archive_write_close, (struct archive *archive), (archive))
FORWARD(
    la_ssize_t, archive_write_data, (struct archive *archive, const void *bytes, size_t count),
    (archive, bytes, count))
FORWARD(int, archive_write_free, (struct archive *archive), (archive))
FORWARD(
    int, archive_write_header, (struct archive *archive, struct archive_entry *entry),
    (archive, entry))
FORWARD(struct archive *, archive_write_new, (void), ())
FORWARD(
    int, archive_write_open_fd, (struct archive *archive, int descriptor),
    (archive, descriptor))
FORWARD(
    int, archive_write_set_filter_option, (struct archive *archive, const char *module, const char *option, const char *value),
    (archive, module, option, value))
FORWARD(int, archive_write_set_format_pax_restricted, (struct archive *archive), (archive))
