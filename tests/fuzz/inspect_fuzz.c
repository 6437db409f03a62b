/* What `tessera inspect` reads: any bytes as an ELF file, and any bytes as a manifest. */
#include <stdlib.h>
#include <string.h>

#include "codegen/host/elf_section.h"
#include "codegen/host/host.h"
#include "codegen/host/manifest.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
  static FILE *nowhere;
  if (!nowhere) nowhere = fopen("/dev/null", "w");
  size_t found = 0;
  const unsigned char *section = elf_section(data, size, HOST_MANIFEST_SECTION, &found);
  const unsigned char *bytes = section ? section : data;
  size_t n = section ? found : size;
  unsigned char *copy = malloc(n + 1); /* aligned, and exactly as long */
  if (!copy || !nowhere) abort();
  memcpy(copy, bytes, n);
  manifest_show(nowhere, copy, n, size % 2);
  free(copy);
  return 0;
}
