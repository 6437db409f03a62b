#include "runtime/data/rt_source.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files/infile.h"
#include "runtime/rt_base.h"

static bool is_folder(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A safetensors file that is there is opened; one that is not is no error. It may be something else, such as
 * the checkpoint that the run writes: whoever reads samples of it remembers it. */
static bool open_folder(const RtSource *like, RtSource *s, int *n) {
  char *file = rt_format("%s/%s.safetensors", like->path, like->part == RT_PART_TRAIN ? "train" : "val");
  bool there = access(file, F_OK) == 0;
  RtFile *f = there ? rt_file_open_once(file) : NULL;
  if (f) {
    s[*n] = *like;
    s[*n].found = true;
    s[*n].kind = &rt_tensor_file, s[*n].path = rt_format("%s", file), s[(*n)++].own = f;
  }
  free(file);
  if (there && !f) return false;
  s[*n] = *like;
  s[*n].found = true;
  s[*n].kind = &rt_idx_folder, s[(*n)++].path = rt_format("%s", like->path);
  return true;
}

enum { HEAD = 9 }; /* bytes that tell a file's kind */

/* An IDX file begins with two zeros, its type and its rank, one in gzip with gzip's magic. A safetensors file
 * of the same first bytes would have a header of more than 16 MiB, or a brace behind its length. */
static bool looks_like_idx(const unsigned char *head, ssize_t n) {
  if (n >= 2 && head[0] == 0x1f && head[1] == 0x8b) return true;
  if (n < 4 || head[0] || head[1] || head[2] < 8 || head[2] > 14) return false;
  return n < HEAD || head[4] || head[5] || head[6] || head[7] || head[8] != '{';
}

static bool open_file(const RtSource *like, RtSource *s, int *n) {
  unsigned char head[HEAD];
  const char *why;
  int fd = infile_open(like->path, &why);
  if (fd < 0) rt_error("%s: %s", like->path, why);
  if (fd < 0) return false;
  bool idx = looks_like_idx(head, pread(fd, head, HEAD, 0));
  RtFile *f = idx ? NULL : rt_file_from(fd, like->path);
  if (idx) close(fd);
  if (!idx && !f) return false;
  s[*n] = *like;
  s[*n].kind = idx ? &rt_idx_file : &rt_tensor_file;
  s[*n].path = rt_format("%s", like->path), s[(*n)++].own = f;
  return true;
}

bool rt_sources_open(const RtSource *like, RtSource *s, int *n) {
  return is_folder(like->path) ? open_folder(like, s, n) : open_file(like, s, n);
}

void rt_source_close(RtSource *s) {
  if (s->kind->close) s->kind->close(s);
  free(s->path);
}

const char *rt_value_text(const TessValue *v, char buf[300]) {
  char shape[256];
  rt_shape_text(v->t.rank - 1, v->t.dim + 1, shape);
  snprintf(buf, 300, "%s [samples%s%s", rt_type_name(v->t.dtype), v->t.rank > 1 ? ", " : "", shape + 1);
  return buf;
}
