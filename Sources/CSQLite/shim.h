#ifndef CSQLITE_SHIM_H
#define CSQLITE_SHIM_H

/* What the C library declares belongs to its own module, in whatever order modules are loaded; a
   second owner makes `import Glibc` insufficient in some builds and not in others. */
#ifdef __swift__
#pragma clang module import SwiftGlibc
#endif

#include <sqlite3.h>

/* sqlite3_db_config is variadic, which Swift cannot call; this is its form for the on/off options. */
static inline int csqlite_set_flag(sqlite3 *database, int option, int value) {
  return sqlite3_db_config(database, option, value, (int *)0);
}

/* sqlite3_config is variadic as well. Without its count of allocated memory SQLite takes no lock, shared
   by all connections, around each allocation; it has to be told before its first use in a process. */
static inline int csqlite_leave_memory_uncounted(void) {
  return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/* SQLITE_TRANSIENT is a cast macro, which Swift does not import. */
static inline sqlite3_destructor_type csqlite_transient(void) { return SQLITE_TRANSIENT; }

#endif
