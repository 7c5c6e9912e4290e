#ifndef CCURL_SHIM_H
#define CCURL_SHIM_H

/* What the C library declares belongs to its own module, in whatever order modules are loaded; a
   second owner makes `import Glibc` insufficient in some builds and not in others. */
#ifdef __swift__
#pragma clang module import SwiftGlibc
#endif

/* The checks of argument types are macros, which would hide the functions that LazyCurl.c defines. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

/*
 * Loads libcurl, once per process; NULL when it is there, else why not. Every other function here
 * loads it as well, and ends the process where that fails. Linked as usual, libcurl and the forty
 * libraries under it would cost each start of the program more time than all of the rest.
 */
const char *ccurl_load(void);

/*
 * curl_easy_setopt, curl_easy_getinfo and curl_multi_setopt are variadic, which Swift can't call.
 * There is one typed function per kind of argument, so that a value never has another width than
 * the one libcurl reads.
 */

/* CURLOPTTYPE_LONG and CURLOPTTYPE_VALUES. */
CURLcode ccurl_set_long(CURL *easy, CURLoption option, long value);

/* CURLOPTTYPE_OFF_T. */
CURLcode ccurl_set_offset(CURL *easy, CURLoption option, curl_off_t value);

/* CURLOPTTYPE_STRINGPOINT; libcurl copies the text. */
CURLcode ccurl_set_string(CURL *easy, CURLoption option, const char *value);

/*
 * CURLOPT_COPYPOSTFIELDS with its size set before, so that libcurl copies that many bytes. Without
 * a pointer libcurl would read the body from standard input.
 */
CURLcode ccurl_set_body(CURL *easy, const void *bytes, curl_off_t count);

/* CURLOPTTYPE_BLOB; libcurl copies the bytes. */
CURLcode ccurl_set_blob(CURL *easy, CURLoption option, const void *bytes, size_t count);

/* CURLOPTTYPE_SLISTPOINT; the list is not copied and must outlive the transfer. */
CURLcode ccurl_set_list(CURL *easy, CURLoption option, struct curl_slist *list);

/* CURLOPT_PRIVATE; comes back from ccurl_get_pointer with CURLINFO_PRIVATE. */
CURLcode ccurl_set_pointer(CURL *easy, CURLoption option, void *value);

/* Each callback with its context. */
CURLcode ccurl_set_write(CURL *easy, curl_write_callback function, void *context);

CURLcode ccurl_set_header(CURL *easy, curl_write_callback function, void *context);

CURLcode ccurl_set_opensocket(
    CURL *easy, curl_opensocket_callback function, void *context);

CURLcode ccurl_set_prerequest(
    CURL *easy, curl_prereq_callback function, void *context);

/* CURLINFO_LONG; zero when libcurl has no answer. */
long ccurl_get_long(CURL *easy, CURLINFO key);

/* The long options of a multi handle. */
CURLMcode ccurl_multi_set_long(CURLM *multi, CURLMoption option, long value);

/* The result of a finished transfer; the message's union is awkward from Swift. */
CURLcode ccurl_message_result(const CURLMsg *message);

#endif
