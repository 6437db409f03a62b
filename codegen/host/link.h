/* From an object and the runtime archive to a program. */
#ifndef CODEGEN_LINK_H
#define CODEGEN_LINK_H

#include <stdbool.h>

/* Links by the system's C compiler as a child process, without a shell, beside the object, and copies
 * what is whole to `out`, as base/files/outfile.h says. An archive for a device (NULL: none) replaces parts
 * of the runtime's. The program needs libc, libm and pthread, and equal inputs give equal bytes. False, with
 * an error reported that quotes the linker's messages, when it does not work. */
bool link_program(const char *object, const char *device_archive, const char *runtime_archive,
                  const char *out);

#endif
