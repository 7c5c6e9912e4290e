#ifndef CARCHIVE_SHIM_H
#define CARCHIVE_SHIM_H

/* What the C library declares belongs to its own module, in whatever order modules are loaded; a
   second owner makes `import Glibc` insufficient in some builds and not in others. */
#ifdef __swift__
#pragma clang module import SwiftGlibc
#endif

#include <archive.h>
#include <archive_entry.h>

/*
 * Loads libarchive, once per process; NULL when it is there, else why not. Every function used here
 * loads it as well, and ends the process where that fails. Only what packs or unpacks needs it, and
 * it brings a dozen libraries that would slow down each start of the program.
 */
const char *carchive_load(void);

#endif
