/* Small pieces of LLVM IR that the dot skeleton is made of. */
#include "codegen/cpu/dot/cpu_dot.h"

LLVMValueRef dot_add(Dot *d, LLVMValueRef x, LLVMValueRef y) {
  return LLVMBuildNSWAdd(d->f->b, x, y, "");
}

LLVMValueRef dot_sub(Dot *d, LLVMValueRef x, LLVMValueRef y) {
  return LLVMBuildNSWSub(d->f->b, x, y, "");
}

LLVMValueRef dot_mul(Dot *d, LLVMValueRef x, int64_t by) {
  return by == 1 ? x : LLVMBuildNSWMul(d->f->b, x, cpu_i64(d->f, by), "");
}

LLVMValueRef dot_div(Dot *d, LLVMValueRef x, int64_t by) {
  return by == 1 ? x : LLVMBuildUDiv(d->f->b, x, cpu_i64(d->f, by), "");
}

LLVMValueRef dot_mod(Dot *d, LLVMValueRef x, int64_t by) {
  return LLVMBuildURem(d->f->b, x, cpu_i64(d->f, by), "");
}

LLVMValueRef dot_min(Dot *d, LLVMValueRef x, LLVMValueRef y) {
  return cpu_call(d->f, "llvm.smin", LLVMTypeOf(x), (LLVMValueRef[]){x, y}, 2);
}

LLVMValueRef dot_max(Dot *d, LLVMValueRef x, LLVMValueRef y) {
  return cpu_call(d->f, "llvm.smax", LLVMTypeOf(x), (LLVMValueRef[]){x, y}, 2);
}

LLVMValueRef dot_part(Dot *d, int64_t total, LLVMValueRef i, int64_t parts) {
  return dot_div(d, dot_mul(d, i, total), parts);
}

LLVMValueRef dot_scratch(Dot *d, int64_t at, LLVMValueRef index) {
  LLVMBuilderRef b = d->f->b;
  LLVMValueRef offset = cpu_i64(d->f, at);
  LLVMValueRef base = LLVMBuildGEP2(b, LLVMInt8TypeInContext(d->f->cx), d->f->scratch, &offset, 1, "");
  return LLVMBuildGEP2(b, d->unit, base, &index, 1, "");
}

LLVMTypeRef dot_units(Dot *d) {
  return LLVMVectorType(d->unit, (unsigned)d->g->lanes);
}

LLVMValueRef dot_load(Dot *d, LLVMTypeRef t, LLVMValueRef ptr) {
  LLVMValueRef v = LLVMBuildLoad2(d->f->b, t, ptr, "");
  LLVMSetAlignment(v, 4);
  cpu_tag(d->f, v, d->f->k->nbuf);
  return v;
}

void dot_store(Dot *d, LLVMValueRef v, LLVMValueRef ptr) {
  LLVMValueRef s = LLVMBuildStore(d->f->b, v, ptr);
  LLVMSetAlignment(s, 4);
  cpu_tag(d->f, s, d->f->k->nbuf);
}

LLVMValueRef dot_panel_start(Dot *d, LLVMValueRef p) {
  const DotBlocks *g = d->g;
  if (g->tall == g->mpanels) return dot_mul(d, p, g->mr);
  return dot_add(d, dot_mul(d, p, g->mr - 1), dot_min(d, p, cpu_i64(d->f, g->tall)));
}

LLVMValueRef dot_panel_rows(Dot *d, LLVMValueRef p) {
  const DotBlocks *g = d->g;
  if (g->tall == g->mpanels) return cpu_i64(d->f, g->mr);
  LLVMValueRef tall = LLVMBuildICmp(d->f->b, LLVMIntSLT, p, cpu_i64(d->f, g->tall), "");
  return LLVMBuildSelect(d->f->b, tall, cpu_i64(d->f, g->mr), cpu_i64(d->f, g->mr - 1), "");
}

/* Lane l of the result is lane from[l] of x and y put one after the other. */
static LLVMValueRef shuffle(Dot *d, LLVMValueRef x, LLVMValueRef y, const int *from) {
  LLVMValueRef index[DOT_MAX_LANES];
  LLVMTypeRef i32 = LLVMInt32TypeInContext(d->f->cx);
  for (int l = 0; l < d->g->lanes; l++) index[l] = LLVMConstInt(i32, (unsigned)from[l], false);
  return LLVMBuildShuffleVector(d->f->b, x, y, LLVMConstVector(index, (unsigned)d->g->lanes), "");
}

/* In each 128 bits: groups of `size` lanes of x and y taken in turn, from the lower or the upper half. */
static LLVMValueRef unpack(Dot *d, LLVMValueRef x, LLVMValueRef y, int size, bool upper) {
  int from[DOT_MAX_LANES], lanes = (int)d->g->lanes;
  for (int l = 0; l < lanes; l++) {
    int in = l % 4, group = in / size, source = group % 2;
    from[l] = (l - in) + (upper ? 2 : 0) + (group / 2) * size + in % size + source * lanes;
  }
  return shuffle(d, x, y, from);
}

/* Blocks of 128 bits: the even (or odd) ones of x, then those of y. */
static LLVMValueRef every_other(Dot *d, LLVMValueRef x, LLVMValueRef y, int odd) {
  int from[DOT_MAX_LANES], lanes = (int)d->g->lanes, half = lanes / 2;
  for (int l = 0; l < lanes; l++) {
    int block = (l % half) / 4 * 2 + odd;
    from[l] = block * 4 + l % 4 + (l >= half ? lanes : 0);
  }
  return shuffle(d, x, y, from);
}

/* Blocks q of u[0], u[4], .. one after the other, for every q: out[4 * q]. */
static void gather_blocks(Dot *d, const LLVMValueRef *u, LLVMValueRef *out) {
  switch (d->g->lanes) {
  case 4: out[0] = u[0]; return;
  case 8:
    for (int q = 0; q < 2; q++) out[4 * q] = every_other(d, u[0], u[4], q);
    return;
  case 16:
    for (int odd = 0; odd < 2; odd++) {
      LLVMValueRef x = every_other(d, u[0], u[4], odd), y = every_other(d, u[8], u[12], odd);
      out[4 * odd] = every_other(d, x, y, 0);
      out[4 * odd + 8] = every_other(d, x, y, 1);
    }
    return;
  default: ice("no transposition of %d lanes", (int)d->g->lanes);
  }
}

void dot_transpose(Dot *d, LLVMValueRef *rows) {
  LLVMValueRef t[DOT_MAX_LANES] = {0}, u[DOT_MAX_LANES] = {0};
  int lanes = (int)d->g->lanes;
  for (int i = 0; i < lanes; i += 2) {
    t[i] = unpack(d, rows[i], rows[i + 1], 1, false);
    t[i + 1] = unpack(d, rows[i], rows[i + 1], 1, true);
  }
  for (int i = 0; i < lanes; i += 4)
    for (int c = 0; c < 4; c++) u[i + c] = unpack(d, t[i + c / 2], t[i + c / 2 + 2], 2, c % 2);
  for (int c = 0; c < 4; c++) gather_blocks(d, u + c, rows + c);
}
