#ifndef CCURL_SHIM_H
#define CCURL_SHIM_H

/* What the C library declares belongs to its own module, in whatever order modules are loaded; a
   second owner makes `import Glibc` insufficient in some builds and not in others. */
#ifdef __swift__
#pragma clang module import SwiftGlibc
#endif

#include <curl/curl.h>

/*
 * curl_easy_setopt, curl_easy_getinfo and curl_multi_setopt are variadic, which Swift can't call.
 * There is one typed function per kind of argument, so that a value never has another width than
 * the one libcurl reads.
 */

/* CURLOPTTYPE_LONG and CURLOPTTYPE_VALUES. */
static inline CURLcode ccurl_set_long(CURL *easy, CURLoption option, long value) {
  return curl_easy_setopt(easy, option, value);
}

/* CURLOPTTYPE_OFF_T. */
static inline CURLcode ccurl_set_offset(CURL *easy, CURLoption option, curl_off_t value) {
  return curl_easy_setopt(easy, option, value);
}

/* CURLOPTTYPE_STRINGPOINT; libcurl copies the text. */
static inline CURLcode ccurl_set_string(CURL *easy, CURLoption option, const char *value) {
  return curl_easy_setopt(easy, option, value);
}

/*
 * CURLOPT_COPYPOSTFIELDS with its size set before, so that libcurl copies that many bytes. Without
 * a pointer libcurl would read the body from standard input.
 */
static inline CURLcode ccurl_set_body(CURL *easy, const void *bytes, curl_off_t count) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, count);
  return code ? code : curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, bytes ? bytes : "");
}

/* CURLOPTTYPE_SLISTPOINT; the list is not copied and must outlive the transfer. */
static inline CURLcode ccurl_set_list(CURL *easy, CURLoption option, struct curl_slist *list) {
  return curl_easy_setopt(easy, option, list);
}

/* CURLOPT_PRIVATE; comes back from ccurl_get_pointer with CURLINFO_PRIVATE. */
static inline CURLcode ccurl_set_pointer(CURL *easy, CURLoption option, void *value) {
  return curl_easy_setopt(easy, option, value);
}

/* Each callback with its context. */
static inline CURLcode ccurl_set_write(CURL *easy, curl_write_callback function, void *context) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, function);
  return code ? code : curl_easy_setopt(easy, CURLOPT_WRITEDATA, context);
}

static inline CURLcode ccurl_set_header(CURL *easy, curl_write_callback function, void *context) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, function);
  return code ? code : curl_easy_setopt(easy, CURLOPT_HEADERDATA, context);
}

static inline CURLcode ccurl_set_opensocket(
    CURL *easy, curl_opensocket_callback function, void *context) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, function);
  return code ? code : curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, context);
}

static inline CURLcode ccurl_set_prerequest(
    CURL *easy, curl_prereq_callback function, void *context) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, function);
  return code ? code : curl_easy_setopt(easy, CURLOPT_PREREQDATA, context);
}

/* CURLINFO_LONG; zero when libcurl has no answer. */
static inline long ccurl_get_long(CURL *easy, CURLINFO key) {
  long value = 0;
  return curl_easy_getinfo(easy, key, &value) ? 0 : value;
}

/* The long options of a multi handle. */
static inline CURLMcode ccurl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
  return curl_multi_setopt(multi, option, value);
}

/* The result of a finished transfer; the message's union is awkward from Swift. */
static inline CURLcode ccurl_message_result(const CURLMsg *message) {
  return message->data.result;
}

#endif
