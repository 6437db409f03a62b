/* Safetensors files as sources: a datum is read from the tensor of its name, whose first dimension are the
 * samples. A sample is read from the file when it is needed. */
#include <inttypes.h>
#include <string.h>

#include "base/files/infile.h"
#include "runtime/data/rt_table.h"
#include "runtime/rt_base.h"
#include "runtime/state/rt_names.h"

/* A file may have tensors that no program takes. */
static bool is_usable(const RtColumn *c, const RtTensor *t) {
  char text[300];
  if (t->type != RT_TYPE_COUNT && t->rank <= TESS_MAX_RANK) return true;
  rt_error("%s: found %s in %" PRIu32 " dimensions, expected %s for the program's \"%s\"", c->name,
           t->type_name, t->rank, rt_value_text(c->value, text), c->value->name);
  return false;
}

static RtFound find(RtSource *s, RtColumn *c) {
  RtFile *f = s->own;
  RtTensor *t = rt_file_find(f, c->value->name);
  if (!t) return RT_ABSENT;
  c->name = rt_format("%s: tensor \"%s\"", s->path, t->name);
  if (!is_usable(c, t) || !rt_table_new(c, t->type, t->rank, t->dim)) return RT_BROKEN;
  RtTable *table = c->own;
  table->file = f;
  table->tensor = t;
  infile_note(s->path, s->path);
  return RT_LOADED;
}

static void miss(const RtSource *s, const TessValue *v) {
  const RtFile *f = s->own;
  RtNames names = {0};
  char text[300];
  rt_error("%s: found no tensor \"%s\", expected %s", s->path, v->name, rt_value_text(v, text));
  for (int i = 0; i < f->ntensor; i++) rt_names_add(&names, "", f->tensor[i].name);
  rt_names_say(&names, rt_note, s->path, "has the tensors");
}

static void close_file(RtSource *s) {
  rt_file_close(s->own);
}

const RtSourceKind rt_tensor_file = {.find = find,
                                     .miss = miss,
                                     .settle = rt_table_settle,
                                     .read = rt_table_read,
                                     .bytes = rt_table_bytes,
                                     .drop = rt_table_drop,
                                     .close = close_file};
