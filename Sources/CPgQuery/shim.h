#ifndef CPGQUERY_SHIM_H
#define CPGQUERY_SHIM_H

/* What the C library declares belongs to its own module, in whatever order modules are loaded; a
   second owner makes `import Glibc` insufficient in some builds and not in others. */
#ifdef __swift__
#pragma clang module import SwiftGlibc
#endif

#include <pg_query.h>

#endif
