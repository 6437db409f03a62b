/* The kernel texts that the CUDA tests go through. */
#include "tests/codegen/cuda/files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const folders[] = {TESTS_DIR "/ir/kern", TESTS_DIR "/ir/kern/hard",
                                      TESTS_DIR "/codegen/cuda"};
enum { FOLDERS = sizeof folders / sizeof *folders, MAX_FILES = 256, MAX_PATH = 512 };
static char files[MAX_FILES][MAX_PATH];
static int nfiles;

static int is_kern(const struct dirent *d) {
  const char *dot = strrchr(d->d_name, '.');
  return dot && !strcmp(dot, ".kern");
}

int cuda_find_files(void) {
  for (int i = 0; i < FOLDERS; i++) {
    struct dirent **entry;
    int n = scandir(folders[i], &entry, is_kern, alphasort);
    for (int j = 0; j < n; j++) {
      if (nfiles < MAX_FILES) snprintf(files[nfiles++], MAX_PATH, "%s/%s", folders[i], entry[j]->d_name);
      free(entry[j]);
    }
    if (n >= 0) free(entry);
  }
  return nfiles;
}

const char *cuda_file(int i) {
  return files[i];
}
