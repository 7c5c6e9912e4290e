/* libcurl, loaded on first use: each function of it that is used here calls the one of that name in
   the library. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Nobody but this program is to find these instead of the library's own. */
#pragma GCC visibility push(hidden)
#include "CCurl.h"

static void *library;
static const char *problem;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) {
  library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (!library) problem = strdup(dlerror());
}

const char *ccurl_load(void) {
  pthread_once(&once, load);
  return library ? NULL : problem ? problem : "there is no memory left";
}

/* Finds a function; the process ends where it can't be had, as it would not start if it were linked. */
static void *symbol(const char *name) {
  const char *failure = ccurl_load();
  void *found = failure ? NULL : dlsym(library, name);
  if (!found) {
    fprintf(stderr, "error: libcurl can't be used: %s\n", failure ? failure : dlerror());
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

FORWARD(CURLcode, curl_global_init, (long flags), (flags))
FORWARD(CURL *, curl_easy_init, (void), ())
FORWARD(void, curl_easy_cleanup, (CURL *easy), (easy))
FORWARD(void, curl_easy_reset, (CURL *easy), (easy))
FORWARD(const char *, curl_easy_strerror, (CURLcode code), (code))
FORWARD(void, curl_free, (void *memory), (memory))
FORWARD(CURLM *, curl_multi_init, (void), ())
FORWARD(CURLMcode, curl_multi_cleanup, (CURLM *multi), (multi))
FORWARD(CURLMcode, curl_multi_add_handle, (CURLM *multi, CURL *easy),
        (multi, easy))
FORWARD(CURLMcode, curl_multi_remove_handle, (CURLM *multi, CURL *easy),
        (multi, easy))
FORWARD(CURLMcode, curl_multi_perform, (CURLM *multi, int *running),
        (multi, running))
FORWARD(CURLMcode, curl_multi_poll, (CURLM *multi, struct curl_waitfd extra[], unsigned int count, int timeout, int *ready),
        (multi, extra, count, timeout, ready))
FORWARD(CURLMcode, curl_multi_wakeup, (CURLM *multi), (multi))
FORWARD(CURLMsg *, curl_multi_info_read, (CURLM *multi, int *left),
        (multi, left))
FORWARD(const char *, curl_multi_strerror, (CURLMcode code), (code))
FORWARD(struct curl_slist *, curl_slist_append, (struct curl_slist *list, const char *text),
        (list, text))
FORWARD(void, curl_slist_free_all, (struct curl_slist *list), (list))
FORWARD(CURLU *, curl_url, (void), ())
FORWARD(void, curl_url_cleanup, (CURLU *url), (url))
FORWARD(CURLUcode, curl_url_get, (CURLU *url, CURLUPart part, char **text, unsigned int flags),
        (url, part, text, flags))
FORWARD(CURLUcode, curl_url_set, (CURLU *url, CURLUPart part, const char *text, unsigned int flags),
        (url, part, text, flags))
FORWARD(const char *, curl_url_strerror, (CURLUcode code), (code))

/* The variadic functions, each for one kind of argument. */
typedef CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
typedef CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
typedef CURLMcode (*multi_setopt)(CURLM *, CURLMoption, ...);

CURLcode ccurl_set_long(CURL *easy, CURLoption option, long value) {
  REAL(easy_setopt, set_option, "curl_easy_setopt");
  return set_option(easy, option, value);
}

CURLcode ccurl_set_offset(CURL *easy, CURLoption option, curl_off_t value) {
  REAL(easy_setopt, set_option, "curl_easy_setopt");
  return set_option(easy, option, value);
}

CURLcode ccurl_set_string(CURL *easy, CURLoption option, const char *value) {
  REAL(easy_setopt, set_option, "curl_easy_setopt");
  return set_option(easy, option, value);
}

CURLcode ccurl_set_body(CURL *easy, const void *bytes, curl_off_t count) {
  REAL(easy_setopt, set_option, "curl_easy_setopt");
  CURLcode code = set_option(easy, CURLOPT_POSTFIELDSIZE_LARGE, count);
  return code ? code : set_option(easy, CURLOPT_COPYPOSTFIELDS, bytes ? bytes : "");
}

CURLcode ccurl_set_blob(CURL *easy, CURLoption option, const void *bytes, size_t count) {
  REAL(easy_setopt, set_option, "curl_easy_setopt");
  struct curl_blob blob = {(void *)bytes, count, CURL_BLOB_COPY};
  return set_option(easy, option, &blob);
}

CURLcode ccurl_set_list(CURL *easy, CURLoption option, struct curl_slist *list) {
  REAL(easy_setopt, set_option, "curl_easy_setopt");
  return set_option(easy, option, list);
}

CURLcode ccurl_set_pointer(CURL *easy, CURLoption option, void *value) {
  REAL(easy_setopt, set_option, "curl_easy_setopt");
  return set_option(easy, option, value);
}

CURLcode ccurl_set_write(CURL *easy, curl_write_callback function, void *context) {
  REAL(easy_setopt, set_option, "curl_easy_setopt");
  CURLcode code = set_option(easy, CURLOPT_WRITEFUNCTION, function);
  return code ? code : set_option(easy, CURLOPT_WRITEDATA, context);
}

CURLcode ccurl_set_header(CURL *easy, curl_write_callback function, void *context) {
  REAL(easy_setopt, set_option, "curl_easy_setopt");
  CURLcode code = set_option(easy, CURLOPT_HEADERFUNCTION, function);
  return code ? code : set_option(easy, CURLOPT_HEADERDATA, context);
}

CURLcode ccurl_set_opensocket(
    CURL *easy, curl_opensocket_callback function, void *context) {
  REAL(easy_setopt, set_option, "curl_easy_setopt");
  CURLcode code = set_option(easy, CURLOPT_OPENSOCKETFUNCTION, function);
  return code ? code : set_option(easy, CURLOPT_OPENSOCKETDATA, context);
}

CURLcode ccurl_set_prerequest(
    CURL *easy, curl_prereq_callback function, void *context) {
  REAL(easy_setopt, set_option, "curl_easy_setopt");
  CURLcode code = set_option(easy, CURLOPT_PREREQFUNCTION, function);
  return code ? code : set_option(easy, CURLOPT_PREREQDATA, context);
}

long ccurl_get_long(CURL *easy, CURLINFO key) {
  REAL(easy_getinfo, get_information, "curl_easy_getinfo");
  long value = 0;
  return get_information(easy, key, &value) ? 0 : value;
}

CURLMcode ccurl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
  REAL(multi_setopt, set_multi_option, "curl_multi_setopt");
  return set_multi_option(multi, option, value);
}

CURLcode ccurl_message_result(const CURLMsg *message) {
  return message->data.result;
}
